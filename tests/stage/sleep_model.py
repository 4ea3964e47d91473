"""Rows that do nothing, for benchmarks and for tests of faults: each takes `COSMOSCTL_PREVIEW_ROW_S` seconds.

The video is `sleep_model.mp4` (64x48, 8 frames, gray), made once with `media.encode`: no library is loaded. Where the
sources have 16 frames or more, one of that many gray frames is encoded. An unused box at its end holds the row as JSON,
so that the videos of two rows differ and a test can tell whose one is.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from cosmosctl.preview.drawing.row_picture import Shot, Video
from tests.support.waiting import take

FRAMES = 8
"""Of a row whose sources are about as short."""

_VIDEO = Path(__file__).with_name("sleep_model.mp4")


@dataclass(frozen=True)
class _Nap:
    seconds_per_frame: float

    def sample(self, frames: int) -> None:
        take(self.seconds_per_frame * frames)


@dataclass(frozen=True)
class SleepStudio:
    """Takes its time and draws nothing."""

    row_s: float

    def make_control(self, hint: str, source: Path, target: Path, *, preset: str | None = None) -> None:
        target.write_bytes(_gray(self.frame_count([source]), target))

    def frame_count(self, paths: Sequence[Path]) -> int:
        shortest = min((_samples(path) for path in paths), default=0)
        return shortest if shortest >= 2 * FRAMES else FRAMES

    def look(self, path: Path) -> tuple[tuple[int, int], Fraction]:
        return (64, 48), Fraction(24)

    @contextmanager
    def video(self, shot: Shot, target: Path) -> Iterator[Video]:
        yield _Nap(self.row_s / shot.frames)
        target.write_bytes(_gray(shot.frames, target) + _box(describe(shot)))


def describe(shot: Shot) -> str:
    """The row as JSON: what a test may want to compare."""
    weights = {layer.name: layer.weight for layer in shot.layers}
    inputs = {layer.name: str(layer.path) for layer in shot.layers}
    facts = {"prompt": shot.prompt, "video": str(shot.video), "weights": weights, "inputs": inputs}
    settings = {"seed": shot.seed, "num_steps": shot.num_steps, "guidance": shot.guidance, "fps": float(shot.fps)}
    return json.dumps(facts | settings)


def _samples(path: Path) -> int:
    """Frames of an MP4 of one track, told from its table of sizes (ISO/IEC 14496-12, 8.7.3); 0 of no such file."""
    data = path.read_bytes() if path.is_file() else b""
    at = data.find(b"stsz")
    return int.from_bytes(data[at + 12 : at + 16]) if at >= 0 else 0


def _gray(frames: int, beside: Path) -> bytes:
    if frames < 2 * FRAMES:
        return _VIDEO.read_bytes()
    import numpy as np

    from cosmosctl.media.encode import Quality, writing

    made = beside.with_name(f"gray-{frames}.mp4")
    with writing(
        made, width=64, height=48, fps=Fraction(24), quality=Quality(crf=30, preset="ultrafast", threads=1)
    ) as video:
        for _ in range(frames):
            video.write(np.full((72, 64), 128, np.uint8))
    content = made.read_bytes()
    made.unlink()
    return content


def _box(text: str) -> bytes:
    """An MP4 box of type `free`, which every reader passes over (ISO/IEC 14496-12, 8.1.2)."""
    content = text.encode()
    return struct.pack(">I4s", 8 + len(content), b"free") + content

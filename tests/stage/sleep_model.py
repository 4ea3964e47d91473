"""Rows that do nothing, for benchmarks and for tests of faults: each takes `COSMOSCTL_PREVIEW_ROW_S` seconds.

No library is loaded. The video is `sleep_model.mp4` (64x48, 8 frames, gray), made once with `media.encode`; an unused
box at its end holds the row as JSON, so that the videos of two rows differ and a test can tell whose one is.
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
        target.write_bytes(_VIDEO.read_bytes())

    def frame_count(self, paths: Sequence[Path]) -> int:
        return FRAMES

    def look(self, path: Path) -> tuple[tuple[int, int], Fraction]:
        return (64, 48), Fraction(24)

    @contextmanager
    def video(self, shot: Shot, target: Path) -> Iterator[Video]:
        yield _Nap(self.row_s / FRAMES)
        target.write_bytes(_VIDEO.read_bytes() + _box(describe(shot)))


def describe(shot: Shot) -> str:
    """The row as JSON: what a test may want to compare."""
    weights = {layer.name: layer.weight for layer in shot.layers}
    inputs = {layer.name: str(layer.path) for layer in shot.layers}
    facts = {"prompt": shot.prompt, "video": str(shot.video), "weights": weights, "inputs": inputs}
    settings = {"seed": shot.seed, "num_steps": shot.num_steps, "guidance": shot.guidance, "fps": float(shot.fps)}
    return json.dumps(facts | settings)


def _box(text: str) -> bytes:
    """An MP4 box of type `free`, which every reader passes over (ISO/IEC 14496-12, 8.1.2)."""
    content = text.encode()
    return struct.pack(">I4s", 8 + len(content), b"free") + content

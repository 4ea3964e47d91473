"""Two scenes as people bring them: drawn from the demo's clips, and real where COSMOSCTL_TEST_VIDEOS names a folder.

The drawn ones have the traits of the real ones. The street: HEVC, 640 x 480, 30 fps, filmed by hand with the grain of a
small sensor; depth and segmentation are H.264 and go with each frame. The robot: H.264, 1280 x 704, 24 fps, still and
smooth, with a segmentation. None has sound. All have the 121 frames of one clip of transfer1; most tests take the first
of them, as drawing and filtering each takes its time. What was drawn once is there for all processes of a test run.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from _pytest.mark.structures import ParameterSet

from cosmosctl.commands.start.init import DEMO_SCENE
from cosmosctl.io.shipped import template
from tests import clips
from tests.support.kept import once

Pixels = npt.NDArray[np.uint8]

REAL = {
    "street/color": "example1_input_video",
    "street/depth": "example1_depth",
    "street/segmentation": "example1_seg",
    "robot/color": "robot_sample_input",
    "robot/segmentation": "robot_sample_seg",
}
"""Scene and role -> the real clip's name. Source: nvidia-cosmos/cosmos-transfer1, assets/."""

FRAMES = 121
FEW = 25
"""Frames of a clip where its length is not the point: no later one of the real clips is needed to decode these."""
GRAIN = 6.0
"""Standard deviation of the grain, in steps of 8 bits."""

_STREET, _ROBOT = (640, 480), (1280, 704)
_COVER = 1.5
"""The street's enlargement: its height, and a margin for the shake."""


@dataclass(frozen=True)
class Clip:
    """`part` is a key of REAL, `source` is "drawn" or "real". The first `frames` alone may be wanted."""

    source: str
    part: str
    frames: int = FRAMES

    def __str__(self) -> str:
        return f"{self.source}-{self.part.replace('/', '-')}"

    def copied(self, path: Path) -> Path:
        """A copy of it at `path`, which is returned."""
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile((_real if self.source == "real" else _drawn)(self.part, self.frames), path)
        return path


def sources() -> list[ParameterSet]:
    """Where footage comes from."""
    no_hevc = pytest.mark.skipif(not clips.has_encoder(clips.HEVC), reason="this build of PyAV writes no HEVC")
    real = [pytest.param("real", id="real")] if os.environ.get("COSMOSCTL_TEST_VIDEOS") else []
    return [pytest.param("drawn", id="drawn", marks=no_hevc), *real]


def every(role: str = "", *, frames: int = FRAMES) -> list[ParameterSet]:
    """Each clip of that role ("color", "depth", "segmentation"), or each clip, so many frames of it."""
    return [
        pytest.param(clip, id=str(clip), marks=source.marks)
        for source in sources()
        for clip in (Clip(str(source.values[0]), part, frames) for part in REAL if part.endswith(role))
    ]


def _real(part: str, frames: int) -> Path:
    whole = Path(os.environ["COSMOSCTL_TEST_VIDEOS"], f"{REAL[part]}.mp4")
    if frames == FRAMES:
        return whole
    return once(f"real-{part.replace('/', '-')}-{frames}.mp4", lambda path: _cut(whole, path, frames))


def _cut(whole: Path, target: Path, frames: int) -> None:
    """The packets of the first frames, as they are."""
    with av.open(str(whole)) as given, av.open(str(target), "w", format="mp4") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in islice((one for one in given.demux(video=0) if one.dts is not None), frames):
            packet.stream = stream
            made.mux(packet)


def _drawn(part: str, frames: int) -> Path:
    """The drawn clip; of several processes that want it one draws it."""
    name = f"{part.replace('/', '-')}-{frames}.mp4"
    return once(name, lambda path: path.write_bytes(drawn(part, frames)))


def drawn(part: str, frames: int) -> bytes:
    """That clip, drawn anew."""
    scene, role = part.split("/")
    pictures = (_PICTURES[scene](picture, number, role) for number, picture in enumerate(islice(_demo(role), frames)))
    by_hand = part == "street/color"
    codec = clips.HEVC if by_hand else "libx264"
    return clips.film(pictures, fps=30 if scene == "street" else 24, codec=codec, tagged=by_hand)


def _demo(role: str) -> Iterator[Pixels]:
    return iter(clips.frames_of(template("demo", DEMO_SCENE, f"{role}.mp4")))


def _street(picture: Pixels, number: int, role: str) -> Pixels:
    """The demo's frame from a camera in somebody's hand."""
    moved = cv2.warpAffine(
        picture, _shake(picture, number), _STREET, flags=_filter(role), borderMode=cv2.BORDER_REFLECT
    )
    made = np.asarray(moved, np.uint8)
    return _with_grain(made, number) if role == "color" else made


def _robot(picture: Pixels, _number: int, role: str) -> Pixels:
    """The demo's frame at the model's size and mirrored, so that it is another scene."""
    return np.asarray(cv2.resize(picture[:, ::-1], _ROBOT, interpolation=_filter(role)), np.uint8)


_PICTURES: dict[str, Callable[[Pixels, int, str], Pixels]] = {"street": _street, "robot": _robot}


def _filter(role: str) -> int:
    return cv2.INTER_NEAREST if role == "segmentation" else cv2.INTER_CUBIC


def _shake(picture: Pixels, number: int) -> npt.NDArray[np.float64]:
    """From the demo's picture to the street's: enlarged about its middle, moved some pixels, turned half a degree."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.5 * np.sin(number / 3.1), _COVER)
    matrix[:, 2] += (_STREET[0] - width) / 2, (_STREET[1] - height) / 2
    matrix[:, 2] += 5 * np.sin(number / 2.3) + 3 * np.sin(number / 0.9), 6 * np.sin(number / 1.9 + 1)
    return np.asarray(matrix, np.float64)


def _with_grain(picture: Pixels, number: int) -> Pixels:
    grain = np.random.default_rng(number).normal(0, GRAIN, picture.shape[:2])
    grainy = picture + np.asarray(cv2.GaussianBlur(grain, (3, 3), 0.6))[..., None]
    return np.asarray(np.clip(grainy, 0, 255), np.uint8)

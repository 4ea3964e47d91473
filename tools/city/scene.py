"""Draws the demo scene: a flight into a made-up city as a colour video with its exact depth and segmentation.

No random beyond the seed.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cosmosctl.media.encode import Quality, VideoWriter, writing
from cosmosctl.media.frames import Pixels, i420, mapped, unpacked
from tools.city.light import Light, light_of, with_shadows
from tools.city.paint import paint
from tools.city.plan import Boxes, City, Label, build_city, camera_at
from tools.city.rays import Floats, cast

SIZE = (640, 352)
"""Half of the models' 16:9 size 1280 x 704: enough to look well, and small."""
FRAMES = 121
"""One clip of transfer1 (model-contracts 1e)."""
FPS = 24
SEED = 3

COLOR = Quality(crf=22, preset="veryslow", threads=1)
DEPTH = Quality(crf=16, preset="veryslow", threads=1)
SEGMENTATION = Quality(crf=18, preset="veryslow", threads=1)
"""Small files, whatever time they take; the segmentation so fine that its flat colours stay flat."""

_CLASS_COLORS = ((70, 130, 180), (128, 64, 128), (244, 35, 232), (152, 251, 152), (107, 142, 35), (220, 220, 0))
"""Of `Label` in its order. Source: Cityscapes labels (mcordts/cityscapesScripts, helpers/labels.py)."""


@dataclass(frozen=True)
class View:
    """One frame: colour (RGB), depth in metres along the optical axis (infinite in the sky), label of each pixel."""

    color: Pixels
    depth_m: Floats
    label: npt.NDArray[np.int32]


def draw_scene(
    folder: Path,
    *,
    seed: int = SEED,
    frames: int = FRAMES,
    size: tuple[int, int] = SIZE,
    fps: int = FPS,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, Path, Path]:
    """Writes color.mp4, depth.mp4 and segmentation.mp4 into `folder` and returns their paths.

    `size` is (width, height), both even. The depth video is bright where it is near: 1 / distance, stretched from the
    farthest to the nearest point of the whole video, as depth estimators give it. The segmentation has a colour each
    for sky, road, pavement, grass, trees and lamps, and one for each house and car. `progress` hears (done, frames).
    """
    targets = (folder / "color.mp4", folder / "depth.mp4", folder / "segmentation.mp4")
    folder.mkdir(parents=True, exist_ok=True)
    city = build_city(seed, frames / fps)
    light, palette = light_of(city.standing), label_colors(city.labels)
    nearness = np.empty((frames, size[1], size[0]), np.float16)
    with ExitStack() as stack:
        color, depth, segmentation = (
            stack.enter_context(writing(target, width=size[0], height=size[1], fps=Fraction(fps), quality=quality))
            for target, quality in zip(targets, (COLOR, DEPTH, SEGMENTATION), strict=True)
        )
        views = mapped(lambda number: view_at(city, light, number / fps, size), range(frames))
        for number, view in enumerate(views):
            color.write(i420(view.color))
            segmentation.write(_flat(palette, view.label))
            nearness[number] = 1 / view.depth_m
            if progress is not None:
                progress(number + 1, frames)
        _write_depth(depth, nearness)
    return targets


def view_at(city: City, light: Light, time_s: float, size: tuple[int, int]) -> View:
    """What the camera sees at `time_s`, in a picture of `size` (width, height)."""
    camera = camera_at(time_s)
    moving = city.moving(time_s)
    boxes = city.standing + moving
    hits = cast(boxes.low, boxes.high, camera, size)
    color = paint(boxes, with_shadows(light, moving), camera, hits)
    return View(color, hits.depth_m, _labels(boxes)[hits.surface])


def label_colors(count: int) -> Pixels:
    """A colour for each label, far from all others: `count` x RGB."""
    levels = np.linspace(24, 250, max(7, int(np.ceil((2 * count) ** (1 / 3)))))
    free = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    chosen = [np.array(color, np.float64) for color in _CLASS_COLORS[:count]]
    gaps = np.min([np.linalg.norm(free - color, axis=1) for color in chosen], axis=0)
    while len(chosen) < count:
        chosen.append(free[int(gaps.argmax())])
        gaps = np.minimum(gaps, np.linalg.norm(free - chosen[-1], axis=1))
    return np.rint(chosen).astype(np.uint8)


def _labels(boxes: Boxes) -> npt.NDArray[np.int32]:
    """The label of each surface in `Hits`: three a box, then ground and sky."""
    return np.append(np.repeat(boxes.label, 3), (Label.ROAD, Label.SKY)).astype(np.int32)


def _flat(colors: Pixels, label: npt.NDArray[np.int32]) -> Pixels:
    """A packed I420 picture with each pixel in its label's colour; chroma is unmixed, of 2 x 2 pixels the first's."""
    y, u, v = unpacked(i420(colors.repeat(2, axis=0)[None].repeat(2, axis=0)))
    coarse = label[::2, ::2]
    planes = (y[0, ::2].take(label), u[0].take(coarse), v[0].take(coarse))
    return np.concatenate([plane.reshape(-1) for plane in planes]).reshape(-1, label.shape[1])


def _write_depth(video: VideoWriter, nearness: npt.NDArray[np.float16]) -> None:
    low, high = float(nearness.min()), float(nearness.max())
    height, width = nearness.shape[1:]
    gray = np.full((height * 3 // 2, width), 128, np.uint8)
    for frame in nearness:
        gray[:height] = np.rint((frame.astype(np.float32) - low) * np.float32(219 / (high - low))) + 16
        video.write(gray)

"""Edge and vis controls computed here, with the constants of transfer1, so that they are the same each time.

The program's own are random (thresholds, shrink factor) and so never the same twice.
Source of every constant: github.com/nvidia-cosmos/cosmos-transfer1 at 5005e82: auxiliary/{edge,vis}_control/*.py,
diffusion/config/transfer/augmentors.py, diffusion/datasets/augmentors/control_input.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np

from cosmosctl.media import bicubic, frames
from cosmosctl.media.encode import Quality, writing
from cosmosctl.media.frames import Pixels

THRESHOLDS: Mapping[str, tuple[int, int]] = {
    "very_low": (20, 50),
    "low": (50, 100),
    "medium": (100, 200),
    "high": (200, 300),
    "very_high": (300, 400),
}
"""Preset -> lower and upper threshold of Canny (edge_control.py, the branch without use_random)."""


@dataclass(frozen=True)
class Blur:
    """Shrink by `shrink`, bilateral filter, enlarge; then shrink by `coarse` and enlarge once more."""

    shrink: int
    diameter: int
    sigma_color: int
    sigma_space: int
    coarse: int


BLURS: Mapping[str, Blur] = {
    "very_low": Blur(1, 15, 100, 50, 4),
    "low": Blur(4, 15, 100, 50, 4),
    "medium": Blur(2, 30, 150, 100, 10),
    "high": Blur(1, 50, 300, 150, 16),
    "very_high": Blur(4, 50, 300, 150, 16),
}
"""Preset -> its steps (BilateralOnlyBlurAugmentorConfig). `coarse` is random in the program; these are its presets'."""

_QUALITY = Quality(crf=10, preset="veryfast", threads=1)
"""All but lossless: one level off on average, as with slower presets (measured). One thread, so that the bytes do not
depend on the machine's cores."""


def write_control(
    kind: str, preset: str, source: Path, target: Path, *, progress: Callable[[int, int], None] | None = None
) -> None:
    """The control video `target` of the clip `source`: as many frames, the same rate, the same bytes each time.

    `progress` hears (frames done, frames in all). Odd sizes are stretched to the next even ones.
    Raises: OSError, av.error.FFmpegError.
    """
    total = frames.announced(source)
    pictures = frames.mapped(partial(_packed, filter_of(kind, preset)), frames.decoded(source))
    first = next(pictures)
    rows, width = first.shape
    with writing(target, width=width, height=rows * 2 // 3, fps=frames.rate(source), quality=_QUALITY) as video:
        for done, picture in enumerate(chain((first,), pictures), start=1):
            video.write(picture)
            if progress:
                progress(done, max(done, total))


def filter_of(kind: str, preset: str) -> Callable[[Pixels], Pixels]:
    """RGB frame -> RGB frame of that control ("edge", "vis") and preset. Raises: KeyError for any other."""
    return partial({"edge": edge_frame, "vis": vis_frame}[kind], preset=preset)


def edge_frame(rgb: Pixels, preset: str) -> Pixels:
    """White edges on black, height x width x 3, of a frame at its own size."""
    lower, upper = THRESHOLDS[preset]
    edges = cv2.Canny(rgb, lower, upper)  # on RGB: gray or BGR give other edges
    return np.asarray(cv2.cvtColor(edges, cv2.COLOR_GRAY2RGB), np.uint8)


def vis_frame(rgb: Pixels, preset: str) -> Pixels:
    """A blurred frame of the same size."""
    return blurred(rgb, BLURS[preset])


def blurred(rgb: Pixels, blur: Blur) -> Pixels:
    """`rgb` after the steps of `blur`; rounded to whole numbers after each step, as the program does."""
    height, width = rgb.shape[:2]
    small_size = max(1, width // blur.shrink), max(1, height // blur.shrink)
    small = np.asarray(cv2.resize(rgb, small_size, interpolation=cv2.INTER_AREA), np.uint8)
    smooth = cv2.bilateralFilter(small, blur.diameter, blur.sigma_color, blur.sigma_space)
    full = np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    coarse = bicubic.resized(full, max(1, int(width / blur.coarse)), max(1, int(height / blur.coarse)))
    return bicubic.resized(coarse, width, height)


def _packed(work: Callable[[Pixels], Pixels], frame: av.VideoFrame) -> Pixels:
    return frames.i420(work(frames.rgb(frame)))

"""Videos in and out: frames read and brought to the model's size, controls made of them, results written.

Sizes, shrink factors and thresholds are the native programs' (nvidia-cosmos/cosmos-transfer2.5 at 2ff49d0,
NVIDIA/cosmos-framework at 5eee9ed); a frame is height x width x 3, RGB, uint8.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import av
import cv2
import numpy as np
from said import BadInput

Pixels = Any
Size = Tuple[int, int]

THRESHOLDS = {
    "very_low": (20, 50),
    "low": (50, 100),
    "medium": (100, 200),
    "high": (200, 300),
    "very_high": (300, 400),
}
"""Preset of edge -> lower and upper threshold of Canny."""
BLURS = {"very_low": (1, 4), "low": (4, 4), "medium": (2, 10), "high": (1, 16), "very_high": (4, 16)}
"""Preset of vis -> (shrink before the bilateral filter, shrink after it)."""


@dataclass(frozen=True)
class Geometry:
    """How a row's videos are brought to the model's size: stretched, or cropped in the middle once one side fits."""

    size: Size
    is_cropped: bool

    def fit(self, rgb: Pixels, interpolation: int) -> Pixels:
        """A frame at the model's size."""
        height, width = rgb.shape[:2]
        if not self.is_cropped:
            return rgb if (width, height) == self.size else cv2.resize(rgb, self.size, interpolation=interpolation)
        target_width, target_height = self.size
        scale = max(target_width / width, target_height / height)
        inner = (max(target_width, round(width * scale)), max(target_height, round(height * scale)))
        fitted = rgb if inner == (width, height) else cv2.resize(rgb, inner, interpolation=interpolation)
        left, top = (inner[0] - target_width) // 2, (inner[1] - target_height) // 2
        return fitted[top : top + target_height, left : left + target_width]


def read(path: str, frames: int) -> Iterator[Pixels]:
    """The first `frames` frames of a video. Raises: BadInput when it has fewer, or cannot be read."""
    count = 0
    try:
        with av.open(f"file:{path}") as container:
            container.streams.video[0].thread_type = "AUTO"
            for frame in container.decode(container.streams.video[0]):
                if count == frames:
                    return
                yield frame.to_ndarray(format="rgb24")
                count += 1
    except (OSError, IndexError, av.error.FFmpegError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if count < frames:
        raise BadInput(f"{path} has {count} frames of {frames}")


def rate(path: str) -> Fraction:
    """Frames per second of a video, on average."""
    try:
        with av.open(f"file:{path}") as container:
            stream = container.streams.video[0]
            found = stream.average_rate or stream.guessed_rate or Fraction(24)
            return Fraction(found.numerator, found.denominator)
    except (OSError, IndexError, av.error.FFmpegError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error


def controls(row: Dict[str, Any], blur: Callable[[Pixels, str], Pixels]) -> Dict[str, Pixels]:
    """Control -> its frames x height x width x 3, of those that a row has; `blur` is the family's vis."""
    geometry, frames = Geometry(tuple(row["size"]), row["crop"]), row["frames"]
    found = {}
    for name, block in row["controls"].items():
        if "path" in block:
            how = cv2.INTER_NEAREST if name == "seg" else cv2.INTER_LINEAR
            pictures = (geometry.fit(rgb, how) for rgb in read(block["path"], frames))
        else:
            work = {"edge": edges, "vis": blur}[name]
            fitted = (geometry.fit(rgb, cv2.INTER_AREA) for rgb in read(row["video"], frames))
            pictures = (work(rgb, block["preset"]) for rgb in fitted)
        found[name] = np.stack(list(pictures))
    return found


def edges(rgb: Pixels, preset: str) -> Pixels:
    """White edges on black, of a frame at the model's size. On RGB: gray or BGR give others."""
    found = cv2.Canny(np.ascontiguousarray(rgb), *THRESHOLDS[preset])
    return np.repeat(found[:, :, None], 3, axis=2)


def write(target: Path, pictures: List[Pixels] | Pixels, fps: Fraction, size: Size) -> None:
    """A video of these frames, enlarged or made smaller to `size` (even numbers); it is whole or not there."""
    draft = target.with_name(f"unfinished-{target.name}")
    with av.open(f"file:{draft}", "w", format="mp4", options={"movflags": "+faststart"}) as container:
        # x264's AVX-512 code reads what nobody wrote: small pictures would differ from run to run
        options = {"crf": "14", "preset": "medium", "x264-params": "cpu-independent=1"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        stream.thread_count = 4
        for rgb in pictures:
            if (rgb.shape[1], rgb.shape[0]) != size:
                rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_LANCZOS4)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        container.mux(stream.encode(None))
    os.replace(draft, target)


def write_text(target: Path, text: str) -> None:
    """A whole file, or none."""
    draft = target.with_name(f"unfinished-{target.name}")
    draft.write_bytes(text.encode("utf-8", "surrogatepass"))
    os.replace(draft, target)

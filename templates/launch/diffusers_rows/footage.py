"""Videos in and out: frames read and brought to the model's size, controls made of them, results written.

Sizes, shrink factors and thresholds are the native programs' (nvidia-cosmos/cosmos-transfer2.5 at 2ff49d0,
NVIDIA/cosmos-framework at 5eee9ed); a frame is height x width x 3, RGB, uint8.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import av
import cv2
import numpy as np
import torch
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


COLOR = "color"
STRETCHED = {COLOR: cv2.INTER_AREA, "vis": cv2.INTER_AREA, "seg": cv2.INTER_NEAREST}
"""How pictures are stretched, by what they are of; edge and depth linearly (transfer2.5's inference/utils.py)."""


@dataclass(frozen=True)
class Geometry:
    """How a row's videos are brought to the model's size: stretched, or cropped in the middle once one side fits."""

    size: Size
    is_cropped: bool

    def fit(self, rgb: Pixels, role: str) -> Pixels:
        """A frame of that video at the model's size."""
        if self.is_cropped:
            return self._cropped(rgb)
        height, width = rgb.shape[:2]
        how = STRETCHED.get(role, cv2.INTER_LINEAR)
        return rgb if (width, height) == self.size else cv2.resize(rgb, self.size, interpolation=how)

    def _cropped(self, rgb: Pixels) -> Pixels:
        """As cosmos3's inference/vision.py does with every video: torchvision's resize, then its center_crop."""
        height, width = rgb.shape[:2]
        scale = max(self.size[0] / width, self.size[1] / height)
        inner = (math.ceil(scale * width), math.ceil(scale * height))
        fitted = rgb if inner == (width, height) else resized(rgb, inner, "bilinear")
        left, top = (round((have - want) / 2.0) for have, want in zip(inner, self.size, strict=True))
        return fitted[top : top + self.size[1], left : left + self.size[0]]


def resized(rgb: Pixels, size: Size, mode: str) -> Pixels:
    """torchvision's resize of a picture of whole numbers; `mode`: bilinear or bicubic, without aliasing."""
    planes = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].float()
    made = torch.nn.functional.interpolate(planes, (size[1], size[0]), mode=mode, antialias=True)
    return made[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


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
            pictures = (geometry.fit(rgb, name) for rgb in read(block["path"], frames))
        else:
            work = {"edge": edges, "vis": blur}[name]
            fitted = (geometry.fit(rgb, COLOR) for rgb in read(row["video"], frames))
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

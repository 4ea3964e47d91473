"""One frame of a preview: the input under its controls, blended by their weights, each small at the side, text on top.

Everything is done on the Y, U and V planes that the decoder gives and the encoder takes: half the work of RGB.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from cosmosctl.media import frames
from cosmosctl.media.frames import Pixels, Planes
from cosmosctl.media.lettering import Patch
from cosmosctl.preview.drawing import legend
from cosmosctl.preview.drawing.legend import Box, Frame
from cosmosctl.preview.drawing.row_picture import Shot

_SHARE = 0.65
"""How much of the picture controls whose weights add up to 1 take from the input: what is left keeps it readable."""

_TINT = 4.0
"""Levels by which a seed shifts U and V: just visible, and another colour for every seed."""

_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
"""Neighbouring seeds get colours far apart."""

_INTERPOLATION = {"input": cv2.INTER_AREA, "seg": cv2.INTER_NEAREST}
"""How videos are stretched to the bucket (get_ctrl_batch in inference_utils.py); INTER_LINEAR for other controls."""


@dataclass(frozen=True)
class Ink:
    """A video that is seen: its share of the picture, and where it stands once more, small."""

    name: str
    path: Path
    share: float
    box: Box

    @property
    def interpolation(self) -> int:
        """How it is stretched."""
        return _INTERPOLATION.get(self.name, cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Picture:
    """All that is the same in every frame."""

    width: int
    height: int
    inks: tuple[Ink, ...]
    tint: tuple[float, float]
    patches: tuple[Patch, ...]
    cropped: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """The videos whose frames `draw` takes."""
        return tuple(ink.path for ink in self.inks)

    def draw(self, decoded: Sequence[av.VideoFrame]) -> Pixels:
        """A packed I420 frame from one frame of each of `paths`."""
        sources = [frames.planes(frame) for frame in decoded]
        made = self._blended(sources)
        planes = frames.unpacked(made)
        for plane, shift in zip(planes[1:], self.tint, strict=True):
            cv2.addWeighted(plane, 1.0, plane, 0.0, shift, dst=plane)
        for ink, source in zip(self.inks, sources, strict=True):
            _paste(source, planes, ink.box)
        for patch in self.patches:
            patch.put(planes)
        return made

    def _blended(self, sources: Sequence[Planes]) -> Pixels:
        made, share = self._stretched(sources[0], self.inks[0]), self.inks[0].share
        for ink, source in zip(self.inks[1:], sources[1:], strict=True):
            cv2.addWeighted(made, share, self._stretched(source, ink), ink.share, 0.0, dst=made)
            share = 1.0
        return made

    def _stretched(self, source: Planes, ink: Ink) -> Pixels:
        made = np.empty((self.height * 3 // 2, self.width), np.uint8)
        for whole, target in zip(source, frames.unpacked(made), strict=True):
            plane = _centre(whole, target.shape) if self.cropped else whole
            cv2.resize(plane, target.shape[::-1], dst=target, interpolation=ink.interpolation)
        return made


def picture_of(shot: Shot, width: int, height: int) -> Picture:
    """The picture of a row at that size."""
    frame, shares, paths = Frame(width, height), _shares(shot), _paths(shot)
    head, foot = legend.head(shot, frame), legend.foot(shot, frame)
    column = legend.column(len(shares), frame, top=head.bottom, bottom=foot.y)
    inks = tuple(Ink(name, paths[name], share, box) for (name, share), box in zip(shares.items(), column, strict=True))
    weights = {layer.name: layer.weight for layer in shot.layers}
    labels = [legend.label(ink.name, weights.get(ink.name), ink.box, frame) for ink in inks]
    return Picture(
        width, height, inks, _tint(shot.seed), (head, foot, *(patch for row in labels for patch in row)), shot.cropped
    )


def _paths(shot: Shot) -> dict[str, Path]:
    controls = {layer.name: layer.path for layer in shot.layers}
    return controls if shot.video is None else {"input": shot.video, **controls}


def _shares(shot: Shot) -> dict[str, float]:
    """Every video that is seen -> its share of the picture; they add up to 1. Controls of weight 0 are left out."""
    weights = {layer.name: layer.weight for layer in shot.layers if layer.weight > 0}
    total = sum(weights.values())
    if shot.video is not None:
        return {"input": 1 - _SHARE * total} | {name: _SHARE * weight for name, weight in weights.items()}
    if total > 0:
        return {name: weight / total for name, weight in weights.items()}
    return {shot.layers[0].name: 1.0}


def _tint(seed: int) -> tuple[float, float]:
    angle = seed * _GOLDEN_ANGLE
    return _TINT * math.cos(angle), _TINT * math.sin(angle)


def _centre(plane: Pixels, shape: tuple[int, ...]) -> Pixels:
    """The largest part of `plane` around its middle that has the shape of `shape`, rows first."""
    height, width = plane.shape
    rows, columns = min(height, round(width * shape[0] / shape[1])), min(width, round(height * shape[1] / shape[0]))
    top, left = (height - rows) // 2, (width - columns) // 2
    return plane[top : top + rows, left : left + columns]


def _paste(source: Planes, planes: Planes, box: Box) -> None:
    """Put a small copy of `source` into `planes`, in place."""
    for plane, target, step in zip(source, planes, (1, 2, 2), strict=True):
        x, y, width, height = (length // step for length in box)
        target[y : y + height, x : x + width] = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)

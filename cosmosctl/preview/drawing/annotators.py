"""Stand-ins for the controls that the model makes itself.

Edges and blur are the real thing at a fixed preset; depth and segmentation only look like it: the networks that make
them do not belong into a preview.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from cosmosctl.media import control
from cosmosctl.media.frames import Pixels

Annotator = Callable[[Pixels], Pixels]
"""RGB frame -> RGB frame of the same size."""

_SMALL = 8
"""How much smaller a frame is while its depth and segments are made up."""

_LEVELS = 3
"""Shades of each colour that segments are told apart by."""

_PALETTE = np.random.default_rng(7).integers(40, 256, (_LEVELS**3, 3), dtype=np.uint8)
"""A colour for each segment; the model's own are random."""


def annotator(hint: str, *, edge_preset: str = "medium", blur_strength: str) -> Annotator:
    """What makes the control `hint` of a frame."""
    made: Mapping[str, Annotator] = {
        "edge": partial(control.edge_frame, preset=edge_preset),
        "vis": partial(control.blurred, blur=sketched(control.BLURS[blur_strength])),
        "depth": depth,
        "seg": segments,
        "keypoint": np.zeros_like,  # nobody is found
    }
    return made[hint]


def sketched(blur: control.Blur) -> control.Blur:
    """The same blur worked out at half the size: a sixteenth of the time.

    What it loses is lost anyway when the program shrinks the frame by `coarse` (4 to 17, at random) afterwards.
    """
    return replace(
        blur, shrink=2 * blur.shrink, diameter=(blur.diameter + 1) // 2, sigma_space=max(1, blur.sigma_space // 2)
    )


def depth(rgb: Pixels) -> Pixels:
    """A stand-in for depth: what is low in the picture is near, what is bright a little nearer."""
    height, width = rgb.shape[:2]
    small = _small(rgb)
    light = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 2).astype(np.float32)
    slope = np.linspace(10, 190, len(light), dtype=np.float32)[:, None]
    near = np.asarray(cv2.resize(slope + light * 0.25, (width, height), interpolation=cv2.INTER_LINEAR))
    return np.asarray(cv2.cvtColor(near.astype(np.uint8), cv2.COLOR_GRAY2RGB), np.uint8)


def segments(rgb: Pixels) -> Pixels:
    """A stand-in for segmentation: areas of about the same colour."""
    height, width = rgb.shape[:2]
    shades = (cv2.medianBlur(_small(rgb), 5).astype(np.uint16) * _LEVELS // 256).astype(np.uint8)
    label = shades @ np.array([1, _LEVELS, _LEVELS**2], np.uint8)
    return np.asarray(cv2.resize(_PALETTE[label], (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _small(rgb: Pixels) -> Pixels:
    height, width = rgb.shape[:2]
    size = max(1, width // _SMALL), max(1, height // _SMALL)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)

"""Bicubic resizing with antialias: what torchvision's resize(BICUBIC, antialias=True) makes of uint8 pictures.

OpenCV has none: its INTER_CUBIC takes four pixels however far it shrinks, and another kernel. The filter is separable,
so each axis is one matrix of weights, computed once per pair of sizes, of which only a band is not zero. Sums are in
double precision, so that the order in which a machine adds up does not show after rounding.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from cosmosctl.media.frames import Pixels

Floats = npt.NDArray[np.float64]

_BAND_ROWS = 8
"""New rows made by one product: few, so that the band has few zeros (measured: 4 to 16 are alike)."""

_PRODUCT_SIZE = 250_000
"""Multiplications in one product. OpenBLAS starts threads of its own above 262,144 (interface/gemm.c), which only
disturb ours: frames are already spread over the cores (measured: 16 ms a frame instead of 60)."""


@dataclass(frozen=True)
class _Band:
    """`weights` @ old rows `first` to `last` makes the new rows from `row` on."""

    row: int
    first: int
    last: int
    weights: Floats


def resized(rgb: Pixels, width: int, height: int) -> Pixels:
    """`rgb` (height x width x 3) at another size, rounded to whole numbers."""
    old_height = len(rgb)
    lines = rgb.reshape(old_height, -1).astype(np.float64)
    if height < old_height:  # rows first when they become fewer, last when they become more: the cheaper order
        across = _turned(_weighted(lines, height), height)
        made = _turned(_weighted(across, width), width)
    else:
        across = _weighted(_turned(lines, old_height), width)
        made = _weighted(_turned(across, width), height)
    pixels = cv2.multiply(made, 1.0, dtype=cv2.CV_8U)  # type: ignore[call-overload]  # the stub knows no scalars
    return np.asarray(pixels, np.uint8).reshape(height, width, 3)


def _turned(lines: Floats, rows: int) -> Floats:
    """Rows x (columns * 3) -> columns x (rows * 3)."""
    return np.ascontiguousarray(lines.reshape(rows, -1, 3).transpose(1, 0, 2)).reshape(-1, rows * 3)


def _weighted(lines: Floats, new_size: int) -> Floats:
    """`lines` resized along the first axis."""
    made = np.empty((new_size, lines.shape[1]))
    for band in _bands(len(lines), new_size):
        old, new = lines[band.first : band.last], made[band.row : band.row + len(band.weights)]
        step = max(1, _PRODUCT_SIZE // band.weights.size)
        for column in range(0, lines.shape[1], step):
            np.matmul(band.weights, old[:, column : column + step], out=new[:, column : column + step])
    return made


@cache
def _bands(size: int, new_size: int) -> tuple[_Band, ...]:
    weights = axis_weights(size, new_size)
    return tuple(_band(row, weights[row : row + _BAND_ROWS]) for row in range(0, new_size, _BAND_ROWS))


def _band(row: int, weights: Floats) -> _Band:
    used = np.flatnonzero(weights.any(axis=0))
    first, last = int(used[0]), int(used[-1]) + 1
    return _Band(row, first, last, np.ascontiguousarray(weights[:, first:last]))


def axis_weights(size: int, new_size: int) -> Floats:
    """new_size x size: how much each old pixel gives to each new one; every row adds up to 1.

    The kernel is stretched when shrinking (that is the antialiasing). Source: github.com/pytorch/pytorch,
    aten/src/ATen/native/cpu/UpSampleKernel.cpp, _compute_indices_min_size_weights_aa; Pillow's Resample.c is the same.
    """
    scale = size / new_size
    stretch = max(scale, 1.0)
    centre = (np.arange(new_size) + 0.5) * scale
    first = np.maximum((centre - 2 * stretch + 0.5).astype(int), 0)
    last = np.minimum((centre + 2 * stretch + 0.5).astype(int), size)
    old = np.arange(size)
    inside = (old >= first[:, None]) & (old < last[:, None])
    weights = np.where(inside, _kernel((old + 0.5 - centre[:, None]) / stretch), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def _kernel(x: Floats) -> Floats:
    """Keys' cubic with a = -0.5: what PyTorch and Pillow take with antialias (-0.75 without)."""
    a, x = -0.5, np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))

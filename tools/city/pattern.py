"""Patterns on surfaces, averaged over a pixel's footprint so that they do not flicker, and points to draw them at."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from tools.city.rays import Camera, Floats, Ints

Bytes = npt.NDArray[np.uint8]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Points:
    """Points on surfaces of one kind that look the same way: where, seen along what, how far, on which box.

    The normal is `toward` (1 or -1) along `axis`.
    """

    place: Floats
    direction: Floats
    depth_m: Floats
    box: Ints
    axis: int
    toward: int
    pixel_m: Floats

    @cached_property
    def _stretch_m(self) -> Floats:
        stretch: Floats = self.pixel_m / np.maximum(np.abs(self.direction[self.axis]), np.float32(0.02))
        return stretch

    def footprint(self, axis: int) -> Floats:
        """How long a pixel is on the surface in the direction of `axis`, in metres."""
        length: Floats = np.abs(self.direction[axis])
        length *= self._stretch_m
        length += self.pixel_m
        return length


def points_seen(
    camera: Camera, width: int, directions: Floats, depth: Floats, box: Ints, normal: tuple[int, int]
) -> Points:
    with np.errstate(invalid="ignore", over="ignore"):
        place = np.array(camera.position, np.float32).reshape(3, 1) + directions * depth
    return Points(place, directions, depth, box, *normal, depth / np.float32(camera.focal_px(width)))


def column(red: float, green: float, blue: float) -> Floats:
    """A column that multiplies with a row of values to a 3 x n array, the shape of all colours here."""
    return np.array(((red,), (green,), (blue,)), np.float32)


def choice(condition: Truths, yes: Floats | Truths | float, no: Floats | Truths | float) -> Floats:
    """`yes` where the condition holds, else `no`."""
    return np.where(condition, np.float32(yes), np.float32(no))


def line(distance: Floats, middle: float, half: float, spread: Floats) -> Floats:
    """Share of each pixel that a line covers: `half` metres to both sides of `middle`."""
    reach = spread / 2
    covered = np.minimum(distance + reach, middle + half) - np.maximum(distance - reach, middle - half)
    share: Floats = np.clip(covered / np.maximum(spread, np.float32(1e-3)), 0, 1)
    return share


def stripes(at: Floats, spread: Floats, period_m: float, width_m: float) -> Floats:
    """Share of each pixel that stripes of `width_m` cover, one every `period_m`."""
    per_period = np.float32(1 / period_m)
    return pulse(at * per_period, spread * per_period, np.float32(0), np.float32(width_m / period_m))


def pulse(at: Floats, spread: Floats, start: Floats | np.float32, end: Floats | np.float32) -> Floats:
    """Share of `at` ± `spread` / 2 that lies in [start, end) of each unit."""
    spread = np.maximum(spread, np.float32(1e-3))
    half = spread * np.float32(0.5)
    covered = _covered(at + half, start, end)
    covered -= _covered(at - half, start, end)
    covered /= spread
    return covered


def _covered(at: Floats, start: Floats | np.float32, end: Floats | np.float32) -> Floats:
    whole, length = np.floor(at), end - start
    part = at - whole
    part -= start
    np.maximum(part, 0, out=part)
    np.minimum(part, length, out=part)
    whole *= length
    whole += part
    return whole


def speckle(points: Points, grain_m: float, strength: float) -> Floats:
    """Around 1: irregular light and dark grains of `grain_m`, fading where a pixel holds many of them."""
    grain = np.float32(1 / grain_m)
    seen = np.clip(np.float32(1.5) - points.pixel_m * grain * 2, 0, 1) * np.float32(strength)
    if not seen.any():
        return np.ones_like(seen)
    speckled: Floats = 1 + (noise(*np.floor(points.place * grain)) - np.float32(0.5)) * seen
    return speckled


def noise(a: Floats, b: Floats, c: Floats | Ints) -> Floats:
    """A number in 0..1 for each triple of whole numbers, without pattern."""
    mixed = a.astype(np.int32).view(np.uint32) * np.uint32(73856093)
    mixed ^= b.astype(np.int32).view(np.uint32) * np.uint32(19349663)
    mixed ^= c.astype(np.int32).view(np.uint32) * np.uint32(83492791)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    mixed ^= mixed >> np.uint32(13)
    return (mixed & np.uint32(0xFFFF)).astype(np.float32) * np.float32(1 / 65535)


def sample(values: Floats | Bytes, across: Floats, down: Floats) -> Floats:
    """`values` at pixel coordinates, interpolated; the border goes on outside."""
    shape = (-(-len(across) // 256), 256)  # OpenCV takes no picture longer than 32767
    places = [np.resize(part, shape[0] * shape[1]).reshape(shape) for part in (across, down)]
    found = cv2.remap(values, places[0], places[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1)[: len(across)].astype(np.float32)

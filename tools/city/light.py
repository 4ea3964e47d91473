"""Sun and sky over a city: maps of what they reach, seen from above, and how much of them falls on a point."""

from dataclasses import dataclass

import cv2
import numpy as np

from tools.city.pattern import Bytes, Points, column, sample
from tools.city.plan import GROUND, KERB_M, Boxes, Kind
from tools.city.rays import Floats

TO_SUN = np.array((-0.655, 0.425, 0.625), np.float32)
"""Unit vector: an afternoon sun behind the camera, on its left."""
SUN = column(1.86, 1.56, 1.16)
SKYLIGHT = column(0.30, 0.39, 0.55)
HORIZON = column(0.66, 0.70, 0.74)
ZENITH = column(0.06, 0.17, 0.45)
LOOK_PX_PER_M = 4
SHADOW_PX_PER_M = 8
SIDE_M = 90.0
"""How far the maps from above reach to both sides of the avenue."""


@dataclass(frozen=True)
class Light:
    """Maps from above of a city: `lit` on the ground (0..255), `dark_below` (metres), `open_sky` (0..1)."""

    lit: Bytes
    dark_below: Floats
    open_sky: Floats
    from_x: float


def light_of(boxes: Boxes) -> Light:
    """The maps of what stands in a city."""
    from_x = float(boxes.low[:, 0].min()) - 60.0
    length_m = float(boxes.high[:, 0].max()) + 20.0 - from_x
    heights = np.zeros((int(2 * SIDE_M * LOOK_PX_PER_M), int(length_m * LOOK_PX_PER_M)), np.float32)
    shadow = np.full((int(2 * SIDE_M * SHADOW_PX_PER_M), int(length_m * SHADOW_PX_PER_M)), 255, np.uint8)
    tall = np.flatnonzero(boxes.high[:, 2] > 2 * KERB_M)
    for number in tall[np.argsort(boxes.high[tall, 2], kind="stable")]:
        low, high = boxes.low[number], boxes.high[number]
        _fill(heights, _outline(low, high, from_x, LOOK_PX_PER_M), float(high[2]))
        _fill(shadow, _shadow_outline(low, high, from_x), 0)
    occupied = (heights > 3.0).astype(np.float32)
    return Light(
        lit=cv2.GaussianBlur(shadow, (0, 0), 1.1).astype(np.uint8),
        dark_below=_dark_below(heights),
        open_sky=(1 - 0.62 * cv2.GaussianBlur(occupied, (0, 0), 3.2 * LOOK_PX_PER_M)).astype(np.float32),
        from_x=from_x,
    )


def with_shadows(light: Light, boxes: Boxes) -> Light:
    """`light` with the shadows of more boxes on the ground."""
    lit = light.lit.copy()
    for low, high in zip(boxes.low, boxes.high, strict=True):
        _fill(lit, _shadow_outline(low, high, light.from_x), 0)
    return Light(lit, light.dark_below, light.open_sky, light.from_x)


def sunlight(kind: int, light: Light, points: Points) -> Floats:
    """How much sunlight falls on each point (0..1)."""
    x, y, z = points.place
    facing = np.float32(points.toward) * TO_SUN[points.axis]
    if facing <= 0:
        return np.zeros_like(z)
    if kind in (GROUND, Kind.PAVEMENT, Kind.GRASS):
        lit: Floats = _look_up(light.lit, light.from_x, SHADOW_PX_PER_M, x, y) * (facing / np.float32(255))
        return lit
    off = np.float32(0.45 * points.toward)
    x, y = (x + off if points.axis == 0 else x), (y + off if points.axis == 1 else y)
    above = z - _look_up(light.dark_below, light.from_x, LOOK_PX_PER_M, x, y)
    sunny: Floats = np.clip(above * (2 * facing) + np.float32(1.1) * facing, 0, facing)
    return sunny


def skylight(light: Light, points: Points) -> Floats:
    """How much light of the sky and of lit surfaces around falls on each point (0..1)."""
    x, y, z = points.place
    if points.axis != 2:
        near_ground: Floats = np.exp(np.maximum(z, 0) * np.float32(-1 / 6))
        return np.float32(0.60) - np.float32(0.13) * near_ground
    open_sky = _look_up(light.open_sky, light.from_x, LOOK_PX_PER_M, x, y)
    open_sky += np.maximum(z, 0) * np.float32(0.02)
    ambient: Floats = np.minimum(open_sky, 1) * np.float32(1 if points.toward > 0 else 0.25)
    return ambient


def _look_up(values: Floats | Bytes, from_x: float, px_per_m: int, x: Floats, y: Floats) -> Floats:
    """`values` of a map from above at the points x, y, interpolated."""
    half = np.float32(0.5)
    return sample(values, (x - np.float32(from_x)) * px_per_m - half, (y + np.float32(SIDE_M)) * px_per_m - half)


def _outline(low: Floats, high: Floats, from_x: float, px_per_m: int) -> Floats:
    """The corners of a box from above, in pixels of a map."""
    corners = np.array(((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])), np.float32)
    return (corners + np.array((-from_x, SIDE_M), np.float32)) * px_per_m - np.float32(0.5)


def _shadow_outline(low: Floats, high: Floats, from_x: float) -> Floats:
    """The convex outline of a box's shadow on the ground, in pixels of the map."""
    outline = _outline(low, high, from_x, SHADOW_PX_PER_M)
    shift = -TO_SUN[:2] / TO_SUN[2] * SHADOW_PX_PER_M
    hull = cv2.convexHull(np.concatenate((outline + shift * low[2], outline + shift * high[2])))
    return np.asarray(hull[:, 0], np.float32)


def _fill(picture: Floats | Bytes, outline: Floats, value: float) -> None:
    """Fills a convex outline in `picture`; corners count to a sixteenth of a pixel."""
    cv2.fillConvexPoly(picture, np.rint(outline * 16).astype(np.int32), value, cv2.LINE_8, 4)


def _dark_below(heights: Floats) -> Floats:
    """Height under which a point lies in shadow: the shadow is carried on in steps twice as long each time."""
    shadow = np.zeros_like(heights)
    flat = float(np.hypot(TO_SUN[0], TO_SUN[1]))
    step_px = 1.0
    while step_px < 160 * LOOK_PX_PER_M:
        shift = -TO_SUN[:2] / flat * step_px
        drop = np.float32(step_px / LOOK_PX_PER_M * TO_SUN[2] / flat)
        matrix = np.array(((1, 0, shift[0]), (0, 1, shift[1])), np.float32)
        moved = cv2.warpAffine(np.maximum(heights, shadow), matrix, heights.shape[::-1]).astype(np.float32)
        np.maximum(shadow, moved - drop, out=shadow)
        step_px *= 2
    return shadow

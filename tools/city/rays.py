"""Exact distances from a camera to axis-aligned boxes on the ground plane z = 0, for every pixel.

A ray meets a rectangle in the plane x = c where y / x and z / x of its direction each lie in an interval. These ratios
are computed once a picture, so that a face costs a few comparisons inside its bounds. Knows no colour and no file.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

NEAR_M = 0.05
"""Faces are cut off this close to the camera when their rectangle in the picture is looked for."""
_CENTRE = 0.51
"""Where the centre of a pixel lies in it, and a hundredth to make up for rounding."""
_SMALL_PX = 400
"""Up to this many pixels a face is cheaper when done together with others (measured)."""
_OTHERS = ((1, 2), (0, 2), (0, 1))


@dataclass(frozen=True)
class Camera:
    """Where the camera stands (metres, z up), where it looks (yaw to the left, pitch upwards) and how wide."""

    position: tuple[float, float, float]
    yaw_rad: float = 0.0
    pitch_rad: float = 0.0
    width_rad: float = 1.2

    @property
    def basis(self) -> Floats:
        """Unit vectors forward, right and up, one a row."""
        cos_yaw, sin_yaw = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        cos_pitch, sin_pitch = np.cos(self.pitch_rad), np.sin(self.pitch_rad)
        forward = (cos_yaw * cos_pitch, sin_yaw * cos_pitch, sin_pitch)
        right = (sin_yaw, -cos_yaw, 0.0)
        up = (-cos_yaw * sin_pitch, -sin_yaw * sin_pitch, cos_pitch)
        return np.array((forward, right, up), np.float32)

    def focal_px(self, width_px: int) -> float:
        """Pixels per unit of sideways slope in a picture that is `width_px` wide."""
        return float(width_px / 2 / np.tan(self.width_rad / 2))


@dataclass(frozen=True)
class Planes:
    """Rectangles that face a camera, a column each.

    `gap` is how far the plane lies from the camera along the axis of its normal; `bounds` holds, of the two other axes,
    the smallest and largest ratio of a ray's direction to that along the normal that still hits it: 4 x N.
    """

    axis: npt.NDArray[np.int8]
    gap: Floats
    bounds: Floats

    def meet(self, which: npt.NDArray[np.integer[Any]], directions: Floats) -> Floats:
        """The depth where each ray meets the rectangle `which` of the same place, infinite for a miss."""
        x, y, z = directions
        axis = self.axis[which]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            per_normal = 1 / np.where(axis == 0, x, np.where(axis == 1, y, z))
            first, second = np.where(axis == 0, y, x) * per_normal, np.where(axis == 2, y, z) * per_normal
            depth = self.gap[which] * per_normal
        hit = (depth > 0) & (first >= self.bounds[0][which]) & (first <= self.bounds[1][which])
        hit &= (second >= self.bounds[2][which]) & (second <= self.bounds[3][which])
        return np.where(hit, depth, np.float32(np.inf))


@dataclass(frozen=True)
class Faces:
    """The sides of boxes that face a camera. `corners` (N x 4 x 3) count forward, right and up from the camera."""

    planes: Planes
    surface: Ints
    corners: Floats


@dataclass(frozen=True)
class Hits:
    """What each pixel sees. `depth_m` is measured along the optical axis, infinite in the sky.

    `surface` is 3 * box + axis of the face's normal; `ground` and `sky` for what is no box.
    """

    depth_m: Floats
    surface: Ints
    ground: int
    sky: int


def rays(camera: Camera, size: tuple[int, int]) -> Floats:
    """Directions through the centres of the pixels of a picture of `size` (width, height): 3 x height x width.

    They are one unit long along the optical axis, so a point's depth is the factor that reaches it.
    """
    return rays_through(camera, size, np.arange(size[0])[None, :], np.arange(size[1])[:, None])


def rays_through(camera: Camera, size: tuple[int, int], column: npt.NDArray[Any], row: npt.NDArray[Any]) -> Floats:
    """Directions through places in a picture: whole numbers are the centres of pixels."""
    focal = camera.focal_px(size[0])
    across = (column.astype(np.float32) + np.float32(0.5 - size[0] / 2)) / np.float32(focal)
    upward = (np.float32(size[1] / 2 - 0.5) - row.astype(np.float32)) / np.float32(focal)
    forward, right, up = camera.basis
    return np.stack([forward[k] + across * right[k] + upward * up[k] for k in range(3)])


def facing(low: Floats, high: Floats, camera: Camera) -> Faces:
    """The faces of the boxes (corners `low` and `high`, N x 3) that look at the camera, which is inside of none."""
    origin = np.array(camera.position, np.float32)
    parts = [_facing_axis(axis, low, high, origin, camera.basis) for axis in range(3)]
    planes = Planes(
        axis=np.concatenate([part.planes.axis for part in parts]),
        gap=np.concatenate([part.planes.gap for part in parts]),
        bounds=np.concatenate([part.planes.bounds for part in parts], axis=1),
    )
    surface = np.concatenate([part.surface for part in parts])
    return Faces(planes, surface, np.concatenate([part.corners for part in parts]))


def cast(low: Floats, high: Floats, camera: Camera, size: tuple[int, int]) -> Hits:
    """The nearest of ground, boxes (corners `low` and `high`, N x 3) and sky for each pixel."""
    directions = rays(camera, size)
    ground = 3 * len(low)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        depth = np.where(directions[2] < 0, -camera.position[2] / directions[2], np.inf).astype(np.float32)
        surface = np.where(np.isinf(depth), ground + 1, ground).astype(np.int32)
        _cast_faces(facing(low, high, camera), camera, directions, depth, surface)
    return Hits(depth, surface, ground, ground + 1)


def _facing_axis(axis: int, low: Floats, high: Floats, origin: Floats, basis: Floats) -> Faces:
    """The faces whose normal lies along `axis`."""
    first, second = _OTHERS[axis]
    below = np.flatnonzero(origin[axis] < low[:, axis])
    above = np.flatnonzero(origin[axis] > high[:, axis])
    box = np.concatenate((below, above))
    plane = np.concatenate((low[below, axis], high[above, axis]))
    gap = plane - origin[axis]
    sides = (low[box, first], high[box, first], low[box, second], high[box, second])
    ratios = [(side - origin[k]) / gap for side, k in zip(sides, (first, first, second, second), strict=True)]
    bounds = (np.minimum(*ratios[:2]), np.maximum(*ratios[:2]), np.minimum(*ratios[2:]), np.maximum(*ratios[2:]))
    corners = np.empty((len(box), 4, 3), np.float32)
    corners[:, :, axis] = plane[:, None]
    corners[:, :, first] = np.stack((sides[0], sides[1], sides[1], sides[0]), 1)
    corners[:, :, second] = np.stack((sides[2], sides[2], sides[3], sides[3]), 1)
    seen = ((corners - origin) @ basis.T).astype(np.float32)
    planes = Planes(np.full(len(box), axis, np.int8), gap, np.stack(bounds))
    return Faces(planes, (3 * box + axis).astype(np.int32), seen)


def _cast_faces(faces: Faces, camera: Camera, directions: Floats, depth: Floats, surface: Ints) -> None:
    """Puts `faces` into `depth` and `surface`: large ones one by one, the nearest first, then all small ones."""
    rectangles = _rectangles(faces.corners, camera, (depth.shape[1], depth.shape[0]))
    extent = np.maximum(rectangles[:, 2:] - rectangles[:, :2], 0)
    area = extent[:, 0] * extent[:, 1]
    large, small = np.flatnonzero(area > _SMALL_PX), np.flatnonzero((area > 0) & (area <= _SMALL_PX))
    _cast_large(large, faces, rectangles, directions, depth, surface)
    _cast_small(small, faces, rectangles, directions, depth, surface)


def _cast_large(
    which: npt.NDArray[np.intp],
    faces: Faces,
    rectangles: Ints,
    directions: Floats,
    depth: Floats,
    surface: Ints,
) -> None:
    per_unit = 1 / directions
    slopes = [[directions[other] * per_unit[axis] for other in _OTHERS[axis]] for axis in range(3)]
    nearest = faces.corners[:, :, 0].min(axis=1)
    for k in which[np.argsort(nearest[which], kind="stable")].tolist():
        left, top, right, bottom = rectangles[k].tolist()
        window = (slice(top, bottom), slice(left, right))
        before = depth[window]
        if before.max() <= nearest[k]:
            continue
        axis = int(faces.planes.axis[k])
        from1, to1, from2, to2 = faces.planes.bounds[:, k]
        slope1, slope2 = slopes[axis][0][window], slopes[axis][1][window]
        inside = slope1 >= from1
        inside &= slope1 <= to1
        inside &= slope2 >= from2
        inside &= slope2 <= to2
        distance = per_unit[axis][window] * faces.planes.gap[k]
        inside &= distance < before
        inside &= distance > 0
        np.copyto(before, distance, where=inside)
        np.copyto(surface[window], faces.surface[k], where=inside)


def _cast_small(
    which: npt.NDArray[np.intp],
    faces: Faces,
    rectangles: Ints,
    directions: Floats,
    depth: Floats,
    surface: Ints,
) -> None:
    """Tries each pixel of each rectangle, all in one go; of several hits in one pixel the nearest is written last."""
    left, top, right, bottom = rectangles[which].T
    pixels = (right - left) * (bottom - top)
    face = np.repeat(np.arange(len(which)), pixels)
    number = np.arange(len(face)) - np.repeat(np.cumsum(pixels) - pixels, pixels)
    row, column = np.divmod(number, (right - left)[face])
    place = (top[face] + row) * depth.shape[1] + left[face] + column
    distance = faces.planes.meet(which[face], directions.reshape(3, -1).take(place, axis=1))
    hits = np.flatnonzero(distance < depth.take(place))
    hits = hits[np.argsort(-distance[hits], kind="stable")]
    depth.reshape(-1)[place[hits]] = distance[hits]
    surface.reshape(-1)[place[hits]] = faces.surface[which[face[hits]]]


def _rectangles(corners: Floats, camera: Camera, size: tuple[int, int]) -> npt.NDArray[Any]:
    """Rectangles (left, top, right, bottom) of the pixels whose centres a face before the camera may cover."""
    following = np.roll(corners, -1, axis=1)
    points = np.concatenate((_cut(corners, following), _cut(following, corners)), axis=1)
    ahead = points[:, :, 0] >= NEAR_M / 2
    slopes = points[:, :, 1:] / np.where(ahead, points[:, :, 0], 1)[:, :, None] * camera.focal_px(size[0])
    across, down = size[0] / 2 + slopes[:, :, 0], size[1] / 2 - slopes[:, :, 1]
    edges = (
        np.ceil(np.where(ahead, across, np.inf).min(axis=1) - _CENTRE),
        np.ceil(np.where(ahead, down, np.inf).min(axis=1) - _CENTRE),
        np.floor(np.where(ahead, across, -np.inf).max(axis=1) + _CENTRE),
        np.floor(np.where(ahead, down, -np.inf).max(axis=1) + _CENTRE),
    )
    limits = (size[0], size[1], size[0], size[1])
    return np.stack([np.clip(edge, 0, limit).astype(np.int32) for edge, limit in zip(edges, limits, strict=True)], 1)


def _cut(points: Floats, toward: Floats) -> Floats:
    """`points`, those behind the camera moved along their edge onto the near plane where the edge crosses it."""
    share = (NEAR_M - points[:, :, :1]) / (toward[:, :, :1] - points[:, :, :1])
    crosses = (points[:, :, :1] < NEAR_M) & (toward[:, :, :1] >= NEAR_M)
    cut: Floats = np.where(crosses, points + np.where(crosses, share, 0) * (toward - points), points)
    return cut

"""Smooth edges: each pixel on an edge is mixed from what several rays through it find."""

import numpy as np
import numpy.typing as npt

from tools.city.plan import Boxes
from tools.city.rays import Camera, Floats, Hits, Ints, Planes, facing, rays_through

_SUBPIXELS = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))
_BESIDE = ((0, -1), (0, 1), (-1, 0), (1, 0))
_VISIBLE = 5
"""Edges between colours that differ less (of 255) need no smoothing."""


def smoothed(colors: Floats, boxes: Boxes, camera: Camera, hits: Hits) -> Floats:
    """`colors` with each pixel at an edge mixed from itself and its neighbours, as four rays through it find them."""
    surface, green = hits.surface, colors[1].reshape(hits.surface.shape)
    rough = np.zeros(surface.shape, bool)
    for axis in (0, 1):
        differs = (np.diff(surface, axis=axis) != 0) & (np.abs(np.diff(green, axis=axis)) > _VISIBLE)
        rough[: differs.shape[0], : differs.shape[1]] |= differs
        rough[surface.shape[0] - differs.shape[0] :, surface.shape[1] - differs.shape[1] :] |= differs
    places = np.flatnonzero(rough)
    mixed = colors.copy()
    planes = _planes_by_surface(boxes, camera, hits)
    mixed[:, places] = _mixture(places, colors, planes, camera, hits)
    return mixed


def _planes_by_surface(boxes: Boxes, camera: Camera, hits: Hits) -> Planes:
    """The faces in `hits` by the number of their surface; the ground is one without bounds."""
    faces = facing(boxes.low, boxes.high, camera)
    planes = Planes(
        axis=np.full(hits.sky + 1, 2, np.int8),
        gap=np.full(hits.sky + 1, -camera.position[2], np.float32),
        bounds=np.array(((-np.inf,), (np.inf,), (-np.inf,), (np.inf,)), np.float32).repeat(hits.sky + 1, axis=1),
    )
    planes.axis[faces.surface], planes.gap[faces.surface] = faces.planes.axis, faces.planes.gap
    planes.bounds[:, faces.surface] = faces.planes.bounds
    return planes


def _mixture(places: npt.NDArray[np.intp], colors: Floats, planes: Planes, camera: Camera, hits: Hits) -> Floats:
    """Colours for the pixels at `places`: the mean of what their subpixels see of the neighbours' surfaces."""
    height, width = hits.surface.shape
    flat = hits.surface.reshape(-1)
    rows, columns = np.divmod(places, width)
    own = flat[places]
    sides = [
        np.clip(rows + down, 0, height - 1) * width + np.clip(columns + right, 0, width - 1) for down, right in _BESIDE
    ]
    others = [(other := np.flatnonzero(flat[side] != own), side[other]) for side in sides]
    rows, columns = rows.astype(np.float32), columns.astype(np.float32)
    mixed = np.zeros((3, len(places)), np.float32)
    for across, down in _SUBPIXELS:
        directions = rays_through(camera, (width, height), columns + np.float32(across), rows + np.float32(down))
        depth, source = _depth_on(own, directions, planes, hits.sky), places.copy()
        for other, side in others:
            found = _depth_on(flat[side], directions.take(other, axis=1), planes, hits.sky)
            nearer = np.flatnonzero(found < depth[other])
            depth[other[nearer]], source[other[nearer]] = found[nearer], side[nearer]
        mixed += colors.take(source, axis=1)
    return mixed / np.float32(len(_SUBPIXELS))


def _depth_on(surface: Ints, directions: Floats, planes: Planes, sky: int) -> Floats:
    """Where each ray meets the surface of the same place: its depth, a huge one for the sky, infinite for a miss."""
    return np.where(surface == sky, np.float32(1e30), planes.meet(surface, directions))

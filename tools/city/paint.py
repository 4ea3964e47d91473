"""The colour picture of a city: materials, sunlight and its shadows, haze and sky for what each ray has hit.

Colours are linear light until the very last step. Patterns are averaged over a pixel's footprint, so that they do not
flicker. Knows no file.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from tools.city.light import HORIZON, SKYLIGHT, SUN, Light, skylight, sunlight
from tools.city.materials import material, sky, with_lamps, with_panes, with_windows
from tools.city.pattern import Bytes, Points, points_seen
from tools.city.plan import GROUND, SKY, Boxes, Kind
from tools.city.rays import Camera, Floats, Hits, rays
from tools.city.smooth import smoothed

HAZE_PER_M = 0.0022
_SORTS = (len(Kind) + 2, 3, 2)
_AT_ONCE = 32768
"""Points painted together: few enough for the processor's cache, enough for threads to work side by side (measured)."""


def paint(boxes: Boxes, light: Light, camera: Camera, hits: Hits) -> Bytes:
    """The picture (height x width x RGB) of what `hits` saw through the pixels' centres, edges smoothed."""
    size = (hits.depth_m.shape[1], hits.depth_m.shape[0])
    sort = _sorts(boxes, camera).take(hits.surface.reshape(-1))
    order = np.argsort(sort, kind="stable")
    directions = rays(camera, size).reshape(3, -1).take(order, axis=1)
    depth, box = hits.depth_m.take(order), hits.surface.take(order) // 3
    colors = np.empty((3, size[0] * size[1]), np.float32)
    for part in _portions(sort[order]):
        kind, axis, away = (int(k) for k in np.unravel_index(sort[order[part.start]], _SORTS))
        seen = points_seen(camera, size[0], directions[:, part], depth[part], box[part], (axis, 1 - 2 * away))
        shown = _display(sky(seen.direction) if kind == SKY else _hazy(kind, boxes, light, seen))
        for channel, values in zip(colors, shown, strict=True):
            channel[order[part]] = values
    planes = np.rint(smoothed(colors, boxes, camera, hits)).astype(np.uint8).reshape(3, size[1], size[0])
    return np.asarray(cv2.merge(tuple(planes)), np.uint8)


def _sorts(boxes: Boxes, camera: Camera) -> Bytes:
    """Kind, axis and side of each surface of `Hits` in one number: what is painted together."""
    away = np.array(camera.position, np.float32) < boxes.low
    axis = np.broadcast_to(np.arange(3), away.shape)
    kind = np.broadcast_to(boxes.kind[:, None], away.shape)
    sorts = np.ravel_multi_index((kind, axis, away.astype(np.int32)), _SORTS).reshape(-1)
    others = [np.ravel_multi_index((kind, 2, 0), _SORTS) for kind in (GROUND, SKY)]
    return np.append(sorts, others).astype(np.uint8)


def _portions(key: Bytes) -> Iterator[slice]:
    """Stretches of one key in sorted `key`, none too long."""
    ends = [*(np.flatnonzero(key[1:] != key[:-1]) + 1).tolist(), len(key)]
    start = 0
    for end in ends:
        while start < end:
            yield slice(start, min(end, start + _AT_ONCE))
            start = min(end, start + _AT_ONCE)


def _display(linear: Floats) -> Floats:
    """Display values 0..255 of linear light: a soft shoulder and a gamma of 2."""
    shown = linear / (1 + np.float32(0.42) * linear)
    np.sqrt(shown, out=shown)
    shown *= np.float32(268)
    return np.minimum(shown, np.float32(255), out=shown)


def _hazy(kind: int, boxes: Boxes, light: Light, points: Points) -> Floats:
    """Linear light from points that are all of one kind, seen through the air."""
    clear = np.exp(np.float32(-HAZE_PER_M) * np.maximum(points.depth_m - 30, 0))
    shown = _shaded(kind, boxes, light, points)
    shown -= HORIZON
    shown *= clear
    shown += HORIZON
    return shown


def _shaded(kind: int, boxes: Boxes, light: Light, points: Points) -> Floats:
    sunny = sunlight(kind, light, points)
    received = sunny * SUN
    received += skylight(light, points) * SKYLIGHT
    received *= material(kind, boxes, points)
    if kind in (Kind.FACADE, Kind.GLASS) and points.axis != 2:
        return with_windows(kind, boxes, points, received, sunny)
    if kind == Kind.CABIN and points.axis != 2:
        return with_panes(boxes, points, received)
    if kind == Kind.CAR and points.axis != 2:
        return with_lamps(boxes, points, received)
    return received

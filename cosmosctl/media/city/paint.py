"""The colour picture of a city: materials, sunlight and its shadows, haze and sky for what each ray has hit.

Colours are linear light until the very last step. Patterns are averaged over a pixel's footprint, so that they do not
flicker. Knows no file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np
import numpy.typing as npt

from cosmosctl.media.city import AVENUE_M, KERB_M, PITCH_M, STREET_M, Boxes, Kind
from cosmosctl.media.raycast import Camera, Floats, Hits, Ints, Planes, facing, rays, rays_through

Bytes = npt.NDArray[np.uint8]
Truths = npt.NDArray[np.bool_]


def _color(red: float, green: float, blue: float) -> Floats:
    """A column that multiplies with a row of values to a 3 x n array, the shape of all colours here."""
    return np.array(((red,), (green,), (blue,)), np.float32)


TO_SUN = np.array((-0.655, 0.425, 0.625), np.float32)
"""Unit vector: an afternoon sun behind the camera, on its left."""
SUN = _color(1.86, 1.56, 1.16)
SKYLIGHT = _color(0.30, 0.39, 0.55)
HORIZON = _color(0.66, 0.70, 0.74)
ZENITH = _color(0.06, 0.17, 0.45)
HAZE_PER_M = 0.0022
LOOK_PX_PER_M = 4
SHADOW_PX_PER_M = 8
SIDE_M = 90.0
"""How far the maps from above reach to both sides of the avenue."""

_GROUND, _SKY = len(Kind), len(Kind) + 1
_SORTS = (len(Kind) + 2, 3, 2)
_AT_ONCE = 32768
"""Points painted together: their arrays stay in the processor's cache (measured: twice as fast as all at once)."""
_SUBPIXELS = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))
_VISIBLE = 5
"""Edges between colours that differ less (of 255) need no smoothing."""
_BESIDE = ((0, -1), (0, 1), (-1, 0), (1, 0))
_WHITE = _color(0.62, 0.62, 0.59)
_YELLOW = _color(0.62, 0.38, 0.04)
_WARM = _color(0.50, 0.31, 0.12)
_ASPHALT = _color(0.098, 0.099, 0.105)


@dataclass(frozen=True)
class Light:
    """Maps from above of a city: `lit` on the ground (0..255), `dark_below` (metres), `open_sky` (0..1)."""

    lit: Bytes
    dark_below: Floats
    open_sky: Floats
    from_x: float


@dataclass(frozen=True)
class _Points:
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
        seen = _seen(camera, size[0], directions[:, part], depth[part], box[part], (axis, 1 - 2 * away))
        shown = _display(_sky(seen.direction) if kind == _SKY else _hazy(kind, boxes, light, seen))
        for channel, values in zip(colors, shown, strict=True):
            channel[order[part]] = values
    planes = np.rint(_smoothed(colors, boxes, camera, hits)).astype(np.uint8).reshape(3, size[1], size[0])
    return np.asarray(cv2.merge(tuple(planes)), np.uint8)


def _sorts(boxes: Boxes, camera: Camera) -> Bytes:
    """Kind, axis and side of each surface of `Hits` in one number: what is painted together."""
    away = np.array(camera.position, np.float32) < boxes.low
    axis = np.broadcast_to(np.arange(3), away.shape)
    kind = np.broadcast_to(boxes.kind[:, None], away.shape)
    sorts = np.ravel_multi_index((kind, axis, away.astype(np.int32)), _SORTS).reshape(-1)
    others = [np.ravel_multi_index((kind, 2, 0), _SORTS) for kind in (_GROUND, _SKY)]
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


def _seen(camera: Camera, width: int, directions: Floats, depth: Floats, box: Ints, normal: tuple[int, int]) -> _Points:
    with np.errstate(invalid="ignore", over="ignore"):
        place = np.array(camera.position, np.float32).reshape(3, 1) + directions * depth
    return _Points(place, directions, depth, box, *normal, depth / np.float32(camera.focal_px(width)))


def _hazy(kind: int, boxes: Boxes, light: Light, points: _Points) -> Floats:
    """Linear light from points that are all of one kind, seen through the air."""
    clear = np.exp(np.float32(-HAZE_PER_M) * np.maximum(points.depth_m - 30, 0))
    shown = _shaded(kind, boxes, light, points)
    shown -= HORIZON
    shown *= clear
    shown += HORIZON
    return shown


def _shaded(kind: int, boxes: Boxes, light: Light, points: _Points) -> Floats:
    sunny = _sunny(kind, light, points)
    received = sunny * SUN
    received += _ambient(light, points) * SKYLIGHT
    received *= _material(kind, boxes, points)
    if kind in (Kind.FACADE, Kind.GLASS) and points.axis != 2:
        return _with_windows(kind, boxes, points, received, sunny)
    if kind == Kind.CABIN and points.axis != 2:
        return _with_panes(boxes, points, received)
    if kind == Kind.CAR and points.axis != 2:
        return _with_lamps(boxes, points, received)
    return received


def _sunny(kind: int, light: Light, points: _Points) -> Floats:
    """How much sunlight falls on each point (0..1)."""
    x, y, z = points.place
    facing = np.float32(points.toward) * TO_SUN[points.axis]
    if facing <= 0:
        return np.zeros_like(z)
    if kind in (_GROUND, Kind.PAVEMENT, Kind.GRASS):
        return _look_up(light.lit, light.from_x, SHADOW_PX_PER_M, x, y) * (facing / np.float32(255))
    off = np.float32(0.45 * points.toward)
    x, y = (x + off if points.axis == 0 else x), (y + off if points.axis == 1 else y)
    above = z - _look_up(light.dark_below, light.from_x, LOOK_PX_PER_M, x, y)
    sunny: Floats = np.clip(above * (2 * facing) + np.float32(1.1) * facing, 0, facing)
    return sunny


def _ambient(light: Light, points: _Points) -> Floats:
    """How much light of the sky and of lit surfaces around falls on each point (0..1)."""
    x, y, z = points.place
    if points.axis != 2:
        near_ground: Floats = np.exp(np.maximum(z, 0) * np.float32(-1 / 6))
        return np.float32(0.60) - np.float32(0.13) * near_ground
    open_sky = _look_up(light.open_sky, light.from_x, LOOK_PX_PER_M, x, y)
    open_sky += np.maximum(z, 0) * np.float32(0.02)
    ambient: Floats = np.minimum(open_sky, 1) * np.float32(1 if points.toward > 0 else 0.25)
    return ambient


def _material(kind: int, boxes: Boxes, points: _Points) -> Floats:
    """How much light of each colour the surface gives back."""
    if kind == _GROUND:
        return _road(points)
    color = np.ascontiguousarray(boxes.color.T).take(points.box, axis=1)
    if kind == Kind.PAVEMENT:
        joints = [_stripes(points.place[k], points.footprint(k), 1.6, 0.05) for k in (0, 1)]
        color *= (1 - np.float32(0.25) * np.maximum(*joints)) * _speckle(points, 0.8, 0.12)
    elif kind == Kind.GRASS:
        color *= _speckle(points, 0.45, 0.45) * _speckle(points, 3.0, 0.25)
    elif kind == Kind.CROWN:
        color *= _speckle(points, 0.36, 0.95)
    elif kind in (Kind.FACADE, Kind.GLASS) and points.axis == 2:
        color = np.float32(0.13) + color * np.float32(0.22)
        color *= _speckle(points, 1.3, 0.10)
    return color


def _road(points: _Points) -> Floats:
    """Asphalt with lanes along the avenue, dashes along the cross streets, stop lines and zebra crossings."""
    x, y, _ = points.place
    wide, far = points.footprint(1), points.footprint(0)
    side = np.abs(y)
    half_pitch = np.float32(PITCH_M / 2)
    offset = np.abs(np.mod(x + half_pitch, np.float32(PITCH_M)) - half_pitch)
    on_avenue, beside = side < AVENUE_M, (offset < STREET_M) & (side > AVENUE_M)
    between = on_avenue & (offset > STREET_M + 6.6)
    white = between * _line(side, 3.0, 0.075, wide) * _stripes(x, far, 6.0, 2.6)
    white += between * _line(side, 5.95, 0.06, wide)
    white += (on_avenue & (side < 5.95)) * _line(offset, STREET_M + 5.9, 0.28, far)
    white += on_avenue * _line(offset, STREET_M + 3.0, 1.5, far) * _stripes(y, wide, 1.1, 0.55)
    white += beside * _line(side, AVENUE_M + 2.4, 1.5, wide) * _stripes(x, far, 1.1, 0.55)
    white += (beside & (side > AVENUE_M + 6)) * _line(offset, 0.0, 0.075, far) * _stripes(y, wide, 6.0, 2.6)
    yellow = between * _line(side, 0.16, 0.06, wide)
    worn = np.float32(0.85) * _speckle(points, 0.3, 0.3)
    asphalt = _ASPHALT * (_speckle(points, 0.22, 0.30) * _speckle(points, 7.0, 0.14))
    white, yellow = ((np.minimum(cover, 1) * worn) for cover in (white, yellow))
    painted: Floats = (asphalt * (1 - white) + _WHITE * white) * (1 - yellow) + _YELLOW * yellow
    return painted


def _with_windows(kind: int, boxes: Boxes, points: _Points, wall: Floats, sunny: Floats) -> Floats:
    """Walls with rows of windows that mirror the sky, some of them lit, and a shop front at the pavement."""
    along = 1 - points.axis
    first, columns = _cells(boxes, along, 1.7 if kind == Kind.GLASS else 2.5)
    bottom, floors = _cells(boxes, 2, 3.4)
    columns, floors = columns[points.box], floors[points.box]
    u, v = (points.place[along] - first[points.box]) * columns, (points.place[2] - bottom[points.box]) * floors
    spread_u, spread_v = points.footprint(along) * columns, points.footprint(2) * floors
    shop = (bottom < 1)[points.box] & (v < 1)
    from_u, to_u, from_v, to_v = _pane(kind, shop)
    inside_u = _pulse(u, spread_u, from_u, to_u)
    glass = inside_u * _pulse(v, spread_v, from_v, to_v)
    chance = _noise(np.floor(u), np.floor(v), points.box)
    pane = _mirrored(points) * (np.float32(0.7) + np.float32(0.6) * chance)
    pane += sunny * (SUN * np.float32(0.03))
    near = np.clip(np.float32(1.4) - np.maximum(spread_u, spread_v), 0, 1)
    lamps = _or(shop, chance > 0.35, chance > 0.94) * near + _or(shop, 0.65, 0.06) * (1 - near)
    pane += (lamps * (np.float32(0.4) + np.float32(0.9) * np.mod(chance * 7, 1))) * _WARM
    bright = 1 + np.float32(0.30) * _pulse(v, spread_v, np.float32(0.95), np.float32(1.0))
    if kind == Kind.FACADE and near.any():
        sill = _pulse(v, spread_v, from_v - np.float32(0.05), from_v) * inside_u
        bright += np.float32(0.30) * sill - np.float32(0.35) * inside_u * _pulse(v, spread_v, to_v, to_v + _LINTEL)
    pane *= glass
    wall *= bright * (1 - glass)
    wall += pane
    return wall


_LINTEL = np.float32(0.035)


def _cells(boxes: Boxes, axis: int, size_m: float) -> tuple[Floats, Floats]:
    """Of each box: where it begins along `axis`, and windows per metre, each about `size_m` long and all whole."""
    low, length = boxes.low[:, axis], boxes.high[:, axis] - boxes.low[:, axis]
    return low, np.maximum(np.rint(length / np.float32(size_m)), 1) / length


def _pane(kind: int, shop: Truths) -> tuple[Floats, Floats, Floats, Floats]:
    """Where in its cell of the wall a window begins and ends: across, then up, all in 0..1."""
    if kind == Kind.GLASS:
        return _or(shop, 0.05, 0.05), _or(shop, 0.95, 0.95), _or(shop, 0.08, 0.05), _or(shop, 0.80, 0.86)
    return _or(shop, 0.08, 0.25), _or(shop, 0.92, 0.75), _or(shop, 0.12, 0.27), _or(shop, 0.76, 0.82)


def _mirrored(points: _Points) -> Floats:
    """The sky as dark glass mirrors it: more of it at a grazing view."""
    length = _length(points.direction)
    straight = np.abs(points.direction[points.axis]) / length
    mirror = np.float32(0.07) + np.float32(0.50) * (1 - straight) ** 3
    rise = points.direction[2] / length
    rising = np.clip(np.float32(0.30) + np.float32(1.5) * rise, 0, 1)
    shown: Floats = (HORIZON + rising * (np.float32(1.8) * ZENITH - HORIZON)) * mirror + np.float32(0.012)
    return shown


def _with_panes(boxes: Boxes, points: _Points, paintwork: Floats) -> Floats:
    """A car's cabin: glass all around below a painted roof."""
    low, high = boxes.low[points.box, 2], boxes.high[points.box, 2]
    share = (points.place[2] - low) / (high - low)
    return np.where(((share > 0.08) & (share < 0.86)), _mirrored(points), paintwork)


def _with_lamps(boxes: Boxes, points: _Points, paintwork: Floats) -> Floats:
    """A car's body: lamps at both ends, red behind and white in front, dark wheels on its sides."""
    low, size = boxes.low[points.box], (boxes.high - boxes.low)[points.box]
    across = 1 - points.axis
    lengthwise = size[:, :2].argmax(axis=1)
    at, extent = points.place[across] - low[:, across], size[:, across]
    outer, z = np.minimum(at, extent - at), points.place[2]
    end = lengthwise == points.axis
    ahead = boxes.forward[points.box] == points.toward
    lamp = end & (outer > 0.06) & (outer < 0.44) & (z > 0.58) & (z < 0.80)
    color = np.where(ahead, _color(1.5, 1.4, 1.15), _color(0.9, 0.02, 0.02))
    wheel = ~end & ((outer - np.float32(0.85)) ** 2 + (z - np.float32(0.33)) ** 2 < np.float32(0.13))
    shown = np.where(lamp, color, paintwork)
    return np.where((wheel | (end & (z < 0.45))), np.float32(0.015), shown)


def _sky(directions: Floats) -> Floats:
    """Blue above, pale at the horizon, with flat clouds."""
    length = _length(directions)
    rise = np.clip(directions[2] / length, 0, 1)
    blue = 1 - np.exp(np.float32(-3.4) * rise)
    sky = HORIZON * (1 - blue) + ZENITH * blue
    height = np.maximum(rise, np.float32(0.03)) * length
    u, v = directions[0] / height, directions[1] / height
    clouds = _sample(_cloud_map(), np.mod(u * 24 + 60, 767), np.mod(v * 24 + 90, 767))
    cover = np.clip((clouds - np.float32(0.50)) * 4, 0, np.float32(0.88)) * np.clip(rise * 7 - np.float32(0.3), 0, 1)
    shown: Floats = sky * (1 - cover) + _color(0.93, 0.90, 0.86) * cover
    return shown


def _length(vectors: Floats) -> Floats:
    length: Floats = np.sqrt(np.einsum("kn,kn->n", vectors, vectors))
    return length


def _smoothed(colors: Floats, boxes: Boxes, camera: Camera, hits: Hits) -> Floats:
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
    for start in range(0, len(places), _AT_ONCE):
        part = places[start : start + _AT_ONCE]
        mixed[:, part] = _mixture(part, colors, planes, camera, hits)
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


def _look_up(values: Floats | Bytes, from_x: float, px_per_m: int, x: Floats, y: Floats) -> Floats:
    """`values` of a map from above at the points x, y, interpolated."""
    half = np.float32(0.5)
    return _sample(values, (x - np.float32(from_x)) * px_per_m - half, (y + np.float32(SIDE_M)) * px_per_m - half)


def _speckle(points: _Points, grain_m: float, strength: float) -> Floats:
    """Around 1: irregular light and dark grains of `grain_m`, fading where a pixel holds many of them."""
    grain = np.float32(1 / grain_m)
    seen = np.clip(np.float32(1.5) - points.pixel_m * grain * 2, 0, 1) * np.float32(strength)
    if not seen.any():
        return np.ones_like(seen)
    speckled: Floats = 1 + (_noise(*np.floor(points.place * grain)) - np.float32(0.5)) * seen
    return speckled


def _noise(a: Floats, b: Floats, c: Floats | Ints) -> Floats:
    """A number in 0..1 for each triple of whole numbers, without pattern."""
    mixed = a.astype(np.int32).view(np.uint32) * np.uint32(73856093)
    mixed ^= b.astype(np.int32).view(np.uint32) * np.uint32(19349663)
    mixed ^= c.astype(np.int32).view(np.uint32) * np.uint32(83492791)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    mixed ^= mixed >> np.uint32(13)
    return (mixed & np.uint32(0xFFFF)).astype(np.float32) * np.float32(1 / 65535)


def _line(distance: Floats, middle: float, half: float, spread: Floats) -> Floats:
    """Share of each pixel that a line covers: `half` metres to both sides of `middle`."""
    reach = spread / 2
    covered = np.minimum(distance + reach, middle + half) - np.maximum(distance - reach, middle - half)
    share: Floats = np.clip(covered / np.maximum(spread, np.float32(1e-3)), 0, 1)
    return share


def _stripes(at: Floats, spread: Floats, period_m: float, width_m: float) -> Floats:
    """Share of each pixel that stripes of `width_m` cover, one every `period_m`."""
    per_period = np.float32(1 / period_m)
    return _pulse(at * per_period, spread * per_period, np.float32(0), np.float32(width_m / period_m))


def _pulse(at: Floats, spread: Floats, start: Floats | np.float32, end: Floats | np.float32) -> Floats:
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


def _or(condition: Truths, yes: Floats | Truths | float, no: Floats | Truths | float) -> Floats:
    """`yes` where the condition holds, else `no`."""
    return np.where(condition, np.float32(yes), np.float32(no))


def _sample(values: Floats | Bytes, across: Floats, down: Floats) -> Floats:
    """`values` at pixel coordinates, interpolated; the border goes on outside."""
    shape = (-(-len(across) // 256), 256)  # OpenCV takes no picture longer than 32767
    places = [np.resize(part, shape[0] * shape[1]).reshape(shape) for part in (across, down)]
    found = cv2.remap(values, places[0], places[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1)[: len(across)].astype(np.float32)


@cache
def _cloud_map() -> Floats:
    """Smooth noise around one half, 768 x 768, that repeats."""
    noise = np.zeros((768, 768), np.float32)
    for cells, share in ((32, 0.55), (64, 0.28), (128, 0.17)):
        grain = np.random.RandomState(5).random_sample((cells, cells)).astype(np.float32)
        wide = cv2.copyMakeBorder(grain, 2, 2, 2, 2, cv2.BORDER_WRAP)
        factor = 768 // cells
        smooth = cv2.resize(wide, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        noise += np.float32(share) * smooth[2 * factor : -2 * factor, 2 * factor : -2 * factor].astype(np.float32)
    return noise


def _outline(low: Floats, high: Floats, from_x: float, px_per_m: int) -> Floats:
    """The corners of a box from above, in pixels of a map."""
    corners = np.array(((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])), np.float32)
    return (corners + np.array((-from_x, SIDE_M), np.float32)) * px_per_m - np.float32(0.5)


def _shadow_outline(low: Floats, high: Floats, from_x: float) -> Floats:
    """The convex outline of a box's shadow on the ground, in pixels of the map."""
    outline = _outline(low, high, from_x, SHADOW_PX_PER_M)
    shift = -TO_SUN[:2] / TO_SUN[2] * SHADOW_PX_PER_M
    hull: Floats = cv2.convexHull(np.concatenate((outline + shift * low[2], outline + shift * high[2])))[:, 0]
    return hull


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

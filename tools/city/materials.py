"""What the surfaces of a city look like: how much light they give back, windows, car lamps; and the sky."""

from functools import cache

import cv2
import numpy as np

from tools.city.light import HORIZON, SUN, ZENITH
from tools.city.pattern import Points, Truths, choice, column, line, noise, pulse, sample, speckle, stripes
from tools.city.plan import AVENUE_M, GROUND, PITCH_M, STREET_M, Boxes, Kind
from tools.city.rays import Floats

_WHITE = column(0.62, 0.62, 0.59)
_YELLOW = column(0.62, 0.38, 0.04)
_WARM = column(0.50, 0.31, 0.12)
_ASPHALT = column(0.098, 0.099, 0.105)
_LINTEL = np.float32(0.035)


def material(kind: int, boxes: Boxes, points: Points) -> Floats:
    """How much light of each colour the surface gives back."""
    if kind == GROUND:
        return _road(points)
    color = np.ascontiguousarray(boxes.color.T).take(points.box, axis=1)
    if kind == Kind.PAVEMENT:
        joints = [stripes(points.place[k], points.footprint(k), 1.6, 0.05) for k in (0, 1)]
        color *= (1 - np.float32(0.25) * np.maximum(*joints)) * speckle(points, 0.8, 0.12)
    elif kind == Kind.GRASS:
        color *= speckle(points, 0.45, 0.45) * speckle(points, 3.0, 0.25)
    elif kind == Kind.CROWN:
        color *= speckle(points, 0.36, 0.95)
    elif kind in (Kind.FACADE, Kind.GLASS) and points.axis == 2:
        color = np.float32(0.13) + color * np.float32(0.22)
        color *= speckle(points, 1.3, 0.10)
    return color


def _road(points: Points) -> Floats:
    """Asphalt with lanes along the avenue, dashes along the cross streets, stop lines and zebra crossings."""
    x, y, _ = points.place
    wide, far = points.footprint(1), points.footprint(0)
    side = np.abs(y)
    half_pitch = np.float32(PITCH_M / 2)
    offset = np.abs(np.mod(x + half_pitch, np.float32(PITCH_M)) - half_pitch)
    on_avenue, beside = side < AVENUE_M, (offset < STREET_M) & (side > AVENUE_M)
    between = on_avenue & (offset > STREET_M + 6.6)
    white = between * line(side, 3.0, 0.075, wide) * stripes(x, far, 6.0, 2.6)
    white += between * line(side, 5.95, 0.06, wide)
    white += (on_avenue & (side < 5.95)) * line(offset, STREET_M + 5.9, 0.28, far)
    white += on_avenue * line(offset, STREET_M + 3.0, 1.5, far) * stripes(y, wide, 1.1, 0.55)
    white += beside * line(side, AVENUE_M + 2.4, 1.5, wide) * stripes(x, far, 1.1, 0.55)
    white += (beside & (side > AVENUE_M + 6)) * line(offset, 0.0, 0.075, far) * stripes(y, wide, 6.0, 2.6)
    yellow = between * line(side, 0.16, 0.06, wide)
    worn = np.float32(0.85) * speckle(points, 0.3, 0.3)
    asphalt = _ASPHALT * (speckle(points, 0.22, 0.30) * speckle(points, 7.0, 0.14))
    white, yellow = ((np.minimum(cover, 1) * worn) for cover in (white, yellow))
    painted: Floats = (asphalt * (1 - white) + _WHITE * white) * (1 - yellow) + _YELLOW * yellow
    return painted


def with_windows(kind: int, boxes: Boxes, points: Points, wall: Floats, sunny: Floats) -> Floats:
    """Walls with rows of windows that mirror the sky, some of them lit, and a shop front at the pavement."""
    along = 1 - points.axis
    first, columns = _cells(boxes, along, 1.7 if kind == Kind.GLASS else 2.5)
    bottom, floors = _cells(boxes, 2, 3.4)
    columns, floors = columns[points.box], floors[points.box]
    u, v = (points.place[along] - first[points.box]) * columns, (points.place[2] - bottom[points.box]) * floors
    spread_u, spread_v = points.footprint(along) * columns, points.footprint(2) * floors
    shop = (bottom < 1)[points.box] & (v < 1)
    from_u, to_u, from_v, to_v = _pane(kind, shop)
    inside_u = pulse(u, spread_u, from_u, to_u)
    glass = inside_u * pulse(v, spread_v, from_v, to_v)
    chance = noise(np.floor(u), np.floor(v), points.box)
    pane = _mirrored(points) * (np.float32(0.7) + np.float32(0.6) * chance)
    pane += sunny * (SUN * np.float32(0.03))
    near = np.clip(np.float32(1.4) - np.maximum(spread_u, spread_v), 0, 1)
    lamps = choice(shop, chance > 0.35, chance > 0.94) * near + choice(shop, 0.65, 0.06) * (1 - near)
    pane += (lamps * (np.float32(0.4) + np.float32(0.9) * np.mod(chance * 7, 1))) * _WARM
    bright = 1 + np.float32(0.30) * pulse(v, spread_v, np.float32(0.95), np.float32(1.0))
    if kind == Kind.FACADE and near.any():
        sill = pulse(v, spread_v, from_v - np.float32(0.05), from_v) * inside_u
        bright += np.float32(0.30) * sill - np.float32(0.35) * inside_u * pulse(v, spread_v, to_v, to_v + _LINTEL)
    pane *= glass
    wall *= bright * (1 - glass)
    wall += pane
    return wall


def _cells(boxes: Boxes, axis: int, size_m: float) -> tuple[Floats, Floats]:
    """Of each box: where it begins along `axis`, and windows per metre, each about `size_m` long and all whole."""
    low, length = boxes.low[:, axis], boxes.high[:, axis] - boxes.low[:, axis]
    return low, np.maximum(np.rint(length / np.float32(size_m)), 1) / length


def _pane(kind: int, shop: Truths) -> tuple[Floats, Floats, Floats, Floats]:
    """Where in its cell of the wall a window begins and ends: across, then up, all in 0..1."""
    if kind == Kind.GLASS:
        return choice(shop, 0.05, 0.05), choice(shop, 0.95, 0.95), choice(shop, 0.08, 0.05), choice(shop, 0.80, 0.86)
    return choice(shop, 0.08, 0.25), choice(shop, 0.92, 0.75), choice(shop, 0.12, 0.27), choice(shop, 0.76, 0.82)


def with_panes(boxes: Boxes, points: Points, paintwork: Floats) -> Floats:
    """A car's cabin: glass all around below a painted roof."""
    low, high = boxes.low[points.box, 2], boxes.high[points.box, 2]
    share = (points.place[2] - low) / (high - low)
    return np.where(((share > 0.08) & (share < 0.86)), _mirrored(points), paintwork)


def _mirrored(points: Points) -> Floats:
    """The sky as dark glass mirrors it: more of it at a grazing view."""
    length = _length(points.direction)
    straight = np.abs(points.direction[points.axis]) / length
    mirror = np.float32(0.07) + np.float32(0.50) * (1 - straight) ** 3
    rise = points.direction[2] / length
    rising = np.clip(np.float32(0.30) + np.float32(1.5) * rise, 0, 1)
    shown: Floats = (HORIZON + rising * (np.float32(1.8) * ZENITH - HORIZON)) * mirror + np.float32(0.012)
    return shown


def with_lamps(boxes: Boxes, points: Points, paintwork: Floats) -> Floats:
    """A car's body: lamps at both ends, red behind and white in front, dark wheels on its sides."""
    low, size = boxes.low[points.box], (boxes.high - boxes.low)[points.box]
    across = 1 - points.axis
    lengthwise = size[:, :2].argmax(axis=1)
    at, extent = points.place[across] - low[:, across], size[:, across]
    outer, z = np.minimum(at, extent - at), points.place[2]
    end = lengthwise == points.axis
    ahead = boxes.forward[points.box] == points.toward
    lamp = end & (outer > 0.06) & (outer < 0.44) & (z > 0.58) & (z < 0.80)
    color = np.where(ahead, column(1.5, 1.4, 1.15), column(0.9, 0.02, 0.02))
    wheel = ~end & ((outer - np.float32(0.85)) ** 2 + (z - np.float32(0.33)) ** 2 < np.float32(0.13))
    shown = np.where(lamp, color, paintwork)
    return np.where((wheel | (end & (z < 0.45))), np.float32(0.015), shown)


def sky(directions: Floats) -> Floats:
    """Blue above, pale at the horizon, with flat clouds."""
    length = _length(directions)
    rise = np.clip(directions[2] / length, 0, 1)
    blue = 1 - np.exp(np.float32(-3.4) * rise)
    sky = HORIZON * (1 - blue) + ZENITH * blue
    height = np.maximum(rise, np.float32(0.03)) * length
    u, v = directions[0] / height, directions[1] / height
    clouds = sample(_cloud_map(), np.mod(u * 24 + 60, 767), np.mod(v * 24 + 90, 767))
    cover = np.clip((clouds - np.float32(0.50)) * 4, 0, np.float32(0.88)) * np.clip(rise * 7 - np.float32(0.3), 0, 1)
    shown: Floats = sky * (1 - cover) + column(0.93, 0.90, 0.86) * cover
    return shown


def _length(vectors: Floats) -> Floats:
    length: Floats = np.sqrt(np.einsum("kn,kn->n", vectors, vectors))
    return length


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

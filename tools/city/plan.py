"""A made-up city of axis-aligned boxes: blocks along an avenue, its traffic and the path of a camera through it.

Metres and seconds; x runs along the avenue, y to its left, z up. Knows no picture and no file.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from tools.city.rays import Camera, Floats

PITCH_M = 64.0
"""From the middle of one cross street to the next."""
AVENUE_M = 8.0
STREET_M = 6.0
"""Half widths of the roadways."""
PAVEMENT_M = 3.6
KERB_M = 0.15
DEPTH_M = 46.0
"""How far a block reaches back from the avenue."""
AHEAD_M = 270.0
"""How much of the city lies before the camera when the shot ends."""

Color = tuple[float, float, float]

_FACADES: tuple[Color, ...] = (
    (0.34, 0.13, 0.085),
    (0.56, 0.41, 0.26),
    (0.40, 0.39, 0.37),
    (0.66, 0.63, 0.56),
    (0.50, 0.27, 0.13),
    (0.24, 0.31, 0.34),
    (0.60, 0.50, 0.40),
)
_GLASS: tuple[Color, ...] = ((0.10, 0.16, 0.21), (0.13, 0.19, 0.19), (0.16, 0.15, 0.17))
_CROWNS: tuple[Color, ...] = ((0.105, 0.20, 0.035), (0.15, 0.235, 0.04), (0.08, 0.16, 0.04), (0.26, 0.20, 0.035))
_PAINTS: tuple[Color, ...] = (
    (0.55, 0.035, 0.025),
    (0.72, 0.72, 0.70),
    (0.03, 0.035, 0.045),
    (0.035, 0.13, 0.40),
    (0.80, 0.50, 0.03),
    (0.28, 0.30, 0.32),
    (0.04, 0.22, 0.17),
)


class Kind(IntEnum):
    """What a box is made of: the painter's choice."""

    PAVEMENT = 0
    GRASS = 1
    FACADE = 2
    GLASS = 3
    ROOF_UNIT = 4
    CROWN = 5
    TRUNK = 6
    LAMP = 7
    CAR = 8
    CABIN = 9


GROUND, SKY = len(Kind), len(Kind) + 1
"""Kinds of what is no box."""


class Label(IntEnum):
    """What a pixel belongs to; things that are told apart one by one count on from `FIRST_THING`."""

    SKY = 0
    ROAD = 1
    PAVEMENT = 2
    GRASS = 3
    TREE = 4
    LAMP = 5
    FIRST_THING = 6


@dataclass(frozen=True)
class Box:
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    kind: Kind
    color: Color
    label: int
    forward: int = 1


@dataclass(frozen=True)
class Boxes:
    """Many boxes, an array per property, a row per box."""

    low: Floats
    high: Floats
    kind: npt.NDArray[np.int32]
    color: Floats
    label: npt.NDArray[np.int32]
    forward: npt.NDArray[np.int32]

    @staticmethod
    def of(boxes: Iterable[Box]) -> "Boxes":
        rows = list(boxes)
        return Boxes(
            low=np.array([box.low for box in rows], np.float32).reshape(-1, 3),
            high=np.array([box.high for box in rows], np.float32).reshape(-1, 3),
            kind=np.array([box.kind for box in rows], np.int32),
            color=np.array([box.color for box in rows], np.float32).reshape(-1, 3),
            label=np.array([box.label for box in rows], np.int32),
            forward=np.array([box.forward for box in rows], np.int32),
        )

    def __add__(self, other: "Boxes") -> "Boxes":
        pairs = ((getattr(self, each.name), getattr(other, each.name)) for each in fields(self))
        return Boxes(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class Car:
    """A car at time 0 and its speed along x or y; standing cars have speed 0."""

    middle: tuple[float, float]
    speed_m_s: float
    along: int
    color: Color
    label: int
    forward: int = 1

    def at(self, time_s: float) -> tuple[Box, Box]:
        """Body and cabin of the car at `time_s`."""
        middle = list(self.middle)
        middle[self.along] += self.speed_m_s * time_s
        backward = -0.25 * self.forward
        return (
            self._box(middle, (2.2, 0.91), (0.28, 0.92), Kind.CAR, 0.0),
            self._box(middle, (1.15, 0.80), (0.92, 1.46), Kind.CABIN, backward),
        )

    def _box(
        self, middle: list[float], half: tuple[float, float], height: tuple[float, float], kind: Kind, shift: float
    ) -> Box:
        reach = half if self.along == 0 else half[::-1]
        x, y = (value + (shift if axis == self.along else 0) for axis, value in enumerate(middle))
        low = (x - reach[0], y - reach[1], height[0])
        high = (x + reach[0], y + reach[1], height[1])
        return Box(low, high, kind, self.color, self.label, self.forward)


@dataclass(frozen=True)
class City:
    """What stands, what moves, and how many labels are in use."""

    standing: Boxes
    cars: tuple[Car, ...]
    labels: int

    def moving(self, time_s: float) -> Boxes:
        """The boxes of the cars that move, where they are at `time_s`."""
        return Boxes.of(box for car in self.cars for box in car.at(time_s))


@dataclass
class _Builder:
    """Boxes and the next free label while a city grows."""

    draw: random.Random
    boxes: list[Box] = field(default_factory=list)
    next_label: int = int(Label.FIRST_THING)

    def add(
        self, low: tuple[float, float, float], high: tuple[float, float, float], kind: Kind, color: Color, label: int
    ) -> None:
        self.boxes.append(Box(low, high, kind, color, label))

    def label(self) -> int:
        self.next_label += 1
        return self.next_label - 1

    def pick(self, colors: tuple[Color, ...]) -> Color:
        red, green, blue = colors[int(self.draw.random() * len(colors))]
        light = self.between(0.85, 1.12)
        return red * light, green * light, blue * light

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.draw.random()

    def chance(self, share: float) -> bool:
        return self.draw.random() < share


def camera_at(time_s: float) -> Camera:
    """The camera's place in the shot: it comes down from above the roofs into the avenue while moving forward."""
    down = float(np.exp(-((max(time_s, 0.0) / 3.1) ** 2.2)))
    return Camera(
        position=(-26.0 + 11.0 * time_s, -1.4 + 1.1 * float(np.sin(0.5 * time_s)), 4.4 + 14.5 * down),
        yaw_rad=float(0.20 * np.cos(0.62 * time_s) - 0.05),
        pitch_rad=float(-0.03 - 0.25 * down),
        width_rad=1.16,
    )


def build_city(seed: int, duration_s: float) -> City:
    """The city of `seed`, long enough for a shot of `duration_s`; a longer one begins with the same blocks."""
    boxes: list[Box] = []
    label = int(Label.FIRST_THING)
    columns = int(np.ceil((camera_at(duration_s).position[0] + AHEAD_M) / PITCH_M))
    for column in range(-1, columns):
        for side in (-1, 1):
            builder = _Builder(random.Random(f"{seed} {column} {side}"), next_label=label)
            _block(builder, column * PITCH_M, side)
            boxes += builder.boxes
            label = builder.next_label
    cars, label = _traffic(seed, label, columns)
    standing = [car for car in cars if car.speed_m_s == 0]
    boxes += [box for car in standing for box in car.at(0.0)]
    return City(Boxes.of(boxes), tuple(car for car in cars if car.speed_m_s != 0), label)


def _block(builder: _Builder, start: float, side: int) -> None:
    """One block between two cross streets, on the left (side 1) or right (-1) of the avenue."""
    left, right = start + STREET_M, start + PITCH_M - STREET_M
    _lie(builder, side, (left, right), (AVENUE_M, AVENUE_M + DEPTH_M), (0.0, KERB_M), Kind.PAVEMENT, (0.33,) * 3, 2)
    inner = (left + PAVEMENT_M, right - PAVEMENT_M)
    if builder.chance(0.16):
        _park(builder, side, inner)
    else:
        _row_of_houses(builder, side, inner, AVENUE_M + PAVEMENT_M, (9.0, 17.0), (11.0, 30.0))
        _row_of_houses(builder, side, inner, AVENUE_M + PAVEMENT_M + 19.0, (15.0, 24.0), (20.0, 66.0))
    _street_furniture(builder, side, (left, right))


def _lie(
    builder: _Builder,
    side: int,
    along: tuple[float, float],
    away: tuple[float, float],
    height: tuple[float, float],
    kind: Kind,
    color: Color,
    label: int,
) -> None:
    """Adds a box that reaches `away` metres from the middle of the avenue, to the left or right of it."""
    near, far = sorted((side * away[0], side * away[1]))
    builder.add((along[0], near, height[0]), (along[1], far, height[1]), kind, color, label)


def _row_of_houses(
    builder: _Builder,
    side: int,
    inner: tuple[float, float],
    front: float,
    widths: tuple[float, float],
    heights: tuple[float, float],
) -> None:
    at = inner[0]
    while at < inner[1] - 6.0:
        width = builder.between(*widths)
        if inner[1] - at - width < 6.0:
            width = inner[1] - at
        gap = builder.between(0.6, 2.0) if builder.chance(0.3) else 0.0
        set_back = front + (builder.between(0.0, 1.5) if builder.chance(0.4) else 0.0)
        _house(builder, side, (at, at + width - gap), (set_back, front + 17.0), builder.between(*heights))
        at += width


def _house(
    builder: _Builder, side: int, along: tuple[float, float], away: tuple[float, float], height_m: float
) -> None:
    """A house of one to three steps, with boxes of machinery on its roof."""
    label = builder.label()
    glass = height_m > 24.0 and builder.chance(0.45)
    kind = Kind.GLASS if glass else Kind.FACADE
    color = builder.pick(_GLASS if glass else _FACADES)
    steps = 1 + int(height_m > 20.0 and builder.chance(0.6)) + int(height_m > 40.0 and builder.chance(0.6))
    bottom = KERB_M
    for step in range(steps):
        top = height_m * (step + 1) / steps if step + 1 < steps else height_m
        _lie(builder, side, along, away, (bottom, top), kind, color, label)
        inset = min(builder.between(1.0, 2.4), (along[1] - along[0] - 6.0) / 2)
        if step + 1 < steps:
            along, away = (along[0] + inset, along[1] - inset), (away[0] + inset, away[1] - inset)
        bottom = top
    _roof(builder, side, along, away, bottom, color, label)


def _roof(
    builder: _Builder,
    side: int,
    along: tuple[float, float],
    away: tuple[float, float],
    top: float,
    color: Color,
    label: int,
) -> None:
    dark = (color[0] * 0.7, color[1] * 0.7, color[2] * 0.7)
    for _ in range(1 + int(builder.chance(0.5))):
        width, depth = builder.between(1.5, 3.5), builder.between(1.5, 3.5)
        x = builder.between(along[0] + 0.8, along[1] - width - 0.8)
        y = builder.between(away[0] + 0.8, away[1] - depth - 0.8)
        height = (top, top + builder.between(1.0, 2.6))
        _lie(builder, side, (x, x + width), (y, y + depth), height, Kind.ROOF_UNIT, dark, label)


def _park(builder: _Builder, side: int, inner: tuple[float, float]) -> None:
    away = (AVENUE_M + PAVEMENT_M, AVENUE_M + DEPTH_M - 3.0)
    _lie(builder, side, inner, away, (KERB_M, KERB_M + 0.08), Kind.GRASS, (0.10, 0.19, 0.04), int(Label.GRASS))
    for x in np.arange(inner[0] + 4.0, inner[1] - 3.0, 8.0):
        for y in np.arange(away[0] + 4.0, away[1] - 3.0, 9.0):
            if builder.chance(0.75):
                _tree(builder, float(x) + builder.between(-2, 2), side * (float(y) + builder.between(-2, 2)), 1.35)


def _street_furniture(builder: _Builder, side: int, along: tuple[float, float]) -> None:
    """Trees and lamps in turn along the kerb."""
    kerb = side * (AVENUE_M + 0.9)
    for number, x in enumerate(np.arange(along[0] + 5.0, along[1] - 4.0, 7.0)):
        if number % 3 == 1:
            _lamp(builder, float(x), kerb, side)
        elif builder.chance(0.8):
            _tree(builder, float(x) + builder.between(-0.8, 0.8), kerb + side * 0.3, 1.0)


def _tree(builder: _Builder, x: float, y: float, size: float) -> None:
    color = builder.pick(_CROWNS)
    size *= builder.between(0.8, 1.2)
    stem, reach, tall = 1.9 * size, 1.35 * size, 2.1 * size
    label = int(Label.TREE)
    builder.add((x - 0.14, y - 0.14, KERB_M), (x + 0.14, y + 0.14, stem), Kind.TRUNK, (0.11, 0.07, 0.045), label)
    for half, low, high in ((reach, 0.0, 0.62), (reach * 0.66, 0.62, 1.0), (reach * 0.62, -0.16, 0.0)):
        bottom, top = stem + low * tall, stem + high * tall
        builder.add((x - half, y - half, bottom), (x + half, y + half, top), Kind.CROWN, color, label)


def _lamp(builder: _Builder, x: float, y: float, side: int) -> None:
    gray, label = (0.07, 0.075, 0.08), int(Label.LAMP)
    builder.add((x - 0.07, y - 0.07, KERB_M), (x + 0.07, y + 0.07, 6.2), Kind.LAMP, gray, label)
    low, high = sorted((y + side * 0.07, y - side * 1.9))
    builder.add((x - 0.10, low, 6.2), (x + 0.10, high, 6.36), Kind.LAMP, gray, label)


def _traffic(seed: int, label: int, columns: int) -> tuple[tuple[Car, ...], int]:
    """Cars that drive on both sides of the avenue and across it, cars that stand at its kerbs; the next free label."""
    draw = random.Random(f"{seed} traffic")
    places = [(x, y, speed, 0) for x, y, speed in ((6.0, -1.6, 12.0), (30.0, -4.5, 13.5), (58.0, -1.6, 10.5))]
    places += [(x, y, -speed, 0) for x, y, speed in ((46.0, 1.6, 9.0), (88.0, 4.5, 8.0), (150.0, 1.6, 10.0))]
    places += [(3 * PITCH_M + 2.4, -30.0, 7.0, 1)]
    for column in range(columns):
        for side in (-1, 1):
            for x in np.arange(column * PITCH_M + 16.0, (column + 1) * PITCH_M - 15.0, 6.2):
                if draw.random() < 0.34:
                    places.append((float(x) + 0.8 * draw.random() - 0.4, side * 6.95, 0.0, 0))
    cars = []
    for number, (x, y, speed, along) in enumerate(places):
        color = _PAINTS[int(draw.random() * len(_PAINTS))]
        forward = -1 if along == 0 and y > 0 else 1
        cars.append(Car((x, y), speed, along, color, label + number, forward))
    return tuple(cars), label + len(cars)

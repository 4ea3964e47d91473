"""A sweep: one run in many variations, and the points that its axes span. Pure."""

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cosmosctl.domain.ids import ID_PATTERN
from cosmosctl.domain.project import Place, Run, Setting

Point = Mapping[str, Setting]
"""Axis -> its value in one run."""

MOST_RUNS = 64
"""A sweep of more runs is asked about, unless its file says another number."""
MOST_POINTS = 10_000
"""No sweep has more: a typing error may span millions."""

_MOST_CHARS = 64
_WORD_CHARS = 20
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9._]+")
_ID = re.compile(ID_PATTERN)


@dataclass(frozen=True)
class Sweep:
    """One file in sweeps/: `base` is varied along the axes of `grid`, each with each, and of `zipped`, side by side.

    `exclude`: points that are left out, told by some of their values. `points`: more ones, in full. `most`: of more
    runs it is asked. `places`: where each value stands, by its key path as text.
    """

    name: str
    base: str
    grid: Mapping[str, tuple[Setting, ...]] = field(default_factory=dict)
    zipped: Mapping[str, tuple[Setting, ...]] = field(default_factory=dict)
    exclude: tuple[Point, ...] = ()
    points: tuple[Point, ...] = ()
    most: int = MOST_RUNS
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)

    @property
    def axes(self) -> tuple[str, ...]:
        """Every axis, in the order of the file."""
        return tuple(dict.fromkeys([*self.grid, *self.zipped, *(axis for point in self.points for axis in point)]))

    @property
    def file(self) -> str:
        """Its path in the project."""
        return f"sweeps/{self.name}.yaml"


def most_points(sweep: Sweep) -> int:
    """How many points there are before any is left out."""
    rows = min((len(values) for values in sweep.zipped.values()), default=1)
    spanned = rows * math.prod(len(values) for values in sweep.grid.values())
    return (spanned if sweep.grid or sweep.zipped else 0) + len(sweep.points)


def points_of(sweep: Sweep) -> tuple[Point, ...]:
    """The points, none twice: the last axis of the grid changes first, what stands side by side changes last."""
    found: dict[str, Point] = {}
    for point in (*_spanned(sweep), *sweep.points):
        if not any(_matches(point, one) for one in sweep.exclude):
            found.setdefault(_key(point), point)
    return tuple(found.values())


def _spanned(sweep: Sweep) -> Iterator[Point]:
    if not (sweep.grid or sweep.zipped):
        return
    rows = [dict(zip(sweep.zipped, row, strict=True)) for row in zip(*sweep.zipped.values(), strict=True)]
    for row in rows or [{}]:
        for values in itertools.product(*sweep.grid.values()):
            yield {**row, **dict(zip(sweep.grid, values, strict=True))}


def _matches(point: Point, wanted: Point) -> bool:
    """Whether a point has all these values; 5 and 5.0 are one number, and no number is true."""
    return bool(wanted) and all(axis in point and is_same(point[axis], value) for axis, value in wanted.items())


def is_same(one: Setting, other: Setting) -> bool:
    """Whether two values are equal as a run takes them."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def value_place(sweep: Sweep, axis: str, value: Setting) -> Place:
    """Where a value of an axis stands in the sweep's file, or the nearest thing to it."""
    for kind, axes in (("grid", sweep.grid), ("zip", sweep.zipped)):
        for number, one in enumerate(axes.get(axis, ())):
            if is_same(one, value):
                return sweep.places.get(f"{kind}.{axis}[{number}]", Place(sweep.file, 0, 0))
    number = next((at for at, one in enumerate(sweep.points) if axis in one and is_same(one[axis], value)), 0)
    return sweep.places.get(f"points[{number}].{axis}", Place(sweep.file, 0, 0))


def run_id(name: str, point: Point) -> str:
    """The id of the run at a point: the sweep's name and the values, the same each time.

    Where they do not fit into an id, or lose something in one, a few digits tell it from others.
    """
    parts = [_part(axis, value) for axis, value in point.items()]
    text = "-".join([name, *(words for words, _ in parts)])
    if all(is_whole for _, is_whole in parts) and _ID.fullmatch(text):
        return text
    digits = hashlib.sha256(_key(point).encode()).hexdigest()[:6]
    return f"{text[: _MOST_CHARS - len(digits) - 1]}-{digits}"


def _part(axis: str, value: Setting) -> tuple[str, bool]:
    """An axis and its value in an id, and whether all of the value is there: guidance7, seed1, edge.preset_low."""
    axis = axis.removeprefix("controls.").removesuffix(".weight")
    if isinstance(value, int | float) and not isinstance(value, bool):
        words = _value_words(value)
        return f"{axis}{_NOT_IN_ID.sub('_', words)}", float(words) == value and not _NOT_IN_ID.search(words)
    text = _value_words(value)
    words = _NOT_IN_ID.sub("_", text.rstrip("/").rpartition("/")[2])[:_WORD_CHARS]
    return f"{axis}_{words}", words == text


def _key(point: Point) -> str:
    """The same for points with the same values, in whatever order they are written."""
    return json.dumps(sorted((axis, _plain(value)) for axis, value in point.items()))


def facts_of(run: Run) -> Mapping[str, object]:
    """All that a run says, by the keys of its file, but for what changes nothing in its result."""
    found: dict[str, object] = {"prompt": run.prompt, "model": run.model, **run.settings}
    for control in run.controls:
        parts = {"weight": control.weight, "input": control.input, "preset": control.preset, "prompt": control.prompt}
        found |= {f"controls.{control.name}.{part}": value for part, value in parts.items()}
    return {key: _plain(value) for key, value in found.items() if value is not None}


def differing(one: Run, other: Run) -> tuple[str, ...]:
    """The keys in which two runs differ."""
    first, second = facts_of(one), facts_of(other)
    return tuple(key for key in dict.fromkeys([*first, *second]) if first.get(key) != second.get(key))


def digest_of(run: Run) -> str:
    """A few digits that change when anything of it does: what a run's file says in the line of its sweep."""
    text = json.dumps(sorted(facts_of(run).items()))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _plain(value: object) -> object:
    """The one form in which values are compared: 5 and 5.0 are one number, and no number is true."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def seeds(first: int, count: int) -> tuple[int, ...]:
    """That many seeds, the first one first."""
    return tuple(range(first, first + count))


def words_of(point: Point) -> str:
    """A point as people read it: guidance=7 edge=0.4."""
    return " ".join(f"{axis}={_value_words(value)}" for axis, value in point.items())


def _value_words(value: Setting) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def values_in(points: Sequence[Point], axis: str) -> tuple[Setting, ...]:
    """The values of an axis, each once, in the order in which they are met."""
    found: list[Setting] = []
    for point in points:
        if axis in point and not any(is_same(point[axis], one) for one in found):
            found.append(point[axis])
    return tuple(found)

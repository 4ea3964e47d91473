"""More points for a sweep, drawn within it or around the runs of it that were accepted; the same each time."""

import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cosmosctl import models
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Run, Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.sweep import Point, Sweep, points_of, run_id, values_in
from cosmosctl.errors import UsageError
from cosmosctl.models.protocol import Model
from cosmosctl.schema import axes
from cosmosctl.state.rated import opinions
from cosmosctl.store import Snapshot
from cosmosctl.yaml.edit import set_value

SPREAD = 0.25
"""How far from an accepted value, as the standard deviation: a part of what the sweep spans."""
TRIES = 200
"""So often a point is drawn anew that is there already."""
SEED = "seed"


@dataclass(frozen=True)
class Draw:
    """`count` more points; `near`: around the accepted runs, else anywhere within the sweep."""

    count: int
    near: bool = False


def accepted_in(project: ProjectPaths, snapshot: Snapshot, sweep: Sweep) -> Mapping[str, Point]:
    """The runs of a sweep whose present videos are accepted, and their values."""
    own = [run for run, one in snapshot.runs.items() if one.sweep == sweep.name]
    accepted = [run for run, found in opinions(project, own).items() if found.accepted]
    return {run: _values(snapshot.runs[run], sweep) for run in accepted}


def _values(run: Run, sweep: Sweep) -> Point:
    found = {axis: axes.value_of(run, axes.axes()[axis]) for axis in sweep.axes if axis != axes.SCENE}
    return {axis: value for axis, value in found.items() if value is not None}


def drawn(
    project: ProjectPaths, snapshot: Snapshot, sweep: Sweep, draw: Draw, accepted: Mapping[str, Point]
) -> tuple[Sweep, str]:
    """The sweep with more points, and its file's text. `accepted`: run -> its values. Raises: UsageError."""
    if draw.near and not accepted:
        raise UsageError(
            f"no run of {sweep.name} is accepted", hint=f"{command('rate', '--accept')} RUN says which ones to go near"
        )
    base = snapshot.runs[sweep.base]
    family = models.get(base.model or snapshot.config.model)
    points = more_points(sweep, family, tuple(accepted.values()) if draw.near else (), draw.count)
    if not points:
        raise UsageError(f"{sweep.name}: every value that could be drawn is there already")
    made = replace(sweep, points=(*sweep.points, *points))
    text = project.sweep(sweep.name).read_text(encoding="utf-8")
    return made, set_value(text, ("points",), [dict(point) for point in made.points])


def more_points(sweep: Sweep, family: Model, centres: Sequence[Point], count: int) -> tuple[Point, ...]:
    """As many points that are not in the sweep yet. Same sweep, same centres, same points."""
    there = points_of(sweep)
    digest = hashlib.sha256(repr((sweep.name, sorted(map(repr, centres)), len(there))).encode()).digest()
    chance = random.Random(digest)
    taken = {run_id("", point) for point in there}
    found: list[Point] = []
    for _ in range(TRIES * count):
        if len(found) == count:
            break
        point = _point(sweep, family, there, centres, chance)
        if run_id("", point) not in taken:
            taken.add(run_id("", point))
            found.append(point)
    return tuple(found)


def _point(
    sweep: Sweep, family: Model, there: Sequence[Point], centres: Sequence[Point], chance: random.Random
) -> Point:
    centre = chance.choice(centres) if centres else None
    return {axis: _drawn(axis, _rule(axis, family), values_in(there, axis), centre, chance) for axis in sweep.axes}


def _rule(axis: str, family: Model) -> SettingRule:
    """What the values of an axis have to keep to; a weight lies between 0 and 1."""
    known = axes.axes()[axis]
    return family.SETTINGS[known.name] if known.kind == axes.SETTING else WEIGHT


WEIGHT = SettingRule(float, None, "", low=0, high=1)


def _drawn(
    axis: str, rule: SettingRule, values: Sequence[Setting], centre: Point | None, chance: random.Random
) -> Setting:
    """A value of one axis: numbers between and beside those that are there, anything else one of them."""
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values) or len(numbers) < 2:
        return centre[axis] if centre is not None and axis in centre else chance.choice(list(values))
    low, high = min(numbers), max(numbers)
    if axis == SEED:
        return chance.randrange(int(high) + 1, int(high) + 1_000_000)
    middle = float(centre[axis]) if centre is not None and axis in centre else None
    value = chance.uniform(low, high) if middle is None else chance.gauss(middle, SPREAD * (high - low))
    value = round(value) if rule.kind is int else _rounded(value, high - low)
    value = value if rule.low is None else max(value, rule.low)
    return value if rule.high is None else min(value, rule.high)


def _rounded(value: float, span: float) -> float:
    """To two digits more than the span has."""
    return round(value, max(0, 2 - math.floor(math.log10(span)))) if span else value

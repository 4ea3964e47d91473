"""A sweep and the project as it is into runs: which are new, which are there, which were edited, which are too many."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cosmosctl import models
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.mistake import Mistake
from cosmosctl.domain.project import Drafts, Place, Prompt, Run
from cosmosctl.domain.sweep import Point, Sweep, differing, points_of, run_id, value_place
from cosmosctl.errors import FilesError
from cosmosctl.io.checked import Unreadable, read_bounded, text_of
from cosmosctl.schema import axes
from cosmosctl.store import Snapshot
from cosmosctl.store.new_files import is_as_written
from cosmosctl.store.videos import find_scene

NEW, THERE, EDITED, MISTAKEN = "new", "there", "edited", "mistaken"
"""How a run of a sweep stands: its file is to be written, is as it would be written, says something else, is no run."""

RUN_BYTES = 1 << 20


@dataclass(frozen=True)
class Member:
    """A run of a sweep at one of its points. `id`: of the run that is there, or will be. `differs`: the edited keys."""

    id: str
    point: Point
    run: Run
    standing: str = NEW
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expansion:
    """`members` in the order of the points; `strays`: runs of the sweep at none of its points. `scenes`: prompts that
    have to be made for other scenes, by id -> (prompt, folder).
    """

    sweep: Sweep
    members: tuple[Member, ...]
    strays: tuple[str, ...]
    scenes: Mapping[str, tuple[Prompt, str]] = field(default_factory=dict)

    def standing(self, *kinds: str) -> tuple[Member, ...]:
        """The runs that stand so."""
        return tuple(member for member in self.members if member.standing in kinds)

    @property
    def drafts(self) -> Drafts:
        """What is in no file yet."""
        prompts = tuple(prompt for prompt, _ in self.scenes.values())
        return Drafts(prompts, tuple(member.run for member in self.standing(NEW)))


def expanded(snapshot: Snapshot, sweep: Sweep) -> Expansion:
    """The runs of a sweep. Raises: FilesError with every value that does not go with the base or its family."""
    snapshot.require([sweep.base])
    base = replace(snapshot.runs[sweep.base], notes="", sweep=sweep.name)
    if mistakes := unfit_values(snapshot, sweep):
        raise FilesError([one.words for one in mistakes])
    points = points_of(sweep)
    scenes = _Scenes(snapshot, sweep)
    planned = [(point, _planned(sweep, base, point, scenes)) for point in points]
    own = {run: snapshot.runs[run] for run in snapshot.runs if snapshot.runs[run].sweep == sweep.name}
    members = tuple(_member(snapshot, own, point, run) for point, run in planned)
    there = {member.id for member in members}
    if scenes.mistakes:
        raise FilesError(list(dict.fromkeys(scenes.mistakes)))
    strays = tuple(run for run in snapshot.run_ids if run not in there and _is_of(snapshot, run, sweep.name))
    return Expansion(sweep, members, strays, scenes.made)


def unfit_values(snapshot: Snapshot, sweep: Sweep) -> tuple[Mistake, ...]:
    """Values that the family of the sweep's runs does not take, and axes that its base has nothing for."""
    found = _mistakes(snapshot, sweep, snapshot.seen_run(sweep.base))
    return tuple({one.words: one for one in found}.values())


def _mistake(place: Place, message: str) -> Mistake:
    return Mistake(place.file, place.line, place.column, message, f"{place}: {message}")


def is_unedited(project: ProjectPaths, run: Run) -> bool:
    """Whether a run's file says what the sweep wrote into it."""
    try:
        return is_as_written(run, text_of(read_bounded(project.run(run.id).spec, RUN_BYTES)))
    except (FileNotFoundError, Unreadable):
        return False


def _is_of(snapshot: Snapshot, run: str, sweep: str) -> bool:
    return snapshot.seen_run(run).sweep == sweep


def _member(snapshot: Snapshot, own: Mapping[str, Run], point: Point, planned: Run) -> Member:
    """By its id, or under another name by all of its values."""
    if planned.id in snapshot.runs:
        differs = differing(snapshot.runs[planned.id], planned)
        return Member(planned.id, point, planned, EDITED if differs else THERE, differs)
    if planned.id in snapshot.run_ids:
        return Member(planned.id, point, planned, MISTAKEN)
    twin = next((run for run, one in own.items() if not differing(one, planned)), None)
    return Member(planned.id, point, planned) if twin is None else Member(twin, point, planned, THERE)


def _planned(sweep: Sweep, base: Run, point: Point, scenes: "_Scenes") -> Run:
    run, places = base, dict(base.places)
    for name, value in point.items():
        axis = axes.axes()[name]
        run, places[axis.key] = axes.with_value(run, axis, value), value_place(sweep, name, value)
    places[""] = Place(sweep.file, 0, 0)
    if "scene" in point:
        run = replace(run, prompt=scenes.prompt(run.prompt, str(point["scene"])))
    return replace(run, id=run_id(sweep.name, point), places=places)


def _mistakes(snapshot: Snapshot, sweep: Sweep, base: Run) -> Iterator[Mistake]:
    """Of each point the values that its family does not take, and axes that the base has nothing for."""
    known = axes.axes()
    for name in sweep.axes:
        if not _is_held(base, known[name], sweep):
            first = next((point[name] for point in points_of(sweep) if name in point), "")
            what = f"{known[name].name} is not among what {sweep.base} has; give it a weight there"
            yield _mistake(value_place(sweep, name, first), f"{name}: {what}")
    for point in points_of(sweep):
        family = models.get(str(point.get("model", base.model or snapshot.config.model)))
        for name, value in point.items():
            if words := axes.mistake(known[name], value, family):
                yield _mistake(value_place(sweep, name, value), f"{name} {words}")
    for prompt in dict.fromkeys(str(point["prompt"]) for point in points_of(sweep) if "prompt" in point):
        yield from _prompt_mistakes(snapshot, sweep, prompt)


def _prompt_mistakes(snapshot: Snapshot, sweep: Sweep, prompt: str) -> Iterator[Mistake]:
    if prompt not in snapshot.prompt_ids:
        yield _mistake(value_place(sweep, "prompt", prompt), f"there is no prompt '{prompt}'")
    yield from (problem.mistake for problem in snapshot.mistakes_of_prompt(prompt))


def _is_held(base: Run, axis: axes.Axis, sweep: Sweep) -> bool:
    return axes.has_place_for(base, axis) or axis.name in sweep.axes


_NOT_IN_ID = re.compile(r"[^A-Za-z0-9._]+")


class _Scenes:
    """The prompts of other scenes: those that are there, and those that have to be made."""

    def __init__(self, snapshot: Snapshot, sweep: Sweep) -> None:
        self._snapshot, self._sweep = snapshot, sweep
        self.made: dict[str, tuple[Prompt, str]] = {}
        self.mistakes: list[str] = []

    def prompt(self, prompt_id: str, folder: str) -> str:
        """The id of that prompt with the videos of another scene."""
        known = self._snapshot.prompts
        outside = self._snapshot.config.allow_outside_inputs
        scene = find_scene(self._snapshot.root, folder, allow_outside=outside)
        if scene.mistakes:
            place = value_place(self._sweep, "scene", folder)
            self.mistakes += [f"{place}: scene: {words}" for words in scene.mistakes]
            return prompt_id
        wanted = replace(known[prompt_id], videos=scene.videos)
        return self._like(wanted) or self._new(wanted, folder)

    def _like(self, wanted: Prompt) -> str:
        prompts: Sequence[Prompt] = [*self._snapshot.prompts.values(), *(prompt for prompt, _ in self.made.values())]
        return next((one.id for one in prompts if _facts(one) == _facts(wanted)), "")

    def _new(self, wanted: Prompt, folder: str) -> str:
        word = _NOT_IN_ID.sub("_", folder.rstrip("/").rpartition("/")[2])
        name = f"{wanted.id}-{word}"[:64]
        if name not in self._snapshot.prompt_ids:
            self.made[name] = (replace(wanted, id=name), folder)
        return name


def _facts(prompt: Prompt) -> tuple[object, ...]:
    return prompt.text, prompt.negative_prompt, dict(prompt.videos)

"""Run ids into plans: effective specs, videos looked at, models' checks, controls computed. Nothing is sent."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cosmosctl import inputs, models
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Host, Run
from cosmosctl.domain.spec import Spec
from cosmosctl.errors import FilesError, UsageError
from cosmosctl.inputs import ControlProgress, Found, Recipe
from cosmosctl.planner import Plan, make_plan
from cosmosctl.store import Snapshot

Say = Callable[[str], None]


@dataclass(frozen=True)
class Checked:
    """Runs that may be planned: their specs, their videos, and what is surprising about each run."""

    specs: tuple[Spec, ...]
    found: Found
    warnings: Mapping[str, tuple[str, ...]]


def pick_host(snapshot: Snapshot, name: str | None) -> Host:
    """The host to use: the one named, else the project's. Raises: UsageError naming the known ones."""
    wanted = name or snapshot.config.host
    hosts = snapshot.config.hosts
    if wanted in hosts:
        return hosts[wanted]
    raise UsageError(f"there is no host {wanted!r}; known: {', '.join(sorted(hosts))}")


def specs_of(snapshot: Snapshot, runs: Iterable[str], *, model: str | None = None) -> tuple[Spec, ...]:
    """The effective spec of each run; `model` tries them on another family."""
    return tuple(_spec(snapshot, snapshot.runs[run], model) for run in runs)


def check(project: ProjectPaths, snapshot: Snapshot, runs: Sequence[str], *, model: str | None = None) -> Checked:
    """Everything that can be known before a run is sent. Raises: FilesError with every mistake of all these runs."""
    problems = [str(problem) for problem in snapshot.problems_of(runs)]
    specs = specs_of(snapshot, [run for run in runs if run in snapshot.runs], model=model)
    found = inputs.find(project, (path for spec in specs for path in spec.input_paths))
    problems += [line for lines in found.mistakes.values() for line in lines]
    warnings = {}
    for spec in specs:
        mistakes, warnings[spec.run] = _findings(spec, snapshot.runs[spec.run], found)
        problems += mistakes
    if problems:
        raise FilesError(tuple(dict.fromkeys(problems)), hint="cosmosctl check")
    return Checked(specs, found, warnings)


def plans(project: ProjectPaths, checked: Checked, host: Host, *, progress: ControlProgress) -> tuple[Plan, ...]:
    """One plan for each model family among the runs."""
    sources = inputs.sources(project, checked.found, checked.specs, progress=progress)
    families = dict.fromkeys(spec.model for spec in checked.specs)
    return tuple(make_plan([spec for spec in checked.specs if spec.model == name], sources, host) for name in families)


def silent(recipe: Recipe, done: int, total: int) -> None:
    """No report of progress."""


def _spec(snapshot: Snapshot, run: Run, model: str | None) -> Spec:
    return models.spec_of(run, snapshot.prompts[run.prompt], snapshot.config, model=model)


def _findings(spec: Spec, run: Run, found: Found) -> tuple[list[str], tuple[str, ...]]:
    if any(path not in found.files for path in spec.input_paths):
        return [], ()
    clips = {path: inputs.clip(found.files[path]) for path in spec.input_paths}
    findings = models.get(spec.model).check(spec, clips)
    lines = {f: f"{_place(run, f.key)}: {f.key} {f.message}" for f in findings}
    remarks = [line for path in spec.input_paths for line in found.remarks.get(path, ())]
    warnings = [line for finding, line in lines.items() if finding.level == "warning"]
    return [line for f, line in lines.items() if f.level == "error"], (*warnings, *remarks)


def _place(run: Run, key: str) -> str:
    """Where `key` stands in the run's file, or the nearest key above it, or the file."""
    while key:
        if key in run.places:
            return str(run.places[key])
        key = key.rpartition(".")[0]
    return f"runs/{run.id}/run.yaml"

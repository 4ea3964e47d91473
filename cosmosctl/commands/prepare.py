"""Run ids into plans: effective specs, videos looked at, models' checks, controls computed. Nothing is sent."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cosmosctl import inputs, models
from cosmosctl.domain.inputs import Input
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.domain.project import Host, Run
from cosmosctl.domain.spec import Spec, fingerprint, spec_hash
from cosmosctl.errors import FilesError
from cosmosctl.inputs import ControlProgress, Found, Recipe
from cosmosctl.planner import PRIMARY, Plan, make_plan
from cosmosctl.receipts import read_receipt
from cosmosctl.store import Snapshot

Say = Callable[[str], None]


@dataclass(frozen=True)
class Checked:
    """Runs that may be planned: their specs, their videos, and what is surprising about each run."""

    specs: tuple[Spec, ...]
    found: Found
    warnings: Mapping[str, tuple[str, ...]]


def specs_of(snapshot: Snapshot, runs: Iterable[str], *, model: str | None = None) -> tuple[Spec, ...]:
    """The effective spec of each run; `model` tries them on another family."""
    return tuple(_spec(snapshot, snapshot.runs[run], model) for run in runs)


def check(project: ProjectPaths, snapshot: Snapshot, runs: Sequence[str], *, model: str | None = None) -> Checked:
    """Everything that can be known before a run is sent. Raises: FilesError with every mistake of all these runs."""
    problems = [problem.words for problem in snapshot.problems_of(runs)]
    problems += _missing_sources(snapshot, runs)
    specs = specs_of(snapshot, [run for run in runs if run in snapshot.runs and has_source(snapshot, run)], model=model)
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
    """One plan for each model family among the runs. Runs that wait for a result of another one are in none.

    Raises: FilesError for a run that upscales a result which is neither here nor made by one of these batches.
    """
    waiting = waits(checked)
    ready = [spec for spec in checked.specs if spec.run not in waiting]
    results = _results(project, ready, host, checked.found)
    sources = replace(inputs.sources(project, checked.found, ready, progress=progress), results=results)
    families = dict.fromkeys(spec.model for spec in ready)
    return tuple(make_plan([spec for spec in ready if spec.model == name], sources, host) for name in families)


def waits(checked: Checked) -> Mapping[str, str]:
    """Run that upscales -> its source, where that is made by another batch of the same command."""
    families = {spec.run: spec.model for spec in checked.specs}
    chained = {spec.run: spec.source.run for spec in checked.specs if spec.source is not None}
    return {run: source for run, source in chained.items() if families.get(source, families[run]) != families[run]}


def _results(project: ProjectPaths, specs: Sequence[Spec], host: Host, found: Found) -> Mapping[str, Input]:
    """The results that these runs upscale and no run of theirs makes."""
    together = {spec.run for spec in specs}
    wanted = {s.run: s.source for s in specs if s.source is not None and s.source.run not in together}
    problems = [
        f"runs/{run}/run.yaml: {source.run} has no result, or an old one: there is nothing to upscale"
        for run, source in wanted.items()
        if not has_result(project, source, host, found)
    ]
    if problems:
        names = dict.fromkeys([*(source.run for source in wanted.values()), *wanted])
        raise FilesError(tuple(problems), hint=f"cosmosctl batch {' '.join(names)}")
    videos = {source.run: _result(project, source.run, host) for source in wanted.values()}
    paths = {run: (place.outputs / PRIMARY).relative_to(project.root).as_posix() for run, place in videos.items()}
    looked = inputs.find(project, paths.values())
    if looked.mistakes:
        raise FilesError(tuple(line for lines in looked.mistakes.values() for line in lines))
    return {run: looked.files[path] for run, path in paths.items()}


def has_result(project: ProjectPaths, spec: Spec, host: Host, found: Found) -> bool:
    """Whether the result of a run is here and as its files are now; on a host that makes previews, its preview."""
    place = _result(project, spec.run, host)
    receipt = read_receipt(place.receipt)
    now = spec_hash(fingerprint(spec, {path: found.files[path].sha256 for path in spec.input_paths}))
    return receipt is not None and receipt.spec == now and (place.outputs / PRIMARY).is_file()


def _result(project: ProjectPaths, run: str, host: Host) -> ResultPaths:
    return project.run(run).preview if host.is_preview else project.run(run).result


def silent(recipe: Recipe, done: int, total: int) -> None:
    """No report of progress."""


def _spec(snapshot: Snapshot, run: Run, model: str | None) -> Spec:
    prompt, source = snapshot.prompts[run.prompt], models.source_of(run)
    made = None if source is None else _spec(snapshot, snapshot.runs[source], None)
    return models.spec_of(run, prompt, snapshot.config, model=model, source=made)


def has_source(snapshot: Snapshot, run: str) -> bool:
    """Whether the run whose result `run` upscales can be used, if it names one."""
    source = models.source_of(snapshot.runs[run])
    return source is None or (source in snapshot.runs and models.source_of(snapshot.runs[source]) is None)


def _missing_sources(snapshot: Snapshot, runs: Sequence[str]) -> list[str]:
    return [
        f"{_place(snapshot.runs[run], 'upscale.run')}: upscale.run {models.source_of(snapshot.runs[run])} is no run "
        "that makes a video, or its own files are wrong"
        for run in runs
        if run in snapshot.runs and not has_source(snapshot, run)
    ]


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

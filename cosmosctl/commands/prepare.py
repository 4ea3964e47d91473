"""Run ids into plans: effective specs, videos looked at, models' checks, controls computed. Nothing is sent."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from cosmosctl import engines, models
from cosmosctl.domain.ids import command
from cosmosctl.domain.inputs import Input
from cosmosctl.domain.layout import CONFIG_FILE, PRIMARY, ProjectPaths, ResultPaths
from cosmosctl.domain.mistake import Mistake
from cosmosctl.domain.project import Host, Place, Run
from cosmosctl.domain.spec import Spec, fingerprint, spec_hash
from cosmosctl.domain.surprises import VIDEO, Surprise, Told, gathered, kind_of, shape_of
from cosmosctl.errors import FileError, FilesError
from cosmosctl.host import trust
from cosmosctl.models import checks
from cosmosctl.models.protocol import Finding
from cosmosctl.models.ranks import started_mistake
from cosmosctl.plan import inputs
from cosmosctl.plan.inputs import ControlProgress, Found
from cosmosctl.plan.planner import Plan, make_plan
from cosmosctl.state.attempts import receipt_beside
from cosmosctl.store import Snapshot
from cosmosctl.store.user_config import user_config
from cosmosctl.store.videos import ALLOW_OUTSIDE

Say = Callable[[str], None]


@dataclass(frozen=True)
class Checked:
    """Runs that may be planned: their specs, their videos, and what is surprising about each run.

    `left_out`: the other runs that were asked for, and why they cannot be. `mistakes`: of these, by run, what is wrong
    with the user's files.
    """

    specs: tuple[Spec, ...]
    found: Found
    warnings: Mapping[str, tuple[Surprise, ...]]
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mistakes: Mapping[str, tuple[Mistake, ...]] = field(default_factory=dict)

    @property
    def warning_lines(self) -> Mapping[str, tuple[str, ...]]:
        """What its receipt says of a run: all of it, also what nobody wants to hear."""
        return {run: tuple(one.text for one in several) for run, several in self.warnings.items()}


def to_be_told(snapshot: Snapshot, checked: Checked) -> tuple[Told, ...]:
    """What is surprising, each kind once, without what the project or a run says to be quiet about."""
    config, runs = (*snapshot.config.quiet, *user_config().quiet), snapshot.runs
    loud = {
        run: tuple(one for one in several if one.kind not in (*config, *(runs[run].quiet if run in runs else ())))
        for run, several in checked.warnings.items()
        if run not in checked.left_out
    }
    return gathered(loud)


def specs_of(snapshot: Snapshot, runs: Iterable[str], *, model: str | None = None) -> tuple[Spec, ...]:
    """The effective spec of each run; `model` tries them on another family."""
    return tuple(_spec(snapshot, snapshot.runs[run], model) for run in runs)


def check(project: ProjectPaths, snapshot: Snapshot, runs: Sequence[str], *, model: str | None = None) -> Checked:
    """Everything that can be known before a run is sent. Raises: FilesError with every mistake of all these runs."""
    looked = look(project, snapshot, runs, model=model)
    problems = [problem.words for problem in snapshot.problems_of(runs)]
    problems += [line for lines in looked.left_out.values() for line in lines]
    if problems:
        raise FilesError(tuple(dict.fromkeys(problems)), hint="cosmosctl check")
    return looked


def check_well(
    project: ProjectPaths, snapshot: Snapshot, runs: Sequence[str], host: Host, *, model: str | None = None
) -> Checked:
    """Those of these runs that can be batched on `host`; the others, and what waits for them, are left out.

    Raises: FilesError for a mistake in what all runs share, or with every mistake when none of them is well.
    """
    if snapshot.problems_of(()):
        return check(project, snapshot, runs, model=model)
    looked = look(project, snapshot, runs, model=model)
    left = {**looked.left_out, **_unserved(looked.specs, host)}
    left |= _without_source(project, looked, left, host)
    if runs and len(left) == len(set(runs)):
        messages = dict.fromkeys(line for lines in left.values() for line in lines)
        raise FilesError(tuple(messages), hint="cosmosctl check")
    return replace(looked, specs=tuple(spec for spec in looked.specs if spec.run not in left), left_out=left)


def ask_for_outside(snapshot: Snapshot, runs: Iterable[str]) -> None:
    """Raises: NotAllowed when these runs want videos from outside, and their project too, but this machine was not
    asked yet.
    """
    wanted = snapshot.config.asks_outside and any(one.hint == ALLOW_OUTSIDE for one in snapshot.problems_of(runs))
    if wanted:
        raise trust.NotAllowed(trust.outside_leave(snapshot.root))


def look(project: ProjectPaths, snapshot: Snapshot, runs: Sequence[str], *, model: str | None = None) -> Checked:
    """All these runs: specs of those that can have one, and in `left_out` every mistake by run."""
    usable = [run for run in runs if run in snapshot.runs and has_source(snapshot, run)]
    specs = specs_of(snapshot, usable, model=model)
    found = inputs.find(project, (path for spec in specs for path in spec.input_paths))
    mistakes = {run: [problem.mistake for problem in snapshot.problems_of([run])] for run in runs}
    for run in runs:
        mistakes[run] += _missing_source(snapshot, run)
    warnings = {}
    for spec in specs:
        findings, warnings[spec.run] = _findings(spec, snapshot.runs[spec.run], found)
        unfit = [mistake for path in spec.input_paths for mistake in found.mistakes.get(path, ())]
        mistakes[spec.run] += [*unfit, *findings]
    left = {run: tuple(one.words for one in several) for run, several in mistakes.items() if several}
    return Checked(specs, found, warnings, left, {run: tuple(mistakes[run]) for run in left})


def _unserved(specs: Sequence[Spec], host: Host) -> Mapping[str, tuple[str, ...]]:
    """Runs of a family that the host's block does not know how to start, and why."""
    lacking = {name: _lacking(host, name) for name in {spec.model for spec in specs}}
    unserved = {spec.run: (f"runs/{spec.run}: {lacking[spec.model]}",) for spec in specs if lacking[spec.model]}
    return {**_misfits(specs, host), **unserved}


def _misfits(specs: Sequence[Spec], host: Host) -> Mapping[str, tuple[str, ...]]:
    """Runs that do not go with the weights that the host's block names, and why."""
    weights = {name: block.checkpoints for name, block in host.models.items()}
    found = {spec.run: models.host_mistake(spec, weights.get(spec.model), host.gpus_per_video or 1) for spec in specs}
    found = {} if host.is_preview else found
    return {run: (f"runs/{run}/run.yaml: {words} (host {host.name})",) for run, words in found.items() if words}


def _lacking(host: Host, name: str) -> str:
    engine, model = engines.of(host), models.get(name)
    try:
        if words := started_mistake(engine.process(host, model).launcher, host.gpus_per_video or 1):
            return f"host {host.name}: models.{name}: {words}"
        engine.supervisor(host, model, PurePosixPath(host.dir))
    except FileError as e:
        return e.line
    return ""


def _without_source(
    project: ProjectPaths, looked: Checked, left: Mapping[str, tuple[str, ...]], host: Host
) -> Mapping[str, tuple[str, ...]]:
    """Runs that upscale what is neither here nor made by one of these runs, and why."""
    made = {spec.run for spec in looked.specs if spec.run not in left}
    waiting = {s.run: s.source for s in looked.specs if s.run in made and s.source is not None}
    return {
        run: (_no_source(run, source.run, is_left=source.run in left),)
        for run, source in waiting.items()
        if source.run not in made and not has_result(project, source, host, looked.found)
    }


def _no_source(run: str, source: str, *, is_left: bool) -> str:
    why = "is left out" if is_left else "has no result, or an old one: there is nothing to upscale"
    return f"runs/{run}/run.yaml: {source} {why}"


def plans(project: ProjectPaths, checked: Checked, host: Host, *, progress: ControlProgress) -> tuple[Plan, ...]:
    """One plan for each model family among the runs. Runs that wait for a result of another one are in none.

    Raises: FilesError for a run that upscales a result which is neither here nor made by one of these batches.
    """
    waiting = waits(checked)
    ready = [spec for spec in checked.specs if spec.run not in waiting]
    if misfits := _misfits(ready, host):
        raise FilesError(tuple(line for lines in misfits.values() for line in lines), hint="set resolution: 480")
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
        _no_source(run, source.run, is_left=False)
        for run, source in wanted.items()
        if not has_result(project, source, host, found)
    ]
    if problems:
        names = dict.fromkeys([*(source.run for source in wanted.values()), *wanted])
        raise FilesError(tuple(problems), hint=command("batch", *names))
    videos = {source.run: _result(project, source.run, host) for source in wanted.values()}
    paths = {run: (place.outputs / PRIMARY).relative_to(project.root).as_posix() for run, place in videos.items()}
    looked = inputs.find(project, paths.values())
    if looked.mistakes:
        raise FilesError(tuple(one.words for several in looked.mistakes.values() for one in several))
    return {run: looked.files[path] for run, path in paths.items()}


def has_result(project: ProjectPaths, spec: Spec, host: Host, found: Found) -> bool:
    """Whether the result of a run is here and as its files are now; on a host that makes previews, its preview."""
    place = _result(project, spec.run, host)
    receipt = receipt_beside(project, spec.run, place)
    now = spec_hash(fingerprint(spec, {path: found.files[path].sha256 for path in spec.input_paths}))
    return receipt is not None and receipt.spec == now and (place.outputs / PRIMARY).is_file()


def _result(project: ProjectPaths, run: str, host: Host) -> ResultPaths:
    return project.run(run).preview if host.is_preview else project.run(run).result


def _spec(snapshot: Snapshot, run: Run, model: str | None) -> Spec:
    prompt, source = snapshot.prompts[run.prompt], models.source_of(run)
    made = None if source is None else _spec(snapshot, snapshot.runs[source], None)
    return models.spec_of(run, prompt, snapshot.config, model=model, source=made)


def has_source(snapshot: Snapshot, run: str) -> bool:
    """Whether the run whose result `run` upscales can be used, if it names one."""
    source = models.source_of(snapshot.runs[run])
    return source is None or (source in snapshot.runs and models.source_of(snapshot.runs[source]) is None)


def _missing_source(snapshot: Snapshot, run: str) -> Iterator[Mistake]:
    if run in snapshot.runs and not has_source(snapshot, run):
        words = "is no run that makes a video, or its own files are wrong"
        message = f"upscale.run {models.source_of(snapshot.runs[run])} {words}"
        yield _place(snapshot.runs[run], "upscale.run").mistake(message)


def _findings(spec: Spec, run: Run, found: Found) -> tuple[list[Mistake], tuple[Surprise, ...]]:
    if any(path not in found.files for path in spec.input_paths):
        return [], ()
    clips = {path: inputs.clip(found.files[path]) for path in spec.input_paths}
    findings = models.get(spec.model).check(spec, clips)
    placed = {f: _placed(spec, run, f) for f in findings}
    warnings = [
        Surprise(f.kind or kind_of(f.key), shape_of(f"{f.key} {f.message}", clips), one.words)
        for f, one in placed.items()
        if f.level == "warning"
    ]
    remarks = [line for path in spec.input_paths for line in found.remarks.get(path, ())]
    said = [Surprise(VIDEO, shape_of(line, clips), line) for line in remarks]
    return [one for f, one in placed.items() if f.level == "error"], (*warnings, *said)


def unfit_settings(snapshot: Snapshot, run_id: str, *, model: str | None = None) -> Iterator[Mistake]:
    """What a run's family says of its settings alone, wherever its videos are; nothing where its file has mistakes."""
    if snapshot.problems_of_file(run_id):
        return
    run = snapshot.seen_run(run_id)
    prompt = snapshot.seen_prompt(run.prompt)
    spec = models.spec_of(run, replace(prompt, videos={"color": "", **prompt.videos}), snapshot.config, model=model)
    family = models.get(spec.model)
    for finding in checks.settings(spec, models.rules_of(family, run, snapshot.config), family.DROPPED):
        yield _placed(spec, run, finding)


def _placed(spec: Spec, run: Run, finding: Finding) -> Mistake:
    """A finding where its key was set, under the name that it has there."""
    if spec.sources.get(finding.key) == "project":
        return Place(CONFIG_FILE, 0, 0).mistake(f"defaults.{spec.model}.{finding.key} {finding.message}")
    return _place(run, finding.key).mistake(f"{finding.key} {finding.message}")


def _place(run: Run, key: str) -> Place:
    """Where `key` stands in the run's file, or the nearest key above it, or the file."""
    while key:
        if key in run.places:
            return run.places[key]
        key = key.rpartition(".")[0]
    return run.places.get("", Place(f"runs/{run.id}/run.yaml", 0, 0))

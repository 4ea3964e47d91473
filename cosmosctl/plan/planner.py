"""Runs into groups, groups into rows, argv and files. Pure and deterministic: same runs, same bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cosmosctl import engines
from cosmosctl.domain.inputs import Input
from cosmosctl.domain.layout import PRIMARY
from cosmosctl.domain.project import Host, Setting
from cosmosctl.domain.spec import Spec, fingerprint, spec_hash
from cosmosctl.engines.protocol import Process, Wrapping
from cosmosctl.models import WARM_MODELS
from cosmosctl.models import get as get_model
from cosmosctl.models.protocol import Clip, Model, WarmModel


@dataclass(frozen=True)
class Sources:
    """The videos of a plan: `files` by project path, `computed` controls by (video path, control, preset).

    `results` of runs that others upscale, by run.
    """

    files: Mapping[str, Input]
    computed: Mapping[tuple[str, str, str], Input]
    results: Mapping[str, Input] = field(default_factory=dict)

    def of(self, spec: Spec) -> Mapping[str, Input]:
        """Role -> video of one run; a control that the model makes itself is not in it."""
        found = {"color": self.files[spec.video] if spec.source is None else self.results[spec.source.run]}
        for control in spec.controls:
            if control.path is not None:
                found[control.name] = self.files[control.path]
            elif control.preset is not None and not control.is_native:
                found[control.name] = self.computed[spec.video, control.name, control.preset]
            elif control.source == "color":
                found[control.name] = self.files[spec.video]
        return found


@dataclass(frozen=True)
class Row:
    """One run in a group. `facts` is its fingerprint, `steps` its progress units.

    `line` is the model's input line. Where `after` stands, the row reads the result of another row, whose path is not
    known before the batch has a name: `line` is "" then, and `line_in` makes it.
    """

    run: str
    spec: Spec
    facts: Mapping[str, Setting]
    line: str
    inputs: Mapping[str, Input]
    frames: int
    steps: int
    after: "After | None" = None

    @property
    def spec_hash(self) -> str:
        return spec_hash(self.facts)

    def line_in(self, folder: str) -> str:
        """The input line in the batch whose folder is `folder`, as the model's process sees it."""
        if self.after is None:
            return self.line
        done = f"{folder}/done/{self.after.run}/{PRIMARY}"
        return self.after.model.row(self.spec, {"color": done}, self.after.clip)


@dataclass(frozen=True)
class After:
    """The run of the same batch whose result a row reads, and what its line will be made with."""

    run: str
    model: Model
    clip: Clip


@dataclass(frozen=True)
class Group:
    """The rows of one model start. `argv` and `env` may hold `{work}`, the folder of the process, and `{batch}`.

    `model` is the program that serves them; `fallback` are the starts of the family's own program that take its place
    when it does not fit the code on the host.
    """

    name: str
    model: Model
    key: tuple[tuple[str, Setting], ...]
    rows: tuple[Row, ...]
    argv: tuple[str, ...]
    cwd: str | None
    env: Mapping[str, str]
    files: Mapping[str, str]
    fallback: tuple["Group", ...] = ()
    wrapping: Wrapping | None = None


@dataclass(frozen=True)
class Plan:
    """One batch: a model, a host, its groups and every video that they read, by content."""

    model: Model
    host: Host
    groups: tuple[Group, ...]
    inputs: tuple[Input, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for group in self.groups for row in group.rows)


@dataclass(frozen=True)
class _Making:
    """What all groups of a plan are made with. `warm` is None where the host cannot keep the model loaded."""

    model: Model
    warm: WarmModel | None
    process: Process
    pool: str
    sources: Sources
    together: frozenset[str]
    gpus: int

    def serving(self, spec: Spec) -> Model:
        """The program that serves a run."""
        return self.warm if self.warm is not None and self.warm.takes(spec) else self.model


def make_plan(specs: Sequence[Spec], sources: Sources, host: Host) -> Plan:
    """The plan for runs of one model family. Runs share a group exactly when their group keys are equal."""
    making = _making(specs, sources, host)
    ordered = sorted(specs, key=lambda spec: (spec.upscales, spec.run))
    groups = tuple(
        _group(f"{number:02d}-{_controls_word(members)}", members, making)
        for number, members in enumerate(_keyed(ordered, making.serving), start=1)
    )
    used = {video.pool_name: video for group in groups for row in group.rows for video in row.inputs.values()}
    # by path: the content of a computed control, and so its name in the pool, depends on the versions of codecs
    return Plan(making.model, host, groups, tuple(sorted(used.values(), key=lambda video: video.path)))


def starts(specs: Sequence[Spec], host: Host) -> int:
    """How many model starts these runs of one family need."""
    return len(_keyed(specs, _making(specs, Sources({}, {}), host).serving))


def _making(specs: Sequence[Spec], sources: Sources, host: Host) -> _Making:
    model, engine = get_model(specs[0].model), engines.of(host)
    process, warm = engine.process(host, model), WARM_MODELS.get(model.NAME)
    gpus = 1 if host.is_preview else host.gpus_per_video or 1  # warm programs serve one
    return _Making(
        model=model,
        warm=warm if warm is not None and gpus == 1 and warm.launcher(process.launcher) else None,
        process=process,
        pool=str(engine.seen_dir(host) / "inputs"),
        sources=sources,
        together=frozenset(spec.run for spec in specs),
        gpus=gpus,
    )


def _keyed(specs: Sequence[Spec], serving: Callable[[Spec], Model]) -> list[list[Spec]]:
    """The runs that share a start, in the order of their first ones."""
    keyed: dict[tuple[tuple[str, Setting], ...], list[Spec]] = {}
    for spec in specs:
        keyed.setdefault(serving(spec).group_key(spec), []).append(spec)
    return list(keyed.values())


def differences(groups: Sequence[Group]) -> Mapping[str, tuple[Setting | None, ...]]:
    """What keeps groups apart: setting -> its value in each group, of those that are not the same in all."""
    keys = [dict(group.key) for group in groups]
    names = sorted({name for key in keys for name in key})
    values = {name: tuple(key.get(name) for key in keys) for name in names}
    return {name: found for name, found in values.items() if len(set(map(repr, found))) > 1}


def _group(name: str, specs: Sequence[Spec], making: _Making) -> Group:
    model, warm, process = making.serving(specs[0]), making.warm, making.process
    launcher: tuple[str, ...] = process.launcher
    fallback: tuple[Group, ...] = ()
    if warm is not None and model is warm:
        specs, launcher = warm.in_order(specs), warm.launcher(launcher)
        native = replace(making, warm=None)
        fallback = tuple(
            _group(f"{name}-native-{number:02d}", members, native)
            for number, members in enumerate(_keyed(specs, native.serving), start=1)
        )
    return Group(
        name=name,
        model=model,
        key=model.group_key(specs[0]),
        rows=tuple(_row(spec, model, making) for spec in specs),
        argv=model.parallel(launcher, model.arguments(specs, checkpoints=process.checkpoints), making.gpus),
        cwd=process.cwd,
        env=_env(model.env(specs), process.env),
        files=model.files(specs),
        fallback=fallback,
        wrapping=process.wrapping,
    )


def _env(own: Mapping[str, str], process: Mapping[str, str]) -> Mapping[str, str]:
    """The host's word counts, but for a folder for temporary files: processes of one model must not share theirs."""
    return {**own, **process, **{name: own[name] for name in ("TMPDIR",) if name in own}}


def _controls_word(specs: Sequence[Spec]) -> str:
    """The controls of these runs, or `mixed` where a start takes runs with different ones."""
    words = {"-".join(control.name for control in spec.controls) for spec in specs}
    return words.pop() if len(words) == 1 else "mixed"


def _row(spec: Spec, model: Model, making: _Making) -> Row:
    sources = making.sources
    if spec.source is not None and spec.source.run in making.together:
        return _chained_row(spec, spec.source, model, sources)
    inputs = sources.of(spec)
    seen = {role: f"{making.pool}/{video.pool_name}" for role, video in inputs.items()}
    frames = model.frames(spec, _counts(inputs))
    line = model.row(spec, seen, _clip(inputs["color"]))
    return Row(spec.run, spec, _facts(spec, sources), line, inputs, frames, model.steps(frames))


def _chained_row(spec: Spec, source: Spec, model: Model, sources: Sources) -> Row:
    """The row of a run that reads the result of `source`, which the same batch makes."""
    videos = sources.of(source)
    frames = model.frames(spec, {"color": get_model(source.model).frames(source, _counts(videos))})
    after = After(source.run, model, _clip(videos["color"]))
    return Row(spec.run, spec, _facts(spec, sources), "", {}, frames, model.steps(frames), after)


def _facts(spec: Spec, sources: Sources) -> Mapping[str, Setting]:
    return fingerprint(spec, {path: sources.files[path].sha256 for path in spec.input_paths})


def _counts(inputs: Mapping[str, Input]) -> Mapping[str, int]:
    """Frames of each video, by role."""
    return {role: video.frames for role, video in inputs.items()}


def _clip(video: Input) -> Clip:
    return Clip(video.width, video.height, video.fps, video.frames)

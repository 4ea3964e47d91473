"""Runs into groups, groups into rows, argv and files. Pure and deterministic: same runs, same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cosmosctl import engines
from cosmosctl.domain.inputs import Input
from cosmosctl.domain.project import Host, Setting
from cosmosctl.domain.spec import Spec, fingerprint, spec_hash
from cosmosctl.models import get as get_model
from cosmosctl.models.protocol import Clip, Model

DONE = "\0done"
"""Stands for the folder of finished rows in a line until the batch has a name; no YAML text can hold it."""

PRIMARY = "output.mp4"
"""The video of a finished row, whatever its model calls it."""


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
    """One run in a group. `facts` is its fingerprint, `line` the model's input line, `steps` its progress units.

    `after`: a run of the same batch whose result this one reads; its line names it below `DONE`.
    """

    run: str
    spec: Spec
    facts: Mapping[str, Setting]
    line: str
    inputs: Mapping[str, Input]
    frames: int
    steps: int
    after: str | None = None

    @property
    def spec_hash(self) -> str:
        return spec_hash(self.facts)


@dataclass(frozen=True)
class Group:
    """The rows of one model start. `argv` and `env` may hold `{work}`, the folder of the process."""

    name: str
    key: tuple[tuple[str, Setting], ...]
    rows: tuple[Row, ...]
    argv: tuple[str, ...]
    cwd: str | None
    env: Mapping[str, str]
    files: Mapping[str, str]


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


def make_plan(specs: Sequence[Spec], sources: Sources, host: Host) -> Plan:
    """The plan for runs of one model family. Runs share a group exactly when their group keys are equal."""
    model = get_model(specs[0].model)
    keyed: dict[tuple[tuple[str, Setting], ...], list[Spec]] = {}
    for spec in sorted(specs, key=lambda spec: (spec.upscales, spec.run)):
        keyed.setdefault(model.group_key(spec), []).append(spec)
    together = frozenset(spec.run for spec in specs)
    groups = tuple(
        _group(number, members, model, sources, host, together)
        for number, members in enumerate(keyed.values(), start=1)
    )
    used = {video.pool_name: video for group in groups for row in group.rows for video in row.inputs.values()}
    return Plan(model, host, groups, tuple(used[name] for name in sorted(used)))


def differences(groups: Sequence[Group]) -> Mapping[str, tuple[Setting | None, ...]]:
    """What keeps groups apart: setting -> its value in each group, of those that are not the same in all."""
    keys = [dict(group.key) for group in groups]
    names = sorted({name for key in keys for name in key})
    values = {name: tuple(key.get(name) for key in keys) for name in names}
    return {name: found for name, found in values.items() if len(set(map(repr, found))) > 1}


def _group(
    number: int, specs: Sequence[Spec], model: Model, sources: Sources, host: Host, together: frozenset[str]
) -> Group:
    engine = engines.get(host.engine)
    process = engine.process(host, model)
    pool = str(engine.seen_dir(host) / "inputs")
    rows = tuple(
        _chained_row(spec, spec.source, model, sources)
        if spec.source is not None and spec.source.run in together
        else _row(spec, model, sources, pool)
        for spec in specs
    )
    return Group(
        name=f"{number:02d}-{_controls_word(specs)}",
        key=model.group_key(specs[0]),
        rows=rows,
        argv=(*process.launcher, *model.arguments(specs, checkpoints=process.checkpoints)),
        cwd=process.cwd,
        env={**model.env(specs), **process.env},
        files=model.files(specs),
    )


def _controls_word(specs: Sequence[Spec]) -> str:
    """The controls of these runs, or `mixed` where a start takes runs with different ones."""
    words = {"-".join(control.name for control in spec.controls) for spec in specs}
    return words.pop() if len(words) == 1 else "mixed"


def _row(spec: Spec, model: Model, sources: Sources, pool: str) -> Row:
    inputs = sources.of(spec)
    seen = {role: f"{pool}/{video.pool_name}" for role, video in inputs.items()}
    frames = model.frames(spec, min(video.frames for video in inputs.values()))
    line = model.row(spec, seen, _clip(inputs["color"]))
    return Row(spec.run, spec, _facts(spec, sources), line, inputs, frames, model.steps(frames))


def _chained_row(spec: Spec, source: Spec, model: Model, sources: Sources) -> Row:
    """The row of a run that reads the result of `source`, which the same batch makes."""
    videos = sources.of(source)
    made = get_model(source.model).frames(source, min(video.frames for video in videos.values()))
    frames = model.frames(spec, made)
    line = model.row(spec, {"color": f"{DONE}/{source.run}/{PRIMARY}"}, _clip(videos["color"]))
    return Row(spec.run, spec, _facts(spec, sources), line, {}, frames, model.steps(frames), after=source.run)


def _facts(spec: Spec, sources: Sources) -> Mapping[str, Setting]:
    return fingerprint(spec, {path: sources.files[path].sha256 for path in spec.input_paths})


def _clip(video: Input) -> Clip:
    return Clip(video.width, video.height, video.fps, video.frames)

"""Runs into groups, groups into rows, argv and files. Pure and deterministic: same runs, same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cosmosctl import engines
from cosmosctl.domain.inputs import Input
from cosmosctl.domain.project import Host, Setting
from cosmosctl.domain.spec import Spec, fingerprint, spec_hash
from cosmosctl.models import get as get_model
from cosmosctl.models.protocol import Clip, Model


@dataclass(frozen=True)
class Sources:
    """The videos of a plan: `files` by project path, `computed` controls by (video path, control, preset)."""

    files: Mapping[str, Input]
    computed: Mapping[tuple[str, str, str], Input]

    def of(self, spec: Spec) -> Mapping[str, Input]:
        """Role -> video of one run; a control that the model makes itself is not in it."""
        found = {"color": self.files[spec.video]}
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
    """One run in a group. `facts` is its fingerprint, `line` the model's input line, `steps` its progress units."""

    run: str
    spec: Spec
    facts: Mapping[str, Setting]
    line: str
    inputs: Mapping[str, Input]
    frames: int
    steps: int

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
    for spec in sorted(specs, key=lambda spec: spec.run):
        keyed.setdefault(model.group_key(spec), []).append(spec)
    groups = tuple(
        _group(number, members, model, sources, host) for number, members in enumerate(keyed.values(), start=1)
    )
    used = {video.pool_name: video for group in groups for row in group.rows for video in row.inputs.values()}
    return Plan(model, host, groups, tuple(used[name] for name in sorted(used)))


def differences(groups: Sequence[Group]) -> Mapping[str, tuple[Setting | None, ...]]:
    """What keeps groups apart: setting -> its value in each group, of those that are not the same in all."""
    keys = [dict(group.key) for group in groups]
    names = sorted({name for key in keys for name in key})
    values = {name: tuple(key.get(name) for key in keys) for name in names}
    return {name: found for name, found in values.items() if len(set(map(repr, found))) > 1}


def _group(number: int, specs: Sequence[Spec], model: Model, sources: Sources, host: Host) -> Group:
    engine = engines.get(host.engine)
    process = engine.process(host, model)
    pool = engine.seen_dir(host) / "inputs"
    rows = tuple(_row(spec, model, sources.of(spec), str(pool)) for spec in specs)
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


def _row(spec: Spec, model: Model, inputs: Mapping[str, Input], pool: str) -> Row:
    seen = {role: f"{pool}/{video.pool_name}" for role, video in inputs.items()}
    by_path = {spec.video: inputs["color"].sha256}
    by_path |= {control.path: inputs[control.name].sha256 for control in spec.controls if control.path is not None}
    frames = model.frames(spec, min(video.frames for video in inputs.values()))
    color = inputs["color"]
    line = model.row(spec, seen, Clip(color.width, color.height, color.fps, color.frames))
    return Row(spec.run, spec, fingerprint(spec, by_path), line, inputs, frames, model.steps(frames))

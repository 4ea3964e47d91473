"""Documents into domain values, or all their mistakes: types by `files`, what keys mean together here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from cosmosctl import models
from cosmosctl.domain.places import Places, text_of
from cosmosctl.domain.project import (
    BUILT_IN_HOST,
    FORMAT,
    UPSCALE,
    Config,
    Control,
    Host,
    HostModel,
    Run,
    Setting,
)
from cosmosctl.schema.controls import ControlKeys, VideoFiles
from cosmosctl.schema.files import ProjectFile, PromptFile, RunFile, RunKeys, UpscaleKeys, UpscaleRunFile
from cosmosctl.schema.hosts import (
    KEPT,
    QUEUE_KEYS,
    QUEUED,
    UNKEPT,
    HostKeys,
    HostModelKeys,
    HostModelsKeys,
    HostProgramKeys,
    HostTravellerKeys,
)
from cosmosctl.schema.keys import by_key
from cosmosctl.schema.messages import dotted, mistakes, nearest
from cosmosctl.schema.settings import SETTING_NAMES, DefaultsKeys
from cosmosctl.yaml.file import dump_tool
from cosmosctl.yaml.messages import Mistake
from cosmosctl.yaml.reader import Document, parse

Value = TypeVar("Value")
Keys = TypeVar("Keys", bound=BaseModel)


@dataclass(frozen=True)
class Parsed(Generic[Value]):
    """What a file says, or why it cannot be used: `value` is there when there are no mistakes."""

    value: Value | None
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True)
class PromptValues:
    """A prompt file before its videos were looked for: `folder`, or `files` by role."""

    text: str
    folder: str
    files: Mapping[str, str]
    negative_prompt: str | None
    tags: tuple[str, ...]
    notes: str


def run_of(document: Document, run_id: str, file: str) -> Parsed[Run]:
    """The run that a run.yaml holds; `file` is its path in the project."""
    upscales = isinstance(document.value, dict) and "upscale" in document.value
    keys, found = checked_keys(document, UpscaleRunFile if upscales else RunFile, "prompt: ps_…")
    found += _control_mistakes(document)
    if keys is None or found:
        return Parsed(None, in_order(found))
    return Parsed(_run(keys, run_id, document, file), ())


def prompt_of(document: Document) -> Parsed[PromptValues]:
    """The prompt that a prompt file holds, its videos still to be found."""
    keys, found = checked_keys(document, PromptFile, "text: …")
    if keys is None or found:
        return Parsed(None, in_order(found))
    value = PromptValues(
        text=keys.text,
        folder=keys.video if isinstance(keys.video, str) else "",
        files={} if isinstance(keys.video, str) else by_key(VideoFiles, keys.video),
        negative_prompt=keys.negative_prompt,
        tags=tuple(keys.tags or ()),
        notes=keys.notes or "",
    )
    return Parsed(value, ())


def config_of(document: Document) -> Parsed[Config]:
    """The project that a cosmosctl.yaml holds; hosts without `dir` have "" there, `local` is not added."""
    if newer := _newer(document):
        return Parsed(None, (newer,))
    keys, found = checked_keys(document, ProjectFile, "project: …")
    found += _host_mistakes(document)
    if keys is None or found:
        return Parsed(None, in_order(found))
    value = Config(
        project=keys.project,
        model=keys.model,
        host=keys.host,
        defaults=_defaults(keys.defaults),
        hosts={name: _host(name, host) for name, host in (keys.hosts or {}).items()},
        allow_outside_inputs=keys.allow_outside_inputs,
        quiet=tuple(keys.quiet or ()),
    )
    return Parsed(value, ())


def _newer(document: Document) -> Mistake | None:
    """That a newer version wrote the project, which makes every other complaint pointless."""
    found = document.value.get("format") if isinstance(document.value, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found <= FORMAT:
        return None
    words = f"the project is of a newer cosmosctl (format {found}, this one knows {FORMAT}): install that one"
    return Mistake(*document.place(("format",)), words)


def host_mistakes(hosts: Mapping[str, Any]) -> tuple[str, ...]:
    """What cosmosctl.yaml would complain of if it held these hosts (plain values)."""
    return tuple(m.message for m in config_of(parse(dump_tool({"project": "p", "hosts": hosts}))).mistakes)


def checked_keys(document: Document, model: type[Keys], example: str) -> tuple[Keys | None, list[Mistake]]:
    """The keys of the file and what is wrong with each by itself."""
    found = [*document.mistakes, *_leading_zeros(document)]
    if not isinstance(document.value, dict):
        if not found:
            what = "the file is empty" if document.value is None else "the file is not a mapping"
            found.append(Mistake(*document.place(()), f"{what}; it should hold lines like `{example}`"))
        return None, found
    try:
        return model.model_validate(document.value), found
    except ValidationError as error:
        return None, [*found, *mistakes(error, document, model)]


def _leading_zeros(document: Document) -> Iterator[Mistake]:
    """Numbers that other programs, and the next one that rewrites the file, take for others."""
    for path, written in document.ambiguous.items():
        words = f"{dotted(path)}: {written} has a leading zero: it is {int(written)} here and octal to other programs"
        yield Mistake(*document.place(path), f"{words}; write {int(written)}")


def in_order(found: list[Mistake]) -> tuple[Mistake, ...]:
    """By their places, none twice."""
    return tuple(sorted(dict.fromkeys(found), key=lambda mistake: (mistake.line, mistake.column)))


def _control_mistakes(document: Document) -> list[Mistake]:
    """What controls must not be together, told also when other keys are wrong."""
    value = document.value
    controls = value.get("controls") if isinstance(value, dict) else None
    if controls == {}:
        message = f"controls must hold at least one of {', '.join(models.controls())}"
        return [Mistake(*document.place(("controls",)), message)]
    if not isinstance(controls, dict):
        return []
    if isinstance(value, dict) and "upscale" in value:
        message = "upscale cannot stand together with controls: a run either makes a video or enlarges one"
        return [Mistake(*document.key_place(("upscale",)), message)]
    found = [
        Mistake(
            *document.key_place(("controls", name, "preset")),
            f"controls.{name}.preset cannot stand together with input: a preset is computed from the colour video",
        )
        for name, control in controls.items()
        if isinstance(control, dict) and "preset" in control and "input" in control
    ]
    weights = [control.get("weight") if isinstance(control, dict) else control for control in controls.values()]
    if all(type(weight) in (int, float) and weight == 0 for weight in weights):
        message = "all weights of controls are 0: at least one must be more"
        found.append(Mistake(*document.key_place(("controls",)), message))
    return found


def _host_mistakes(document: Document) -> list[Mistake]:
    """A default host that is not there, remote hosts without a folder, another host under the built-in name."""
    value = document.value if isinstance(document.value, dict) else {}
    hosts = value.get("hosts") or {}
    if not isinstance(hosts, dict):
        return []
    found = [
        Mistake(
            *document.key_place(("hosts", name)),
            f"hosts.{name}.dir is missing: a folder on the host for batches",
        )
        for name, host in hosts.items()
        if isinstance(host, dict) and "address" in host and "dir" not in host
    ]
    found += [
        Mistake(*document.key_place(("hosts", name, key)), words)
        for name, host in hosts.items()
        if isinstance(host, dict)
        for key, words in _queue_mistakes(name, host)
    ]
    found += [
        Mistake(*document.key_place(("hosts", name, "gpus_per_video")), f"hosts.{name}.gpus_per_video: {words}")
        for name, host in hosts.items()
        if isinstance(host, dict) and (words := _sets_mistake(host))
    ]
    if BUILT_IN_HOST in hosts:
        message = f"hosts.{BUILT_IN_HOST} is the name of the built-in preview on this machine; call yours otherwise"
        found.append(Mistake(*document.key_place(("hosts", BUILT_IN_HOST)), message))
    wanted = value.get("host", BUILT_IN_HOST)
    if isinstance(wanted, str) and wanted not in (*hosts, BUILT_IN_HOST):
        message = f"host '{wanted}' is not under hosts{nearest(wanted, (*hosts, BUILT_IN_HOST))}"
        found.append(Mistake(*document.place(("host",)), message))
    return found


def _queue_mistakes(name: str, host: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) of what only goes with a scheduler, or does not go with it."""
    if "scheduler" not in host:
        for key in (key for key in QUEUE_KEYS if key in host):
            yield key, f"hosts.{name}.{key} is for jobs that are queued: 'scheduler: {QUEUED[0]}' is missing beside it"
    elif "gpus" in host:
        yield "gpus", f"hosts.{name}.gpus: there the scheduler says which GPUs; gres says how many"
    elif host.get("engine") in KEPT:
        words = f"engine {host['engine']} keeps its jobs itself; with a scheduler: {', '.join(UNKEPT)}"
        yield "engine", f"hosts.{name}: {words}"
    elif "container" in host:
        yield from _container_mistakes(name, host)


def _container_mistakes(name: str, host: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if host.get("engine") != "bare":
        words = f"container is for engine bare; {host.get('engine')} has a way of its own"
        yield "container", f"hosts.{name}: {words}"
    if "env_file" in host:
        yield "env_file", f"hosts.{name}.env_file: container {host['container']} reads no file of secrets"


def _sets_mistake(host: Mapping[str, Any]) -> str:
    """Why the GPUs of a host cannot be parted into sets of that many."""
    each, gpus = host.get("gpus_per_video"), host.get("gpus", [0])
    if (
        "scheduler" in host
        or not isinstance(each, int)
        or isinstance(each, bool)
        or each < 2
        or not isinstance(gpus, list)
    ):
        return ""
    twice = [gpu for at, gpu in enumerate(gpus) if gpu in gpus[:at]]
    if twice:
        return f"gpus names {twice[0]} twice, and no two processes can share one"
    return f"{len(gpus)} GPUs cannot be parted into sets of {each}; gpus lists them" if len(gpus) % each else ""


def _run(keys: RunKeys, run_id: str, document: Document, file: str) -> Run:
    return Run(
        id=run_id,
        prompt=keys.prompt,
        controls=_controls(keys.controls) if keys.controls else (_upscale(keys.upscale),),
        model=keys.model,
        settings=_settings(keys),
        tags=tuple(keys.tags or ()),
        notes=keys.notes or "",
        quiet=tuple(keys.quiet or ()),
        sweep=keys.sweep or "",
        places=Places(file, text_of(places_of(document))),
    )


def _controls(keys: BaseModel) -> tuple[Control, ...]:
    return tuple(_control(name, control) for name, control in by_key(type(keys), keys).items())


def _upscale(keys: UpscaleKeys) -> Control:
    return Control(UPSCALE, float(keys.weight), input=keys.run)


def _control(name: str, control: float | ControlKeys) -> Control:
    if not isinstance(control, ControlKeys):
        return Control(name, float(control))
    return Control(
        name,
        float(control.weight),
        input=control.input,
        preset=getattr(control, "preset", None),
        prompt=getattr(control, "prompt", None),
    )


def _settings(keys: BaseModel) -> dict[str, Setting]:
    return {name: value for name, value in by_key(type(keys), keys).items() if name in SETTING_NAMES}


def places_of(document: Document) -> Iterator[tuple[str, tuple[int, int]]]:
    """The key of every value in a file as text, and its line and column."""
    return ((dotted(path), (mark.line + 1, mark.column + 1)) for path, mark in document.marks.items() if path)


def _defaults(keys: BaseModel | None) -> dict[str, Mapping[str, Setting]]:
    return {name: _settings(settings) for name, settings in by_key(DefaultsKeys, keys).items()}


def _host(name: str, keys: HostKeys) -> Host:
    return Host(
        name=name,
        engine=keys.engine,
        dir=keys.dir or "",
        address=keys.address,
        ssh_args=tuple(keys.ssh_args or ()),
        engine_command=tuple(keys.engine_command or ()),
        engine_args=tuple(keys.engine_args or ()),
        models={name: _host_model(model) for name, model in by_key(HostModelsKeys, keys.models).items()},
        mounts=tuple(keys.mounts or ()),
        cache=keys.cache,
        env_file=keys.env_file,
        env=dict(keys.env or {}),
        gpus=tuple(keys.gpus or (0,)),
        scheduler=keys.scheduler,
        container=keys.container,
        nodes=keys.nodes,
        partition=keys.partition,
        account=keys.account,
        qos=keys.qos,
        time=keys.time,
        gres=keys.gres,
        constraint=keys.constraint,
        extra=tuple(keys.extra or ()),
        prolog=tuple(keys.prolog or ()),
        max_gpu_hours=keys.max_gpu_hours,
        gpus_per_video=keys.gpus_per_video,
    )


def _host_model(keys: HostProgramKeys | HostTravellerKeys) -> HostModel:
    if isinstance(keys, HostTravellerKeys):
        return HostModel(
            image=keys.image,
            checkpoints=keys.checkpoints,
            python=keys.python,
            memory=keys.memory,
            vae_tiling=bool(keys.vae_tiling),
        )
    checkpoints = keys.checkpoints if isinstance(keys, HostModelKeys) else None
    return HostModel(keys.image, keys.repo, checkpoints, tuple(keys.command or ()))

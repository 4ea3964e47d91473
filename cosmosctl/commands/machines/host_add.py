"""Look at a machine and write it into cosmosctl.yaml as a host, a comment beside each key."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl import engines, models, schedulers
from cosmosctl.domain.ids import checked_id, command
from cosmosctl.domain.project import AllowedHost, Host
from cosmosctl.engines.protocol import Images
from cosmosctl.errors import HostError, UsageError
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.process import host_script
from cosmosctl.io.checked import whole_in
from cosmosctl.io.shipped import document
from cosmosctl.store import find_project, load_config
from cosmosctl.transport.address import parse_address

COMMENTS = {
    "address": "anything ssh takes; left out: this machine",
    "ssh_args": "more arguments for ssh",
    "dir": "inputs and batches; belongs to one user",
    "engine": " | ".join(engines.REGISTRY),
    "engine_command": "when the engine's name alone does not do",
    "models": "image, source code and weights of each model, on the host",
    "cache": "writable: HF_HOME, UV_CACHE_DIR, torch caches",
    "env_file": "secrets, on the host; given to the engine, shown by nobody",
    "gpus": "one model process each",
    "scheduler": "jobs are queued: docs/slurm.md",
    "nodes": "so many jobs of a batch at once, each with a model of its own",
    "partition": "sbatch --partition",
    "time": "sbatch --time of one job; what is left goes on in the next",
    "gres": "sbatch --gres: the GPUs of one model process",
}
"""Key -> what stands beside it: the words of design and format.md."""


@dataclass(frozen=True)
class Probed:
    """What probe.sh told: name -> every value, in its order."""

    facts: Mapping[str, tuple[str, ...]]

    def first(self, name: str, otherwise: str = "") -> str:
        return next(iter(self.facts.get(name, ())), otherwise)


@dataclass(frozen=True)
class Block:
    """The keys of a host, and which of them are guesses, each with what to do."""

    keys: Mapping[str, Any]
    guesses: tuple[str, ...]


MOST_CHARS = 1 << 16
"""Of all lines of a host: some paths, each of at most 4096 characters (limits.h, PATH_MAX)."""


def add_host(
    folder: Path, name: str, address: str, *, ssh_args: Sequence[str], dir: str | None, model: str | None
) -> tuple[str, ...]:
    """Write `hosts.NAME`; returns what is a guess.

    Nothing is written when the machine cannot be reached, or when the file would have a mistake then.
    Raises: UsageError, FileError, HostError.
    """
    from cosmosctl.yaml.edit import set_in_file

    project = find_project(folder)
    config = load_config(project.root)
    checked_id(name, what="host")
    if name in config.hosts:
        raise UsageError(f"there is a host {name!r} already", hint=command("host", "check", name))
    family = models.get(model or config.model).NAME
    refuse_mistakes({name: host_block(Probed({}), address=address, ssh_args=ssh_args, dir=dir, model=family).keys})
    probed = _asked(trust.typed_host(Host(name, "bare", "/", parsed(address), ssh_args=tuple(ssh_args))), family)
    block = host_block(probed, address=address, ssh_args=ssh_args, dir=dir, model=family)
    refuse_mistakes({name: block.keys}, from_host=name)
    comments: dict[tuple[str, ...], str] = {(name, key): COMMENTS[key] for key in block.keys}
    set_in_file(project.config, ("hosts", name), dict(block.keys), comments=comments)
    trust.allow(trust.host_leave(project.root, load_config(project.root).hosts[name]))
    return block.guesses


def refuse_mistakes(hosts: Mapping[str, Mapping[str, Any]], *, from_host: str = "") -> None:
    """Nothing, when cosmosctl.yaml may hold these hosts. Raises: UsageError; HostError for what a machine answered."""
    from cosmosctl.schema.values import host_mistakes  # pydantic

    mistakes = ["it is longer than a host's lines can be"] if len(str(hosts)) > MOST_CHARS else host_mistakes(hosts)
    if mistakes and from_host:
        words = "; ".join(mistakes)
        raise HostError(f"host {from_host}: its answer cannot be used, nothing was written: {words}")
    if mistakes:
        raise UsageError(f"nothing was written: {'; '.join(mistakes)}", hint="cosmosctl host add --help")


def _asked(host: AllowedHost, family: str) -> Probed:
    """What the machine told. An error names no line of cosmosctl.yaml: there is none yet."""
    try:
        return _probe(host, family)
    except HostError as error:
        hint = error.hint if "cosmosctl.yaml" not in error.hint and "host check" not in error.hint else ""
        again = f"ssh {shlex.quote(host.address or '')} true shows what ssh says; nothing was written to cosmosctl.yaml"
        raise HostError(error.message.replace(f"hosts.{host.name}.", ""), hint=hint or again) from error


def parsed(address: str) -> str:
    """`address` itself. Raises: FileError when ssh would not take it."""
    parse_address(address)
    return address


def host_block(
    probed: Probed, *, address: str, ssh_args: Sequence[str] = (), dir: str | None = None, model: str
) -> Block:
    """The keys of a host from what was found there. Pure."""
    engine, command = _engine(probed)
    home = models.get(model).HOME
    guesses = (
        []
        if probed.first(engine) in ("plain", "sudo")
        else [f"engine: none answers; {document('gpu-host.md')} says how to install one"]
    )
    room = max((_room(line) for line in probed.facts.get("room", ())), default=(0, probed.first("home", "/data")))
    image, repo = probed.first(f"image {engine}"), probed.first("repo")
    checkpoints = probed.first("checkpoints") or (f"{repo}/checkpoints" if repo else "")
    weights = {"checkpoints": checkpoints or "/data/checkpoints"} if home.has_weights else {}
    file = _with_images()[engine].kept_in and f"/data/{home.name}.sif"
    defaults = {"image": file or f"{home.name}:latest", "repo": f"/data/{home.name}"}
    found = {"image": image, "repo": repo}
    guesses += [f"models.{model}.{key}: none was found" for key in defaults if not found[key]]
    places = {**defaults, **{key: value for key, value in found.items() if value}, **weights}
    gpus = [line for line in probed.first("gpus").split(";") if line.strip()]
    guesses += [] if gpus else ["gpus: nvidia-smi tells of none"]
    keys = {
        "address": address,
        "ssh_args": list(ssh_args),
        "dir": dir or f"{room[1].rstrip('/')}/cosmosctl",
        "engine": engine,
        "engine_command": list(command),
        "models": {model: places},
        "cache": probed.first("cache"),
        "env_file": probed.first("env-file"),
        "gpus": list(range(len(gpus))) or [0],
    }
    queued, said = _queued(probed, engine)
    keys, guesses = _with_queue(keys, queued), [*(g for g in guesses if not (queued and g.startswith("gpus:"))), *said]
    return Block({key: value for key, value in keys.items() if value}, tuple(guesses))


def _queued(probed: Probed, engine: str) -> tuple[Mapping[str, Any], Sequence[str]]:
    """The keys of a queue, where the machine has one that this engine goes with, and which of them are guesses."""
    name = next((name for name in schedulers.REGISTRY if probed.first(f"queue {name}")), "")
    if not name or engines.get(engine).keeper(Host("new", engine, "/")) is not None:
        return {}, ()
    partition = schedulers.REGISTRY[name].partition(probed.first(f"queue {name}"))
    found = {"partition": partition.name, "time": partition.time, "gres": partition.gres}
    keys = {"scheduler": name, "nodes": 1, **{key: value for key, value in found.items() if value}}
    return keys, [
        "nodes: more of them end sooner",
        f"partition: the first with GPUs is {partition.name or 'not known'}",
    ]


def _with_queue(keys: Mapping[str, Any], queued: Mapping[str, Any]) -> dict[str, Any]:
    """There the queue says which GPUs a job gets."""
    return {**{key: value for key, value in keys.items() if not (queued and key == "gpus")}, **queued}


def _probe(host: AllowedHost, model: str) -> Probed:
    answer = host_script(
        invoke_context(), host, "probe.sh", (models.get(model).HOME.name, *_queue_args(), *_engine_args())
    )
    lines = [line.partition("\t") for line in answer.stdout.splitlines()]
    if not any(name == "end" for name, _, _ in lines):
        raise HostError(f"host {host.name}: the answer broke off: {answer.stderr[-300:]}")
    names = dict.fromkeys(name for name, _, _ in lines)
    return Probed({name: tuple(value for other, _, value in lines if other == name) for name in names})


def _engine(probed: Probed) -> tuple[str, Sequence[str]]:
    """(engine, engine_command): one that answers, docker first."""
    for how, words in (("plain", ()), ("sudo", ("sudo", "-n"))):
        for engine in _with_images():
            if probed.first(engine) == how:
                return engine, (*words, engine) if words else ()
    return next(iter(_with_images())), ()


def _with_images() -> Mapping[str, Images]:
    """The engines that a machine may have, as they are called without a host's own words for them."""
    asked = {name: engine.images(Host("new", name, "/")) for name, engine in engines.REGISTRY.items()}
    return {name: images for name, images in asked.items() if images is not None}


def _queue_args() -> Sequence[str]:
    """What probe.sh asks of queues: a text of lines for its shell, the name of one and a command."""
    lines = (f"{name}\t{shlex.join(queue.listed)}" for name, queue in schedulers.REGISTRY.items())
    return ("\n".join(lines),)


def _engine_args() -> Sequence[str]:
    """What probe.sh looks for: four words an engine."""
    found = _with_images().items()
    return [
        word
        for name, images in found
        for word in (name, images.answers[0], shlex.join(images.answers), shlex.join(images.listed))
    ]


def _room(line: str) -> tuple[int, str]:
    free, _, place = line.partition(" ")
    return whole_in(free) or 0, place

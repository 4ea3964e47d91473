"""What docker and podman have in common: one container a batch, named and labelled after its folder on the host.

Inside, the host's `dir` is /cosmosctl, the model's repository /workspace, its weights /checkpoints and the cache
/cache; everything else is the image's own. The container is created and then started by launch.sh, and stays until the
batch is home: it is what a later launch finds.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import PurePosixPath

from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import travelling
from cosmosctl.engines.caches import cache_env
from cosmosctl.engines.gpu_sets import GpuSet, gpu_sets
from cosmosctl.engines.protocol import SUPERVISOR, Argv, Keeper, Process
from cosmosctl.errors import FileError
from cosmosctl.models.protocol import Model

SEEN_DIR = PurePosixPath("/cosmosctl")
WORKSPACE = "/workspace"
"""WORKDIR of all three images (model-contracts 1a, 2a, 3a)."""
CHECKPOINTS = "/checkpoints"
CACHE = "/cache"
LOCKS = "/var/tmp/cosmosctl"
"""Where the supervisor locks GPUs: the host's own folder, so that all batches of the machine meet there."""
LABEL = "cosmosctl.batch"


def seen_dir(host: Host) -> PurePosixPath:
    return SEEN_DIR


def process(host: Host, model: Model) -> Process:
    block = _block(host, model)
    if model.HOME.program:
        launcher = travelling.launcher(host, model, python="python3", in_image=True)
        return Process(
            launcher, CHECKPOINTS if block.checkpoints else model.CHECKPOINTS, None, environment(host, model)
        )
    if block.repo is None and not block.command:
        raise _lacking(host, model, "repo", "neither repo nor command, so there is nothing to run")
    checkpoints = CHECKPOINTS if block.checkpoints else model.CHECKPOINTS
    cwd = WORKSPACE if block.repo else None
    return Process(block.command or model.LAUNCHER, checkpoints, cwd, environment(host, model))


def gpus(host: Host) -> tuple[GpuSet, ...]:
    """The container has just these GPUs, so there they count from 0."""
    return gpu_sets(host, range(len(host.gpus)))


def create(host: Host, model: Model, batch_dir: PurePosixPath, devices: tuple[str, ...]) -> tuple[str, ...]:
    """Arguments of the engine that create the container of a batch; `devices` let it have its GPUs."""
    seen = SEEN_DIR / "batches" / batch_dir.name
    return (
        *("create", "--name", batch_dir.name, "--label", f"{LABEL}={batch_dir.name}", "--pull", "never"),
        *devices,
        *mounts_and_environment(host, model),
        *host.engine_args,
        image(host, model),
        *("python3", "-B", str(seen / SUPERVISOR), str(seen)),
    )


def trial(host: Host, model: Model, program: str, devices: tuple[str, ...]) -> tuple[str, ...]:
    """Arguments of the engine that run a Python text in a container with the very mounts of a batch."""
    return (
        *("run", "--rm", "--pull", "never"),
        *devices,
        *mounts_and_environment(host, model),
        *host.engine_args,
        image(host, model),
        *("python3", "-c", program),
    )


def keeper(host: Host, command: Argv) -> Keeper:
    """What keeps containers by their names; `command` is the engine's own."""
    return Keeper(
        start=(*command, "start"),
        alive=(*command, "inspect", "--format", "{{.State.Running}}"),
        logs=(*command, "logs"),
        remove=(*command, "rm", "-f"),
        made_of=(*command, "inspect", "--format", "{{.Image}}"),
        env_files=env_files(host),
    )


def questions(command: Argv) -> dict[str, Argv]:
    """What both engines are asked in the same words, by the names of `Images`."""
    return {
        "answers": (*command, "ps", "-q"),
        "version": (*command, "--version"),
        "stopped": (*command, "ps", "--all", "--quiet", "--filter", f"label={LABEL}", "--filter", "status=exited"),
        "listed": (*command, "images", "--format", "{{.Repository}}:{{.Tag}}"),
        "id": (*command, "image", "inspect", "--format", "{{.Id}}"),
        "user": (*command, "image", "inspect", "--format", "{{.Config.User}}"),
        "build": (*command, "build", "-t"),
    }


def env_files(host: Host) -> tuple[str, ...]:
    """The files of secrets that its containers are given, by the key of the host or among its arguments."""
    pairs = tuple(pairwise((*host.engine_args, "")))
    named = [arg.partition("=")[2] for arg in host.engine_args if arg.startswith("--env-file=")]
    named += [following for arg, following in pairs if arg == "--env-file" and following]
    return (*((host.env_file,) if host.env_file else ()), *named)


def container_user(engine_args: tuple[str, ...]) -> str:
    """Who a container runs as by the arguments of its host: "keep-id" for ourselves, "" for the image's own user."""
    pairs = tuple(pairwise((*engine_args, "")))
    if any("keep-id" in arg for arg in engine_args):
        return "keep-id"
    named = [arg.partition("=")[2] for arg in engine_args if arg.startswith("--user=")]
    named += [following for arg, following in pairs if arg in ("--user", "-u")]
    return named[-1] if named else ""


def mounts_and_environment(host: Host, model: Model) -> tuple[str, ...]:
    """The arguments that a trial container needs just as well: what is mounted, which variables are set."""
    block = _block(host, model)
    workdir = ("--workdir", WORKSPACE) if block.repo else ()
    secrets = ("--env-file", host.env_file) if host.env_file else ()
    variables = [part for name, value in environment(host, model).items() for part in ("--env", f"{name}={value}")]
    more = [part for mount in host.mounts for part in ("--volume", mount)]
    return ("--ipc=host", *workdir, *_mounts(host, model, block), *more, *secrets, *variables)


def image(host: Host, model: Model) -> str:
    """The image of a model on that host. Raises: FileError when the host's block names none."""
    name = _block(host, model).image
    if name is None or name.startswith("-"):
        raise _lacking(host, model, "image", "no image")
    return name


def environment(host: Host, model: Model) -> Mapping[str, str]:
    """What is no secret; the entrypoint of the image sees it, and so does the model."""
    block = _block(host, model)
    read_only = {"PYTHONDONTWRITEBYTECODE": "1"} if model.HOME.is_read_only else {}
    path = {"PYTHONPATH": WORKSPACE} if block.repo and model.HOME.is_imported else {}
    return {**read_only, **path, **(cache_env(CACHE) if host.cache else {}), **host.env}


def _mounts(host: Host, model: Model, block: HostModel) -> Iterator[str]:
    yield from bind(host.dir, str(SEEN_DIR))
    yield from bind(LOCKS, LOCKS)
    if block.repo:
        read_only = model.HOME.is_read_only
        yield from bind(block.repo, WORKSPACE, read_only=read_only)
        if not read_only:
            yield from ("--volume", f"{WORKSPACE}/.venv")  # the image's own environment shows through
    if block.checkpoints:
        yield from bind(block.checkpoints, CHECKPOINTS, read_only=True)
    if host.cache:
        yield from bind(host.cache, CACHE)


def bind(source: str, target: str, *, read_only: bool = False) -> tuple[str, str]:
    """`--mount` takes a line of CSV, so any path goes through it; and it makes no folder that is not there."""
    fields = ["type=bind", f"src={source}", f"dst={target}", *(["ro=true"] if read_only else [])]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return "--mount", line.getvalue()


def _block(host: Host, model: Model) -> HostModel:
    return host.models.get(model.NAME, HostModel())


def _lacking(host: Host, model: Model, key: str, what: str) -> FileError:
    where = f"hosts.{host.name}.models.{model.NAME}"
    return FileError(f"host {host.name}: models.{model.NAME} has {what}", hint=f"set {where}.{key} in cosmosctl.yaml")

"""Pyxis and Enroot: the job of a queue in a container, by options of Slurm's own srun; hosts ask by `container: pyxis`.

The supervisor runs inside, as with docker: one container a job, its models are the supervisor's children. The host's
`dir` has the same path inside, all else is where other containers have it. It never ran with pyxis itself: the words
are those of its documentation (github.com/NVIDIA/pyxis, README), tested as words, and with a program that drops them.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import container
from cosmosctl.engines.gpu_sets import GpuSet
from cosmosctl.engines.protocol import SUPERVISOR, Argv, Images, Keeper, Process
from cosmosctl.errors import FileError
from cosmosctl.models.protocol import Model

LISTENS = ("sh", "-c", "trap '' USR1; exec \"$@\"", "sh")
"""The end of a job's time may be told before the supervisor listens; srun hands it on, and it would be the end."""


def seen_dir(host: Host) -> PurePosixPath:
    return PurePosixPath(host.dir)


def process(host: Host, model: Model) -> Process:
    return container.process(host, model)


def gpus(host: Host) -> tuple[GpuSet, ...]:
    return (None,)


def keeper(host: Host) -> Keeper | None:
    return None


def images(host: Host) -> Images | None:
    """Nobody can be asked on a login node: images are imported on compute nodes."""
    return None


def trial(host: Host, model: Model, program: str) -> Argv:
    return ("--export=ALL", *options(host, model, "/"), "python3", "-c", program, host.dir)


def supervisor(host: Host, model: Model, batch_dir: PurePosixPath) -> Argv:
    """Jobs are submitted with --export=NONE, which their srun would take for itself."""
    run = ("srun", "--export=ALL", "--ntasks=1", "--unbuffered", "--kill-on-bad-exit=0")
    inside = ("python3", "-B", str(batch_dir / SUPERVISOR), str(batch_dir))
    return (*run, *options(host, model, str(batch_dir)), *LISTENS, *inside)


def options(host: Host, model: Model, workdir: str) -> Argv:
    """Options of srun that put its command into the container, in that folder of it.

    Raises: FileError for a path that a list of mounts cannot hold, and where the host's block names no image.
    """
    return (
        f"--container-image={container.image(host, model)}",
        f"--container-mounts={','.join(_mounts(host, model))}",
        f"--container-workdir={workdir}",
        "--no-container-mount-home",
        *host.engine_args,
    )


def _mounts(host: Host, model: Model) -> Iterator[str]:
    block = host.models.get(model.NAME, HostModel())
    read_only = ":ro" if model.HOME.is_read_only else ""
    yield f"{_path(host, host.dir)}:{host.dir}"
    if block.repo:
        yield f"{_path(host, block.repo)}:{container.WORKSPACE}{read_only}"
    if block.checkpoints:
        yield f"{_path(host, block.checkpoints)}:{container.CHECKPOINTS}:ro"
    if host.cache:
        yield f"{_path(host, host.cache)}:{container.CACHE}"
    yield from host.mounts


def _path(host: Host, path: str) -> str:
    if "," in path or ":" in path:
        raise FileError(
            f"host {host.name}: {path} has a comma or a colon, which pyxis takes for the end of a path",
            hint=f"give hosts.{host.name} a path without one",
        )
    return path

"""Pyxis and Enroot: a container as options of Slurm's own srun, for sites that have neither docker nor Apptainer.

No engine of a host yet: the words are here and tested as words; they never ran.
"""

from pathlib import PurePosixPath

from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import container
from cosmosctl.engines.protocol import Argv
from cosmosctl.errors import FileError
from cosmosctl.models.protocol import Model


def options(host: Host, model: Model) -> Argv:
    """Options of srun that put its command into the container: the host's `dir` has the same path inside.

    Raises: FileError for a path that a list of mounts cannot hold.
    """
    block = host.models.get(model.NAME, HostModel())
    read_only = ":ro" if model.HOME.is_read_only else ""
    mounts = (
        f"{_path(host, host.dir)}:{host.dir}",
        *([f"{_path(host, block.repo)}:{container.WORKSPACE}{read_only}"] if block.repo else []),
        *([f"{_path(host, block.checkpoints)}:{container.CHECKPOINTS}:ro"] if block.checkpoints else []),
        *([f"{_path(host, host.cache)}:{container.CACHE}"] if host.cache else []),
        *host.mounts,
    )
    return (
        f"--container-image={container.image(host, model)}",
        f"--container-mounts={','.join(mounts)}",
        f"--container-workdir={container.WORKSPACE if block.repo else PurePosixPath(host.dir)}",
        "--no-container-mount-home",
    )


def _path(host: Host, path: str) -> str:
    if "," in path or ":" in path:
        raise FileError(
            f"host {host.name}: {path} has a comma or a colon, which pyxis takes for the end of a path",
            hint=f"give hosts.{host.name} a path without one",
        )
    return path

"""How one process is wrapped on the host: one module of pure functions an engine, listed in `REGISTRY`."""

from collections.abc import Mapping

from cosmosctl.domain.project import Host
from cosmosctl.engines import apptainer, bare, docker, podman, preview, pyxis
from cosmosctl.engines.protocol import Engine
from cosmosctl.errors import FileError

REGISTRY: Mapping[str, Engine] = {
    "docker": docker,
    "podman": podman,
    "apptainer": apptainer,
    "singularity": apptainer,
    "bare": bare,
    "preview": preview,
}

CONTAINERS: Mapping[str, Engine] = {"pyxis": pyxis}
"""What puts the jobs of a queue into containers, in place of `bare`: a host names it as its `container`."""


def of(host: Host) -> Engine:
    """How processes run on that host. Raises: FileError."""
    return get(host.engine) if host.container is None else CONTAINERS[host.container]


def get(name: str) -> Engine:
    """The engine of that name. Raises: FileError naming the ones there are."""
    if name in REGISTRY:
        return REGISTRY[name]
    raise FileError(f"there is no engine {name!r}; known: {', '.join(REGISTRY)}", hint="edit hosts: in cosmosctl.yaml")

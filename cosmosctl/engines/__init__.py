"""How one process is wrapped on the host: one module of pure functions an engine, listed in `REGISTRY`."""

from collections.abc import Mapping

from cosmosctl.engines import apptainer, bare, docker, podman, preview
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


def get(name: str) -> Engine:
    """The engine of that name. Raises: FileError naming the ones there are."""
    if name in REGISTRY:
        return REGISTRY[name]
    raise FileError(f"there is no engine {name!r}; known: {', '.join(REGISTRY)}", hint="edit hosts: in cosmosctl.yaml")

"""The command that makes a model's image on a host, as docs/gpu-host.md has it."""

import shlex
from collections.abc import Mapping

from cosmosctl.domain.project import Host, HostModel

SOURCES: Mapping[str, str] = {
    "transfer1": "https://github.com/nvidia-cosmos/cosmos-transfer1",
    "transfer2.5": "https://github.com/nvidia-cosmos/cosmos-transfer2.5",
    "cosmos3": "https://github.com/NVIDIA/cosmos-framework",
}


def build_command(host: Host, model: str) -> str:
    """What to type on `host` where the image of `model` is missing; its source is fetched where it is missing too."""
    block, source = host.models.get(model, HostModel()), SOURCES[model]
    name = source.rpartition("/")[2]
    engine, repo = shlex.join(host.engine_command or (host.engine,)), shlex.quote(block.repo or name)
    image = shlex.quote(block.image or f"{name}:latest")
    return f"[ -d {repo} ] || git clone {source} {repo}; cd {repo} && {engine} build -t {image} ."

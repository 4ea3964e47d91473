"""The command that makes a model's image on a host, as docs/gpu-host.md has it."""

import shlex
from collections.abc import Mapping

from cosmosctl import engines
from cosmosctl.domain.project import Host, HostModel

SOURCES: Mapping[str, str] = {
    "transfer1": "https://github.com/nvidia-cosmos/cosmos-transfer1",
    "transfer2.5": "https://github.com/nvidia-cosmos/cosmos-transfer2.5",
    "cosmos3": "https://github.com/NVIDIA/cosmos-framework",
}


def build_command(host: Host, model: str) -> str:
    """What to type on `host` where the image of `model` is missing; its source is fetched where it is missing too.

    "" on a host without images.
    """
    block, source = host.models.get(model, HostModel()), SOURCES[model]
    name, asked = source.rpartition("/")[2], engines.get(host.engine).images(host)
    if asked is None:
        return ""
    repo, image = shlex.quote(block.repo or name), block.image or f"{name}:latest"
    return f"[ -d {repo} ] || git clone {source} {repo}; cd {repo} && {shlex.join((*asked.build, image, '.'))}"

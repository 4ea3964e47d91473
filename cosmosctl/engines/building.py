"""The command that makes a model's image on a host, as docs/gpu-host.md has it."""

import shlex

from cosmosctl import engines, models
from cosmosctl.domain.project import Host, HostModel


def build_command(host: Host, model: str) -> str:
    """What to type on `host` where the image of `model` is missing; its source is fetched where it is missing too.

    "" on a host without images.
    """
    block, home = host.models.get(model, HostModel()), models.get(model).HOME
    asked = engines.get(host.engine).images(host)
    if asked is None:
        return ""
    repo, image = shlex.quote(block.repo or home.name), block.image or f"{home.name}:latest"
    build = shlex.join((*asked.build, image, "."))
    return f"[ -d {repo} ] || git clone {home.repository} {repo}; cd {repo} && {build}"

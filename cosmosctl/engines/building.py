"""The command that makes a model's image on a host, as docs/gpu-host.md has it."""

import shlex

from cosmosctl import engines, models
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines.protocol import Images
from cosmosctl.engines.pulled import is_pulled, place_of


def build_command(host: Host, model: str) -> str:
    """What to type on `host` where the image of `model` is missing; its source is fetched where it is missing too.

    "" on a host without images.
    """
    block, home = host.models.get(model, HostModel()), models.get(model).HOME
    asked = engines.of(host).images(host)
    if asked is None:
        return ""
    if asked.pull:
        return _sif_command(host, block.image or "", asked)
    repo, image = shlex.quote(block.repo or home.name), block.image or f"{home.name}:latest"
    build = shlex.join((*asked.build, image, "."))
    return f"[ -d {repo} ] || git clone {home.repository} {repo}; cd {repo} && {build}"


def _sif_command(host: Host, image: str, asked: Images) -> str:
    """Pulls an image that has an address; one in a file is made of what `docker save` wrote."""
    place = place_of(host, image)
    if is_pulled(image):
        return f"mkdir -p {shlex.quote(asked.kept_in)} && {shlex.join((*asked.pull, place, image))}"
    archive = f"{place.rpartition('/')[2].removesuffix('.sif') or 'image'}.tar"
    return shlex.join((*asked.build, place, f"docker-archive:{archive}"))


def image_there(host: Host, model: str) -> str:
    """What the image of `model` is called on the host itself; "" where its block names none."""
    return place_of(host, host.models.get(model, HostModel()).image or "")

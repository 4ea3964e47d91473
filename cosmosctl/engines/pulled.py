"""Where an image lies on a host that was pulled from a registry, which its name tells: docker://, oras://, https://."""

import hashlib
import re

from cosmosctl.domain.project import Host

_ADDRESS = re.compile(r"[a-z][a-z+-]*://.")


def is_pulled(image: str) -> bool:
    """Whether `image` is the address of one."""
    return _ADDRESS.match(image) is not None


def folder_of(host: Host) -> str:
    """The folder of images in the host's `dir`."""
    return f"{host.dir}/images"


def place_of(host: Host, image: str) -> str:
    """The file on the host that an image is pulled into; one that is no address stays as it is."""
    if not is_pulled(image):
        return image
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", image.partition("://")[2]).strip("-.")[-80:]
    return f"{folder_of(host)}/{readable}-{hashlib.sha256(image.encode()).hexdigest()[:8]}.sif"

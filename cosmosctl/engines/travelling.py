"""The command that starts a program of ours which travels with a batch, in place of one that lives on the host."""

import hashlib

from cosmosctl.domain.ids import command
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.models.protocol import Model

ENTRY = "serve.py"
"""The file of such a program that Python runs."""
IMAGE_ANEW = "make the image anew: docs/diffusers.md"


def launcher(host: Host, model: Model, *, python: str, in_image: bool = False) -> tuple[str, ...]:
    """argv, before the family's own arguments; `python` runs it where the host's block names none.

    What mends its environment and fetches its weights is told by it: no setup of ours reaches into an image.
    """
    setup = IMAGE_ANEW if in_image else command("host", "setup", host.name)
    fetch = command("retry") if in_image else command("host", "setup", host.name, "--weights")
    block = host.models.get(model.NAME, HostModel())
    return (
        *(block.python or python, "-B", f"{{batch}}/{model.HOME.program}/{ENTRY}"),
        *(("--memory", block.memory) if block.memory else ()),
        *(("--vae-tiling",) if block.vae_tiling else ()),
        *("--setup", setup, "--fetch", fetch),
    )


def environment(host: Host, model: Model) -> str:
    """The folder of the environment on the host that has just the family's packages; of other ones it is another."""
    kind = hashlib.sha256("\n".join(model.HOME.packages).encode()).hexdigest()[:12]
    return f"{host.dir}/envs/{model.HOME.program}-{kind}"

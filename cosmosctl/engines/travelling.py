"""The command that starts a program of ours which travels with a batch, in place of one that lives on the host."""

import hashlib

from cosmosctl.domain.ids import command
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.models.protocol import Model

ENTRY = "serve.py"
"""The file of such a program that Python runs."""


def launcher(host: Host, model: Model, *, python: str) -> tuple[str, ...]:
    """argv, before the family's own arguments; `python` runs it where the host's block names none."""
    block = host.models.get(model.NAME, HostModel())
    return (
        *(block.python or python, "-B", f"{{batch}}/{model.HOME.program}/{ENTRY}"),
        *(("--memory", block.memory) if block.memory else ()),
        *(("--vae-tiling",) if block.vae_tiling else ()),
        *("--setup", command("host", "setup", host.name)),
    )


def environment(host: Host, model: Model) -> str:
    """The folder of the environment on the host that has just the family's packages; of other ones it is another."""
    kind = hashlib.sha256("\n".join(model.HOME.packages).encode()).hexdigest()[:12]
    return f"{host.dir}/envs/{model.HOME.program}-{kind}"

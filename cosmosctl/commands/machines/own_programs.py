"""What a family whose program travels needs of a host: its packages, and memory of the GPU for its weights. Pure."""

from collections.abc import Iterator

from cosmosctl import engines, models
from cosmosctl.commands.machines.host_findings import Finding, Looked
from cosmosctl.domain.ids import command
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import travelling
from cosmosctl.io.checked import whole_in


def own_program_findings(looked: Looked) -> Iterator[Finding]:
    """Nothing of a family whose program lives on the host."""
    yield from _environment(looked)
    yield from _memory(looked)


def environment_of(host: Host, model: str) -> str:
    """The folder of `host setup`, or the Python that the host's block names; "" where an image has the packages."""
    family = models.get(model)
    if not family.HOME.program or not has_environments(host):
        return ""
    return host.models.get(model, HostModel()).python or travelling.environment(host, family)


def has_environments(host: Host) -> bool:
    """Whether programs of ours run there as the host is: in an image the packages are its own, a preview needs none."""
    return engines.of(host).images(host) is None and not host.is_preview and not host.container


def first_of(host: Host) -> str:
    """The family that `host setup` means where none is named: the first of the host's with a program of ours."""
    able = [name for name, family in models.REGISTRY.items() if family.HOME.program]
    return next((name for name in host.models if name in able), able[0])


def _environment(looked: Looked) -> Iterator[Finding]:
    where, state = environment_of(looked.host, looked.model), looked.fact("environment")
    if not where:
        return
    if state == "there":
        yield Finding("environment", "PASS", where)
    elif looked.block.python:
        place = f"hosts.{looked.host.name}.models.{looked.model}.python"
        yield Finding("environment", "FAIL", f"{where} is no program there", f"correct {place}, or take it out")
    else:
        named = () if looked.model == first_of(looked.host) else ("--model", looked.model)
        setup = command("host", "setup", looked.host.name, *named)
        yield Finding("environment", "FAIL", f"{where} is {state or 'not looked at'}", setup)


def _memory(looked: Looked) -> Iterator[Finding]:
    """One line: what lies in the GPU's memory as the host's block has it, and which `memory` would do instead.

    Sizes of weights are exact; what a video takes beside them was measured by nobody here, and is said to be so.
    """
    home, mode = models.get(looked.model).HOME, looked.block.memory or "full"
    sizes, mib = home.weights_gib, whole_in(looked.fact("gpu-mib"))
    if not home.program:
        return
    if mode not in sizes:
        yield Finding("GPU memory", "SKIP", f"memory: {mode} keeps the least there; how much was not measured")
        return
    words = f"memory: {mode} keeps {sizes[mode]:g} GiB of weights there (exact); a video's own share was not measured"
    if mib is None:
        yield Finding("GPU memory", "SKIP", f"{words}; nvidia-smi does not tell how much there is")
        return
    there = mib / 1024
    if sizes[mode] < there:
        yield Finding("GPU memory", "PASS", f"{words}; {there:.1f} GiB are there")
        return
    able = next(name for name in home.memory if sizes.get(name, 0) < there)
    mend = f"set hosts.{looked.host.name}.models.{looked.model}.memory: {able} in cosmosctl.yaml"
    yield Finding("GPU memory", "FAIL", f"{words}, and only {there:.1f} GiB are there", mend)

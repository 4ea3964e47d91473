"""Whether the weights of a family whose program travels fit the memory of a host's GPU. Pure."""

from collections.abc import Iterator

from cosmosctl import models
from cosmosctl.commands.machines.host_findings import Finding, Looked
from cosmosctl.io.checked import whole_in


def memory_findings(looked: Looked) -> Iterator[Finding]:
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

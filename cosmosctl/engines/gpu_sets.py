"""Which GPUs of a host each model process has."""

from collections.abc import Sequence

from cosmosctl.domain.project import Host

GpuSet = int | tuple[int, ...] | None
"""What one process has: a GPU, several, or none."""


def gpu_sets(host: Host, gpus: Sequence[int]) -> tuple[GpuSet, ...]:
    """`gpus`, which are those of the host by the numbers that its processes see, parted into a set a process."""
    each = host.gpus_per_video or 1
    if each == 1:
        return tuple(gpus) or (None,)
    return tuple(tuple(gpus[at : at + each]) for at in range(0, len(gpus) - each + 1, each)) or (None,)

"""Several GPUs for one video: one process a GPU under torchrun, and the counts that a family can part a video by."""

import re
from collections.abc import Collection, Sequence

_PER_NODE = re.compile(r"--nproc[-_]per[-_]node=(\d+)")


def under_torchrun(launcher: tuple[str, ...], own: tuple[str, ...], gpus: int) -> tuple[str, ...]:
    """`launcher` with a process a GPU. It ends with `own`, the family's, which starts one; a host's own command starts
    as many as it says, or as many as this where it says one.
    """
    if gpus == 1:
        return launcher
    if own and own[0] == "python" and launcher[-len(own) :] == own:
        return (*launcher[: -len(own)], "torchrun", "--standalone", f"--nproc_per_node={gpus}", *own[1:])
    return tuple(re.sub(r"=1$", f"={gpus}", part) if _PER_NODE.fullmatch(part) else part for part in launcher)


def count_mistake(gpus: int, possible: Collection[int], name: str) -> str:
    """Why that many GPUs are not possible."""
    if gpus in possible:
        return ""
    if max(possible) == 1:
        return f"{name} makes a video on one GPU, not on {gpus}"
    return f"{name} can share a video out over {_listed(sorted(possible))} GPUs, not {gpus}"


def started_mistake(command: Sequence[str], gpus: int) -> str:
    """Why a host's own command does not go with that many GPUs."""
    found = [int(match[1]) for match in map(_PER_NODE.fullmatch, command) if match]
    if all(count in (1, gpus) for count in found):
        return ""
    return f"its command starts {found[0]} processes, gpus_per_video is {gpus}"


def _listed(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} or {numbers[-1]}"

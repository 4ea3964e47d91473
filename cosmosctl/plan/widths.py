"""What a batch costs on a queue by how many of its jobs run at once, and what its time is too short for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cosmosctl import schedulers
from cosmosctl.domain.plurals import duration
from cosmosctl.plan.planner import Plan
from cosmosctl.plan.shards import shared_out

WIDTHS = (1, 2, 4, 8)
"""What is told beside the width that was chosen."""


@dataclass(frozen=True)
class Width:
    """`nodes` jobs at once: how many there are, how often a model is loaded; seconds and GPU hours where known.

    The seconds are those from the start of the first job to the end of the last one, if all start at once.
    """

    nodes: int
    jobs: int
    starts: int
    wall_s: float | None
    gpu_hours: float | None


class Pace(Protocol):
    """What a model start and a frame of a result take, in seconds."""

    @property
    def load_s(self) -> float: ...
    @property
    def frame_s(self) -> float: ...


def widths(plan: Plan, pace: Pace | None) -> Sequence[Width]:
    """What is chosen first, then the others, the narrowest first; () where nothing queues jobs.

    `pace` None: nothing ran there before.
    """
    queue = schedulers.queue(plan.host)
    if queue is None:
        return ()
    chosen = plan.host.nodes or 1
    gpus = queue.gpus(plan.host)
    return tuple(_width(plan, nodes, gpus, pace) for nodes in (chosen, *WIDTHS))


def _width(plan: Plan, nodes: int, gpus: int, pace: Pace | None) -> Width:
    group_of = {row.run: group.name for group in plan.groups for row in group.rows}
    frames = {row.run: row.frames for row in plan.rows}
    shards = shared_out(plan.groups, nodes)
    starts = [len({group_of[run] for run in shard}) for shard in shards]
    if pace is None:
        return Width(nodes, len(shards), sum(starts), None, None)
    seconds = [
        count * pace.load_s + _total(frames, shard) * pace.frame_s for count, shard in zip(starts, shards, strict=True)
    ]
    return Width(nodes, len(shards), sum(starts), max(seconds), sum(seconds) * gpus / 3600)


def beyond_time(plan: Plan, pace: Pace | None) -> str:
    """That a job, or a single run, is expected to take longer than a job there may; "" where none is, or is known."""
    queue = schedulers.queue(plan.host)
    limit_s = None if queue is None else queue.limit_s(plan.host)
    if limit_s is None or pace is None:
        return ""
    longest_s = pace.load_s + max(row.frames for row in plan.rows) * pace.frame_s
    if longest_s > limit_s:
        return (
            f"a run is expected to take {duration(longest_s)} with its model start, and a job of {plan.host.name} ends "
            f"after {duration(limit_s)}: it would never be done; set time: of the host higher"
        )
    whole = _width(plan, plan.host.nodes or 1, 1, pace)
    if whole.wall_s is None or whole.wall_s <= limit_s:
        return ""
    return (
        f"a job is expected to take {duration(whole.wall_s)} and ends after {duration(limit_s)}: what is left goes on "
        "in the next, with one more model start each time; a higher time: or more nodes: of the host spare that"
    )


def _total(frames: Mapping[str, int], runs: Sequence[str]) -> int:
    return sum(frames[run] for run in runs)

"""How long a batch may take, from what batches on the same host took before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.results.batch_end import BatchEnd, read_end
from cosmosctl.results.receipts import read_receipt
from cosmosctl.state import states

if TYPE_CHECKING:
    from cosmosctl.plan.planner import Plan

RECENT = 20
"""Ended batches that are looked at, newest first."""


@dataclass(frozen=True)
class Past:
    """Medians of past batches on one host with one model: seconds to load, seconds a frame of result."""

    load_s: float
    frame_s: float

    def total_s(self, starts: int, frames: int, gpus: int) -> float:
        """Seconds for that many model starts and frames, shared by `gpus`."""
        return (starts * self.load_s + frames * self.frame_s) / max(1, gpus)


def past(batches: Sequence[BatchPaths], *, host: str, model: str) -> Past | None:
    """What the newest ended batches on `host` with `model` say; None when there is none to learn from."""
    loads: list[float] = []
    per_frame: list[float] = []
    for paths in reversed(batches[-RECENT:]):
        end = read_end(paths.end)
        if end is not None and (end.host, end.model) == (host, model):
            loads += end.load_s
            per_frame += _frame_seconds(end)
    if not per_frame:
        return None
    return Past(_median(loads or [0.0]), _median(per_frame))


def of_plans(project: ProjectPaths, plans: Sequence["Plan"]) -> Mapping[str, Past]:
    """The same for plans of one host, by model; those of which something is known."""
    ended = [paths for paths in states.batches(project) if paths.end.exists()]
    found = {plan.model.NAME: past(ended, host=plan.host.name, model=plan.model.NAME) for plan in plans}
    return {model: one for model, one in found.items() if one is not None}


def frame_bytes(project: ProjectPaths, batches: Sequence[BatchPaths], *, host: str, model: str) -> float | None:
    """Bytes a frame of the videos that the newest ended batches on `host` with `model` made; None without any."""
    found: list[float] = []
    for paths in reversed(batches[-RECENT:]):
        end = read_end(paths.end)
        if end is not None and (end.host, end.model) == (host, model):
            found += _frame_bytes(project, end)
    return _median(found) if found else None


def _frame_bytes(project: ProjectPaths, end: BatchEnd) -> Iterator[float]:
    for run, frames in end.frames.items():
        home = project.run(run)
        receipt = read_receipt((home.preview if end.preview else home.result).report)
        if receipt is not None and receipt.batch == end.batch and frames:
            yield receipt.primary_bytes / frames


def _frame_seconds(end: BatchEnd) -> list[float]:
    return [seconds / end.frames[run] for run, seconds in end.video_s.items() if end.frames.get(run)]


def _median(values: Sequence[float]) -> float:
    from statistics import median

    return median(values)

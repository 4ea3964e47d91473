"""end.yaml: how a batch ended. While it is not there, the batch holds its runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.domain.batch import Batch, stamp, stamp_of
from cosmosctl.domain.ids import MOST_S, Count, Id, Seconds
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.events.progress import Progress
from cosmosctl.io import own
from cosmosctl.io.own import write_text
from cosmosctl.yaml.facts import facts_text, read_facts

if TYPE_CHECKING:
    from cosmosctl.results.collect import Collected

REFUSED = "refused"
"""The state of a batch that its host did not take: nothing was started."""


@dataclass(frozen=True)
class BatchEnd:
    """`state` is done, cancelled, refused or abandoned; `runs` maps each run to done, cancelled, refused or its reason.

    Times are seconds: `load_s` of every model start, `video_s` of every finished run, `busy` the share (0..1) of
    GPU time that went into generating. `frames` of each finished run make estimates possible.
    """

    batch: Id
    host: Id
    model: str
    preview: bool
    state: str
    ended: str
    wall_s: Seconds
    busy: Seconds
    load_s: tuple[Seconds, ...] = ()
    runs: Mapping[Id, str] = field(default_factory=dict)
    video_s: Mapping[Id, Seconds] = field(default_factory=dict)
    frames: Mapping[Id, Count] = field(default_factory=dict)

    @staticmethod
    def of(batch: Batch, state: Progress, home: Mapping[str, "Collected"]) -> "BatchEnd":
        """The end of a batch whose host said that nothing more comes."""
        video_s = {run: round(end.seconds, 3) for run, end in state.ends.items() if end.state == "done"}
        wall_s = min(state.elapsed.seconds, MOST_S)
        gpus = state.places
        return BatchEnd(
            batch=batch.name,
            host=batch.host.name,
            model=batch.model,
            preview=batch.host.is_preview,
            state=state.state or "done",
            ended=stamp_of(state.ended or 0),
            wall_s=round(wall_s, 3),
            busy=round(min(1.0, sum(video_s.values()) / (wall_s * gpus)), 3) if wall_s > 0 else 0.0,
            load_s=tuple(round(load, 3) for load in state.loads),
            runs={run: one.reason or one.state for run, one in sorted(home.items())},
            video_s=video_s,
            frames={row.run: row.frames for row in batch.rows if row.run in video_s},
        )


def write_end(path: Path, end: BatchEnd) -> None:
    """Write end.yaml whole."""
    write_text(path, facts_text(end))


def read_end(path: Path) -> BatchEnd | None:
    """The end of a batch, or None while it has none. A damaged end is written again by the next attach."""
    return read_facts(BatchEnd, path)


def is_ended(paths: BatchPaths) -> bool:
    """Whether the batch holds no run any more."""
    return paths.end.exists()


def free(project: ProjectPaths, batch: Batch, *, state: str = "cancelled") -> None:
    """Close a batch that never ran: its runs are what they were before. The caller holds the batch's lock."""
    give_up(project.batch(batch.name), batch, state=state, runs=dict.fromkeys(batch.runs, state))
    own.discard(project.staged(batch.name))


def give_up(paths: BatchPaths, batch: Batch, *, state: str, runs: Mapping[str, str]) -> None:
    """Close a batch that its host did not end: `runs` maps each run to its last word."""
    now = stamp(datetime.now(UTC))
    end = BatchEnd(batch.name, batch.host.name, batch.model, batch.host.is_preview, state, now, 0.0, 0.0, runs=runs)
    write_end(paths.end, end)

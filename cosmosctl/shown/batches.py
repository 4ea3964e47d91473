"""Batches as they are shown: what was planned, which rows ran when on which GPU, what came of each.

Times are seconds since the host began with the batch, by its own clock.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import BatchPaths
from cosmosctl.errors import FileError
from cosmosctl.events.lines import Event
from cosmosctl.events.progress import Elapsed, all_events
from cosmosctl.host.trust import was_made_here
from cosmosctl.plan import bundle_reader
from cosmosctl.results.batch_end import BatchEnd, read_end
from cosmosctl.shown.discreet import discreet
from cosmosctl.shown.logs import tail
from cosmosctl.state.going_on import eta_s, share
from cosmosctl.state.states import OpenBatch

UNKNOWN = "unknown"
"""What became of a row that nothing here tells of: never shown as done."""


@dataclass
class Bar:
    """A model process on a GPU: it loads from `begin` to `loaded`."""

    gpu: int | None
    begin: float
    loaded: float
    end: float | None = None


@dataclass
class Row:
    """One run of a batch. `state` is done, cancelled, a reason, running, queued or unknown."""

    run: str
    group: str
    state: str
    gpu: int | None = None
    begin: float | None = None
    end: float | None = None
    reason: str = ""
    detail: str = ""
    share: float | None = None


@dataclass
class Course:
    """What the events of a batch tell of its time."""

    bars: dict[str, Bar] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def batch_facts(paths: BatchPaths, going_on: OpenBatch | None, *, with_logs: bool) -> dict[str, Any]:
    """One batch; `going_on` when it has not ended. `with_logs`: also what may name paths and machines."""
    end = read_end(paths.end)
    try:
        batch = bundle_reader.read_batch(paths)
    except FileError:
        return _told(paths, end)
    try:
        course = course_of(batch, all_events(paths.events, batch.runs), end)
    except FileError:
        course = course_of(batch, (), end)
    now = _now(going_on, course, with_logs=with_logs) if going_on is not None else None
    rows = [asdict(row) for row in course.rows.values()]
    for row in rows if not with_logs else ():
        row["detail"] = discreet(row["detail"])
    facts = _head(paths.name, end) | {"host": batch.host.name, "model": batch.model, "created": batch.created}
    facts["state"] = end.state if end else "unfinished" if was_made_here(paths) else "elsewhere"
    notes = [note if with_logs else discreet(note) for note in course.notes]
    bars = [asdict(bar) for bar in course.bars.values()]
    facts["now"] = now
    return facts | {"rows": rows, "processes": bars, "notes": notes, "log": tail(paths.log) if with_logs else []}


def _now(going_on: OpenBatch, course: Course, *, with_logs: bool) -> dict[str, Any]:
    """How far it is, by what its host has told, and when that was: nothing that was not seen."""
    seen = going_on.progress
    for run, part in seen.running.items():
        if run in course.rows:
            course.rows[run].share = part
    eta = eta_s(going_on)
    gpus = [" ".join(filter(None, (one.get("name"), one.get("driver")))) for one in seen.machine.get("gpus") or ()]
    words = going_on.standing or seen.waiting
    return {
        "share": round(share(going_on), 3),
        "eta_s": None if eta is None else round(eta),
        "seen": _seen(going_on.paths),
        "words": words if with_logs else discreet(words),
        "gpus": gpus,
    }


def _seen(paths: BatchPaths) -> float | None:
    """When its host last told anything that is here, in seconds since 1970; None when it never did."""
    try:
        return round(paths.events.stat().st_mtime, 1)
    except OSError:
        return None


def _head(name: str, end: BatchEnd | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"id": name, "state": UNKNOWN, "host": "", "model": "", "created": "", "ended": ""}
    facts |= {
        "wall_s": None,
        "busy": None,
        "loads": [],
        "rows": [],
        "processes": [],
        "notes": [],
        "log": [],
        "now": None,
    }
    if end is not None:
        facts |= {"state": end.state, "host": end.host, "model": end.model, "ended": end.ended}
        facts |= {"wall_s": end.wall_s, "busy": end.busy, "loads": list(end.load_s)}
    return facts


def _told(paths: BatchPaths, end: BatchEnd | None) -> dict[str, Any]:
    """What its reports tell of a batch whose plan is not here or cannot be read."""
    ends = end.runs if end is not None else {}
    named = list(ends or bundle_reader.read_runs(paths)[0])
    facts = _head(paths.name, end)
    try:
        head = bundle_reader.read_head(paths)
        facts |= {"host": head.host.name, "model": head.model, "created": head.created}
    except FileError:
        pass
    facts["state"] = end.state if end is not None else "elsewhere"
    return facts | {"rows": [asdict(Row(run, "", ends.get(run, UNKNOWN))) for run in named]}


def course_of(batch: Batch, events: Iterable[Event], end: BatchEnd | None) -> Course:
    """When what ran where, by these events. What has no event is queued, or unknown once the batch has ended."""
    waiting = "queued" if end is None else UNKNOWN
    course, elapsed = Course(rows={row.run: Row(row.run, row.group, waiting) for row in batch.rows}), Elapsed()
    for event in events:
        elapsed = elapsed.after(event)
        _take(course, event, round(elapsed.seconds, 3))
    for row in course.rows.values():
        word = end.runs.get(row.run) if end is not None else None
        row.state = word or row.state
        row.reason = word if word is not None and word not in ("done", "cancelled") else row.reason
    return course


def _take(course: Course, event: Event, at_s: float) -> None:
    row, bar = course.rows.get(event.get("run", "")), course.bars.get(event.get("proc", ""))
    match event["ev"]:
        case "process_start":
            course.bars[event["proc"]] = Bar(event.get("gpu"), at_s, at_s)
        case "loaded" if bar is not None:
            bar.loaded = at_s
        case "process_end" if bar is not None:
            bar.end = at_s
            bar.loaded = bar.loaded if bar.loaded > bar.begin else at_s if not _has_rows(course, bar) else bar.loaded
        case "row_start" if row is not None:
            row.begin, row.end, row.gpu, row.state = at_s, None, bar.gpu if bar else None, "running"
        case "run_done" | "run_failed" | "run_cancelled" as name if row is not None:
            row.end, row.state = at_s if row.begin is not None else None, name[4:]
            row.reason, row.detail = event.get("reason", ""), event.get("detail", "")
        case "run_again" if row is not None:
            row.end, row.state = at_s if row.begin is not None else None, "queued"
        case "group_replaced" | "unlocked":
            course.notes.append(event["detail"])


def _has_rows(course: Course, bar: Bar) -> bool:
    return any(row.gpu == bar.gpu and row.begin is not None and row.begin >= bar.begin for row in course.rows.values())

"""What happened on the host, read from the lines that supervise.py wrote."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Event = Mapping[str, Any]

MAX_TIME_S = 253402300800
"""The year 10000, where Python's calendar ends."""
LONGEST_S = 30 * 86_400
"""No start, row or pause of a batch takes longer; what a host says beyond it is a mistake of its clock."""
_NUMBER = (int, float)
_FIELDS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "process_start": {"proc": str, "runs": list, "log": str},
    "process_end": {"proc": str},
    "loaded": {"load_s": _NUMBER},
    "waiting": {"lock": str},
    "group_replaced": {"detail": str},
    "row_start": {"run": str},
    "progress": {"run": str, "done": _NUMBER, "total": _NUMBER},
    "run_again": {"run": str},
    "run_done": {"run": str, "seconds": _NUMBER, "attempts": int, "outputs": list},
    "run_failed": {"run": str, "reason": str, "detail": str, "kept": list},
    "run_cancelled": {"run": str},
    "batch_done": {"state": str},
}
"""What is used of the events of templates/launch/supervise.py; an event without it is damaged."""


@dataclass(frozen=True)
class RunEnd:
    """How a run ended on the host: `state` is done, failed or cancelled; `event` has the details."""

    run: str
    state: str
    event: Event

    @property
    def seconds(self) -> float:
        """How long its row took; 0 when its host says what cannot be."""
        return bounded_s(self.event.get("seconds"))


@dataclass(frozen=True)
class Elapsed:
    """Seconds from the first event to the newest, by the host's clock that nobody sets (`up`, since its `boot`).

    Between two starts of the machine, and on hosts of an earlier version, only its calendar tells.
    """

    seconds: float = 0.0
    moment: float | None = None
    up: object = None
    boot: object = None

    def after(self, event: Event) -> "Elapsed":
        """The same, one event later."""
        up, boot = event.get("up"), event.get("boot") if event["ev"] == "batch_start" else self.boot
        step = event["t"] - (event["t"] if self.moment is None else self.moment)
        if boot and boot == self.boot and isinstance(up, _NUMBER) and isinstance(self.up, _NUMBER):
            step = up - self.up
        return Elapsed(self.seconds + bounded_s(step), event["t"], up, boot)


@dataclass(frozen=True)
class Progress:
    """Where a batch stands. `running` maps a run that is being generated to the parts of it that are done (0..1).

    `unreachable_since` (epoch seconds) is no event: it is when the host, for whoever follows it, fell silent.
    `machine` is what the newest start told of where it runs: image, commit, gpus. `replaced`: why groups were started
    otherwise than planned.
    """

    ends: Mapping[str, RunEnd] = field(default_factory=dict)
    running: Mapping[str, float] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    state: str | None = None
    loads: tuple[float, ...] = ()
    processes: tuple[Event, ...] = ()
    waiting: str = ""
    machine: Event = field(default_factory=dict)
    replaced: tuple[str, ...] = ()
    unreachable_since: float | None = None
    elapsed: Elapsed = field(default_factory=Elapsed)

    @property
    def launched(self) -> bool:
        return self.started is not None

    @property
    def finished(self) -> bool:
        """Whether the host said that nothing more comes."""
        return self.state is not None


def bounded_s(told: object) -> float:
    """What a host tells in seconds; 0 for what cannot be: below 0, above `LONGEST_S`, no number."""
    return float(told) if isinstance(told, _NUMBER) and 0 <= told <= LONGEST_S else 0.0


def read_events(path: Path) -> tuple[Event, ...]:
    """All whole events of a file; a torn last line and lines that are no event of ours are passed over."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    return tuple(parse_lines(data.split(b"\n")[:-1]))


def parse_lines(lines: Iterable[bytes]) -> Iterable[Event]:
    """The events among `lines`; garbage is passed over."""
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if _is_sound(event):
            yield event


class EventTail:
    """The progress of a batch whose events file grows: each byte is read once, unless another file takes its place."""

    def __init__(self, path: Path) -> None:
        self._path, self._inode = path, 0
        self._offset, self._torn, self._progress = 0, b"", Progress()

    def progress(self) -> Progress:
        """Where the batch stands by the file's whole lines of now."""
        try:
            with self._path.open("rb") as stream:
                self._start_over_unless_same(os.fstat(stream.fileno()))
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return self._progress
        self._offset += len(data)
        *lines, self._torn = (self._torn + data).split(b"\n")
        for event in parse_lines(lines):
            self._progress = advance(self._progress, event)
        return self._progress

    def _start_over_unless_same(self, status: os.stat_result) -> None:
        if status.st_ino != self._inode or status.st_size < self._offset:
            self._inode, self._offset, self._torn, self._progress = status.st_ino, 0, b"", Progress()


def progress(events: Iterable[Event]) -> Progress:
    """What these events add up to."""
    state = Progress()
    for event in events:
        state = advance(state, event)
    return state


def advance(state: Progress, event: Event) -> Progress:
    """`state` after one more event; of events of unknown names only the time counts."""
    return replace(_advanced(state, event), elapsed=state.elapsed.after(event))


def _advanced(state: Progress, event: Event) -> Progress:
    run = event.get("run", "")
    match event["ev"]:
        case "batch_start":
            return replace(state, started=state.started or event["t"], running={}, waiting="", machine=event)
        case "process_start":
            return replace(state, processes=(*state.processes, event), waiting="")
        case "process_end":
            return replace(state, running=_without_process(state, event["proc"]))
        case "loaded":
            return replace(state, loads=(*state.loads, bounded_s(event["load_s"])))
        case "group_replaced":
            return replace(state, replaced=(*state.replaced, event["detail"]))
        case "waiting":
            return replace(state, waiting=event["lock"])
        case "row_start":
            return replace(state, running={**state.running, run: 0.0})
        case "progress":
            return replace(state, running={**state.running, run: _share(event)})
        case "run_done" | "run_failed" | "run_cancelled":
            ends = state.ends if run in state.ends else {**state.ends, run: RunEnd(run, event["ev"][4:], event)}
            running = {other: share for other, share in state.running.items() if other != run}
            return replace(state, ends=ends, running=running)
        case "run_again":
            return replace(state, running={other: share for other, share in state.running.items() if other != run})
        case "batch_done":
            return replace(state, state=event["state"], ended=event["t"], running={})
    return state


def _is_sound(event: object) -> bool:
    """Whether it has a name, a time that can be one, and all that is used of an event of that name."""
    if not isinstance(event, dict) or not isinstance(event.get("ev"), str):
        return False
    moment = event.get("t")
    if not isinstance(moment, _NUMBER) or not 0 <= moment < MAX_TIME_S:
        return False
    return all(isinstance(event.get(key), kind) for key, kind in _FIELDS.get(event["ev"], {}).items())


def _without_process(state: Progress, process: str) -> Mapping[str, float]:
    runs = {run for start in state.processes if start["proc"] == process for run in start["runs"]}
    return {run: share for run, share in state.running.items() if run not in runs}


def _share(event: Event) -> float:
    done, total = float(event["done"]), float(event["total"])
    return min(1.0, max(0.0, done / total)) if total > 0 else 0.0

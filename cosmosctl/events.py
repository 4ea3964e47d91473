"""What happened on the host, read from the lines that supervise.py wrote."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Event = Mapping[str, Any]


@dataclass(frozen=True)
class RunEnd:
    """How a run ended on the host: `state` is done, failed or cancelled; `event` has the details."""

    run: str
    state: str
    event: Event


@dataclass(frozen=True)
class Progress:
    """Where a batch stands. `running` maps a run that is being generated to the parts of it that are done (0..1)."""

    ends: Mapping[str, RunEnd] = field(default_factory=dict)
    running: Mapping[str, float] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    state: str | None = None
    loads: tuple[float, ...] = ()
    processes: tuple[Event, ...] = ()
    waiting: str = ""

    @property
    def launched(self) -> bool:
        return self.started is not None

    @property
    def finished(self) -> bool:
        """Whether the host said that nothing more comes."""
        return self.state is not None


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
        if isinstance(event, dict) and isinstance(event.get("ev"), str) and isinstance(event.get("t"), int | float):
            yield event


class EventTail:
    """The progress of a batch whose events file grows: each byte is read once."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._torn, self._progress = path, 0, b"", Progress()

    def progress(self) -> Progress:
        """Where the batch stands by the file's whole lines of now."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return self._progress
        self._offset += len(data)
        *lines, self._torn = (self._torn + data).split(b"\n")
        for event in parse_lines(lines):
            self._progress = advance(self._progress, event)
        return self._progress


def progress(events: Iterable[Event]) -> Progress:
    """What these events add up to."""
    state = Progress()
    for event in events:
        state = advance(state, event)
    return state


def advance(state: Progress, event: Event) -> Progress:
    """`state` after one more event; events of unknown names change nothing."""
    run = event.get("run")
    match event["ev"]:
        case "batch_start":
            return replace(state, started=state.started or event["t"], running={}, waiting="")
        case "process_start":
            return replace(state, processes=(*state.processes, event), waiting="")
        case "process_end":
            return replace(state, running=_without_process(state, str(event.get("proc"))))
        case "loaded":
            return replace(state, loads=(*state.loads, float(event.get("load_s", 0))))
        case "waiting":
            return replace(state, waiting=str(event.get("lock", "")))
        case "row_start" if isinstance(run, str):
            return replace(state, running={**state.running, run: 0.0})
        case "progress" if isinstance(run, str):
            return replace(state, running={**state.running, run: _share(event)})
        case "run_done" | "run_failed" | "run_cancelled" if isinstance(run, str):
            ends = state.ends if run in state.ends else {**state.ends, run: RunEnd(run, event["ev"][4:], event)}
            running = {other: share for other, share in state.running.items() if other != run}
            return replace(state, ends=ends, running=running)
        case "batch_done":
            return replace(state, state=str(event.get("state", "done")), ended=event["t"], running={})
    return state


def _without_process(state: Progress, process: str) -> Mapping[str, float]:
    runs = {run for start in state.processes if start.get("proc") == process for run in start.get("runs", ())}
    return {run: share for run, share in state.running.items() if run not in runs}


def _share(event: Event) -> float:
    total = float(event.get("total") or 0)
    return min(1.0, float(event.get("done") or 0) / total) if total > 0 else 0.0

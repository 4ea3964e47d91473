"""events.jsonl: its only writer, and all that anybody here knows of the past."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

from files import opened, patiently
from plan import Group, Row
from process import boot
from words import one_line

PASSING = ("loaded", "row_start", "progress")
"""Events that may be lost with the power: nothing but a display depends on them."""
AUTHORS_EVERY_S = 1.0
ENDS = {"run_done": "done", "run_failed": "failed", "run_cancelled": "cancelled"}

Event = Dict[str, Any]


class Record:
    """events.jsonl and what follows from it: read once, from then on told by `write` alone.

    `may_have_another`: an earlier start, on another node, did not say that it ended.
    """

    def __init__(self, path: Path, *, is_shared: bool = False) -> None:
        """`is_shared`: others may write to it where its lock does not hold, on another node."""
        self.starts = self.drained = 0
        self.may_have_another = False
        self.batch_done = False
        self.ends: Dict[str, str] = {}
        self.again: Dict[str, Event] = {}
        self.attempts: Dict[str, int] = {}
        self.processes: Dict[str, Event] = {}
        self.running: Dict[str, Event] = {}
        self.loaded: Set[str] = set()
        self.row_starts: Dict[str, int] = {}
        self.signs: Dict[str, Event] = {}
        self._boot, self._own_boot = "", boot()
        self._shared, self._is_open, self._mine = is_shared, False, b""
        self.crashes: Dict[str, int] = {}
        self.replaced: Set[str] = set()
        self._file = opened(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        past = path.read_bytes()
        self._unwritten = b"\n" if past and not past.endswith(b"\n") else b""
        for event in parsed(past):
            self._note(event)
        self._seen, self._look_at = len(past), 0.0

    def write(self, *events: Event) -> None:
        """Appends these events in one write: being killed cannot part them."""
        now = round(time.time(), 3)
        steady = {"t": now, "up": round(time.monotonic(), 3)}
        stamped = [{**dict.fromkeys(("ev", "t", "up")), **event, **steady} for event in events]
        lines = [json.dumps(event, separators=(",", ":")) + "\n" for event in stamped]
        self._unwritten += "".join(lines).encode("ascii")
        patiently(self._flush)
        if any(event["ev"] not in PASSING for event in events):
            patiently(lambda: os.fsync(self._file))
        for event in stamped:
            self._note(event)

    def seconds_since(self, event: Event) -> float:
        """Since that event was written: by the clock that nobody sets, unless the machine was started anew."""
        up = event.get("up")
        if isinstance(up, (int, float)) and event.get("boot") == self._own_boot != "":
            return max(0.0, time.monotonic() - float(up))
        return max(0.0, time.time() - float(event["t"]))

    @property
    def busy(self) -> Set[str]:
        """The runs that a process has."""
        return {run for start in self.running.values() for run in start["runs"]}

    def open_rows(self, group: Group, *, again: bool = True) -> List[Row]:
        """The rows of a group that have no end and no process; `again` False leaves out those that crashed."""
        taken = {*self.ends, *self.busy, *(() if again else self.again)}
        return [row for row in group.rows if row.run not in taken]

    def is_counted(self, run: str) -> bool:
        """Whether the failure of that run was told, and counted, while its process was alive."""
        return bool(self.again.get(run, {}).get("told"))

    def is_anothers(self) -> bool:
        """Whether somebody has begun after us, each second. The ends that others wrote meanwhile count."""
        if not self._shared or time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + AUTHORS_EVERY_S
        size, mine, before = os.fstat(self._file).st_size, self._mine, self._seen
        self._seen, self._mine = size, b""
        if size == before + len(mine):
            return False
        ours = Counter(mine.split(b"\n"))
        lines = os.pread(self._file, size - before, before).split(b"\n")
        foreign = b"\n".join(line for line in lines if not _taken(ours, line)) + b"\n"
        others = list(parsed(foreign))
        for event in others:
            if event["ev"] in ENDS and event.get("run") not in self.ends:
                self._note(event)
        return any(event["ev"] == "batch_start" for event in others)

    def _flush(self) -> None:
        while self._unwritten:
            count = os.write(self._file, self._unwritten)
            if self._shared:
                self._mine += self._unwritten[:count]
            self._unwritten = self._unwritten[count:]

    def _note(self, event: Event) -> None:
        kind, run, proc = event["ev"], str(event.get("run")), str(event.get("proc"))
        group = self.processes.get(proc, {}).get("group", "")
        if kind in ("process_start", "row_start", "run_done"):
            self.signs[proc] = {**event, "boot": self._boot}
        if kind == "batch_start":
            self.starts += 1
            before, self._boot = self._boot, str(event.get("boot", ""))
            self.may_have_another = self._shared and self._is_open and before not in ("", self._boot)
            self._is_open = True
        elif kind == "process_start":
            self.processes[proc] = self.running[proc] = {**event, "boot": self._boot}
        elif kind == "loaded":
            self.loaded.add(proc)
        elif kind == "row_start":
            self.row_starts[proc] = self.row_starts.get(proc, 0) + 1
            self.attempts[run] = self.attempts.get(run, 0) + 1
        elif kind == "run_again":
            self.again[run] = event
            self.crashes[group] = self.crashes.get(group, 0) + bool(event.get("told"))
        elif kind == "interrupted":
            self._is_open = False
            self.drained += bool(event.get("drained"))
        elif kind in ENDS:
            self.ends[run] = ENDS[kind]
            self.drained = 0
            self.again.pop(run, None)
            self.crashes[group] = 0 if kind == "run_done" else self.crashes.get(group, 0)
        elif kind == "process_end":
            self.running.pop(proc, None)
            culprit = event.get("culprit")
            self.crashes[group] = self.crashes.get(group, 0) + (culprit is not None and not self.is_counted(culprit))
        elif kind == "group_replaced":
            self.replaced.add(str(event.get("group")))
        elif kind == "batch_done":
            self.batch_done = True


def _taken(ours: Counter[bytes], line: bytes) -> bool:
    """Whether a line is one of ours, which is not there any more then."""
    if not ours[line]:
        return False
    ours[line] -= 1
    return True


def job() -> Event:
    """What the script of a queued job says of it."""
    told = {"job": os.environ.get("COSMOSCTL_JOB"), "restart": os.environ.get("COSMOSCTL_RESTART")}
    return {name: fact for name, fact in told.items() if fact}


def parsed(data: bytes) -> Iterator[Event]:
    """The events among the whole lines of `data`; torn lines and garbage are passed over."""
    for line in data.split(b"\n")[:-1]:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("ev"), str) and isinstance(event.get("t"), (int, float)):
            yield event


def run_failed(run: str, reason: str, detail: str, **facts: Any) -> Event:
    """The event of a run that ends without a result."""
    missing: Event = {"proc": None, "attempts": 0, "log": None, "code": None, "signal": None, "kept": []}
    return {"ev": "run_failed", "run": run, "reason": reason, "detail": one_line(detail), **missing, **facts}

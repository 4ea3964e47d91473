"""What happened on the host, read from the lines that the supervisor wrote.

The lines are a host's: each is taken only as far as it is sound, and what they add up to stays small however many
there are.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.reasons import REASONS
from cosmosctl.errors import FileError
from cosmosctl.io.checked import Unreadable, number, opened, parse_json, text, whole

Event = Mapping[str, Any]

MAX_TIME_S = 253402300799
"""The last second of the year 9999, where Python's calendar ends."""
LONGEST_S = 30 * 86_400
"""No start, row or pause of a batch takes longer; what a host says beyond it is a mistake of its clock."""
_NUMBER = (int, float)
LINE_BYTES = 16 << 20
"""Longest event: the start of a group of a hundred thousand runs is half of it."""
PIECE_BYTES = 1 << 20
_SECONDS = 1e9
_WORDS, _DETAIL = 300, 4000
_NAMES = 200_000
_STARTS = 10_000
"""Most model starts, loads and notes that are kept of a batch."""
_GPUS, _FILES = 64, 200
_BYTES = 1 << 50


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
    otherwise than planned; `unlocked`: why GPUs are used without a lock, so that others may use them meanwhile.
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
    unlocked: tuple[str, ...] = ()
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


class Reckoning:
    """What events add up to, changed in place: the time that it takes grows with their number, its size does not.

    `runs`: those of the batch; what is said of others changes nothing. None: whoever is named counts.
    """

    def __init__(self, runs: Collection[str] | None = None) -> None:
        self._runs = None if runs is None else frozenset(runs)
        self._ends: dict[str, RunEnd] = {}
        self._running: dict[str, float] = {}
        self._processes: list[Event] = []
        self._started: dict[str, list[str]] = {}
        self._loads: list[float] = []
        self._replaced: list[str] = []
        self._unlocked: list[str] = []
        self._facts: dict[str, Any] = {}
        self._elapsed = Elapsed()

    def add(self, event: Event) -> None:
        """Take in one more event; of those of unknown names and of other runs only the time counts."""
        self._elapsed = self._elapsed.after(event)
        run = event.get("run")
        if run is not None and self._runs is not None and run not in self._runs:
            return
        match event["ev"]:
            case "batch_start":
                self._facts |= {"started": self._facts.get("started") or event["t"], "waiting": "", "machine": event}
                self._running.clear()
            case "process_start":
                runs = [one for one in dict.fromkeys(event["runs"]) if self._runs is None or one in self._runs]
                _append(self._processes, {**event, "runs": runs})
                if len(self._started) < _STARTS:
                    self._started[event["proc"]] = runs
                self._facts["waiting"] = ""
            case "process_end":
                for other in self._started.pop(event["proc"], ()):
                    self._running.pop(other, None)
            case "loaded":
                _append(self._loads, bounded_s(event["load_s"]))
            case "group_replaced":
                _append(self._replaced, event["detail"])
            case "unlocked":
                _append(self._unlocked, event["detail"])
            case "waiting":
                self._facts["waiting"] = event["lock"]
            case "row_start":
                self._running[event["run"]] = 0.0
            case "progress":
                self._running[event["run"]] = _share(event)
            case "run_done" | "run_failed" | "run_cancelled" as name:
                self._ends.setdefault(event["run"], RunEnd(event["run"], name[4:], event))
                self._running.pop(event["run"], None)
            case "run_again":
                self._running.pop(event["run"], None)
            case "batch_done":
                self._facts |= {"state": event["state"], "ended": event["t"]}
                self._running.clear()

    def progress(self) -> Progress:
        """Where the batch stands by what was taken in so far."""
        return Progress(
            ends=dict(self._ends),
            running=dict(self._running),
            loads=tuple(self._loads),
            processes=tuple(self._processes),
            replaced=tuple(self._replaced),
            unlocked=tuple(dict.fromkeys(self._unlocked)),
            elapsed=self._elapsed,
            **self._facts,
        )


def progress(events: Iterable[Event]) -> Progress:
    """What these events add up to."""
    reckoning = Reckoning()
    for event in events:
        reckoning.add(event)
    return reckoning.progress()


def read_progress(path: Path, runs: Collection[str] | None = None) -> Progress:
    """What the whole lines of an events file add up to; what is no event of ours is passed over. Raises: FileError."""
    return EventTail(path, runs).progress()


class EventTail:
    """The progress of a batch whose events file grows: each byte is read once, unless another file takes its place."""

    def __init__(self, path: Path, runs: Collection[str] | None = None) -> None:
        self._path, self._runs, self._inode = path, runs, 0
        self._offset, self._torn, self._progress = 0, b"", Progress()
        self._reckoning = Reckoning(runs)

    def progress(self) -> Progress:
        """Where the batch stands by the file's whole lines of now. Raises: FileError when it cannot be read."""
        try:
            with opened(self._path) as stream:
                self._start_over_unless_same(os.fstat(stream.fileno()))
                before = stream.seek(self._offset)
                while data := stream.read(PIECE_BYTES):
                    self._take(data)
        except FileNotFoundError:
            return self._progress
        except (OSError, Unreadable) as e:
            raise FileError(f"{self._path}: cannot be read: {e}") from e
        if self._offset != before or before == 0:
            self._progress = self._reckoning.progress()
        return self._progress

    def _take(self, data: bytes) -> None:
        self._offset += len(data)
        *lines, self._torn = (self._torn + data).split(b"\n")
        for event in parse_lines(lines):
            self._reckoning.add(event)
        if len(self._torn) > LINE_BYTES:
            self._torn = b"x"  # what is left of this line makes no event

    def _start_over_unless_same(self, status: os.stat_result) -> None:
        if status.st_ino != self._inode or status.st_size < self._offset:
            self._start_over(status.st_ino)

    def _start_over(self, inode: int) -> None:
        self._inode, self._offset, self._torn = inode, 0, b""
        self._reckoning, self._progress = Reckoning(self._runs), Progress()


def parse_lines(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events among `lines`, with what is used of them; garbage is passed over."""
    for line in lines:
        try:
            event = _checked(parse_json(line))
        except Unreadable:
            continue
        if event is not None:
            yield event


def _checked(said: object) -> Event | None:
    """The event that a line tells of: its name, a time that can be one, and all that is used of such an event."""
    if not isinstance(said, dict) or not isinstance(said.get("ev"), str):
        return None
    moment, wanted = number(said.get("t"), MAX_TIME_S), _FIELDS.get(said["ev"], {})
    if moment is None:
        return None
    found = {key: take(said.get(key)) for key, take in wanted.items()}
    if any(value is None for value in found.values()):
        return None
    found |= {key: value for key, take in _MAYBE.items() if (value := take(said.get(key))) is not None}
    return _with_known_reason({**found, "ev": said["ev"], "t": moment})


def _with_known_reason(event: dict[str, Any]) -> Event:
    """The list of reasons is closed: another word becomes part of the detail."""
    reason, detail = event.get("reason"), event.get("detail", "")
    if event["ev"] != "run_failed" or reason in REASONS:
        return event
    return {**event, "reason": "model-error", "detail": f"{reason}: {detail}" if detail else str(reason)}


def _words(value: object) -> str | None:
    return text(value, _WORDS)


def _detail(value: object) -> str | None:
    return text(value, _DETAIL)


def _seconds(value: object) -> float | None:
    return number(value, _SECONDS)


def _number(value: object) -> float | None:
    """Any number: a clock that was set back counts below 0, and `bounded_s` makes nothing of it."""
    return float(value) if isinstance(value, _NUMBER) and not isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return whole(value, _BYTES)


def _names(value: object) -> list[str] | None:
    return [name for name in value[:_NAMES] if isinstance(name, str)] if isinstance(value, list) else None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and is_id(value) else None


def _ids(value: object) -> list[str] | None:
    return [name for name in names if is_id(name)] if (names := _names(value)) is not None else None


def _outputs(value: object) -> list[dict[str, Any]] | None:
    keys = {"path": _words, "sha256": _words, "bytes": _count}
    return _mappings(value, keys, _FILES)


def _gpus(value: object) -> list[dict[str, Any]] | None:
    return _mappings(value, {"name": _words, "driver": _words}, _GPUS)


def _mappings(value: object, keys: Mapping[str, Callable[[object], Any]], most: int) -> list[dict[str, Any]] | None:
    """Of a list of mappings these keys, where they are sound."""
    if not isinstance(value, list):
        return None
    found = (item if isinstance(item, dict) else {} for item in value[:most])
    return [{key: take(item[key]) for key, take in keys.items() if take(item.get(key)) is not None} for item in found]


def _part(value: object) -> dict[str, Any] | None:
    """Which bytes of which log are a run's own."""
    found = value if isinstance(value, dict) else {}
    part = {"file": _words(found.get("file")), "begin": _count(found.get("begin")), "end": _count(found.get("end"))}
    return part if None not in part.values() else None


_RUN = {"run": _id}
_FIELDS: Mapping[str, Mapping[str, Callable[[object], Any]]] = {
    "batch_start": {},
    "process_start": {"proc": _words, "runs": _ids, "log": _words},
    "process_end": {"proc": _words},
    "loaded": {"load_s": _number},
    "waiting": {"lock": _words},
    "group_replaced": {"detail": _detail},
    "unlocked": {"detail": _detail},
    "row_start": _RUN,
    "progress": {**_RUN, "done": _seconds, "total": _seconds},
    "run_again": _RUN,
    "run_done": {**_RUN, "seconds": _number, "attempts": _count, "outputs": _outputs},
    "run_failed": {**_RUN, "reason": _words, "detail": _detail, "kept": _names},
    "run_cancelled": _RUN,
    "batch_done": {"state": _words},
}
"""What is used of the events of templates/launch/supervise; an event without it is damaged."""
_MAYBE: Mapping[str, Callable[[object], Any]] = {
    "proc": _words,
    "log": lambda value: _part(value) if isinstance(value, dict) else _words(value),
    "gpu": _count,
    "gpus": _gpus,
    "image": _words,
    "commit": _words,
    "up": _seconds,
    "boot": _words,
    "reason": _words,
    "detail": _detail,
}
"""What is used of them where it is there."""


def _append(found: list[Any], one: Any) -> None:
    if len(found) < _STARTS:
        found.append(one)


def _share(event: Event) -> float:
    done, total = event["done"], event["total"]
    return float(min(1.0, max(0.0, done / total))) if total > 0 else 0.0

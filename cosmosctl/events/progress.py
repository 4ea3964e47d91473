"""What happened on the host, read from the lines that the supervisor wrote.

The lines are a host's: each is taken only as far as it is sound, and what they add up to stays small however many
there are.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from cosmosctl.errors import FileError
from cosmosctl.events.lines import NUMBERS, Event, parse_lines
from cosmosctl.io.checked import Unreadable, opened
from cosmosctl.io.own import EVENTS_BYTES

T = TypeVar("T")

LONGEST_S = 30 * 86_400
"""No start, row or pause of a batch takes longer; what a host says beyond it is a mistake of its clock."""
LINE_BYTES = 16 << 20
"""Longest event: the start of a group of a hundred thousand runs is half of it."""
PIECE_BYTES = 1 << 20
_STARTS = 10_000
"""Most model starts, loads and notes that are kept of a batch."""


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


class Elapsed(NamedTuple):
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
        if boot and boot == self.boot and isinstance(up, NUMBERS) and isinstance(self.up, NUMBERS):
            step = up - self.up
        return Elapsed(self.seconds + bounded_s(step), event["t"], up, boot)


@dataclass(frozen=True)
class QueueSeen:
    """What a queue said of the jobs of a batch, at `moment`: the answer to our query, or why there was none (`code`).

    `answer` is the last that there was, `by` the name of the scheduler.
    """

    by: str
    moment: float
    code: int
    said: str
    answer: str


@dataclass(frozen=True)
class Progress:
    """Where a batch stands. `running` maps a run that is being generated to the parts of it that are done (0..1).

    `unreachable_since` (epoch seconds) is no event: it is when the host, for whoever follows it, fell silent.
    `machine` is what the newest start told of where it runs: image, commit, gpus. `replaced`: why groups were started
    otherwise than planned; `unlocked`: why GPUs are used without a lock, so that others may use them meanwhile.
    Where jobs share the batch, `machines` is the same of each by its number, and `queue` what was last said of them.
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
    machines: Mapping[int, Event] = field(default_factory=dict)
    queue: QueueSeen | None = None

    @property
    def places(self) -> int:
        """How many model processes ran at once, or might have."""
        return len({(process.get("shard"), process.get("gpu")) for process in self.processes}) or 1

    @property
    def launched(self) -> bool:
        return self.started is not None

    @property
    def finished(self) -> bool:
        """Whether the host said that nothing more comes."""
        return self.state is not None


def bounded_s(told: object) -> float:
    """What a host tells in seconds; 0 for what cannot be: below 0, above `LONGEST_S`, no number."""
    return float(told) if isinstance(told, NUMBERS) and 0 <= told <= LONGEST_S else 0.0


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


class Joined:
    """What the events of a batch add up to that one job has, or several, each of which has its own.

    Each is reckoned for itself, as if it were alone, and then they are joined. `runs` as for `Reckoning`.
    """

    def __init__(self, runs: Collection[str] | None = None) -> None:
        self._runs = None if runs is None else frozenset(runs)  # once, not for each of a hundred shards
        self._alone, self._count = Reckoning(self._runs), 0
        self._shards: dict[int, Reckoning] = {}
        self._queue: QueueSeen | None = None

    def add(self, event: Event) -> None:
        """Take in one more event."""
        match event["ev"]:
            case "shards":
                self._count = max(self._count, event["count"])
            case "queue":
                answer = event["text"] if event["code"] == 0 else self._queue.answer if self._queue else ""
                self._queue = QueueSeen(event["by"], event["t"], event["code"], event["text"], answer)
            case "queue_same" if self._queue is not None:
                self._queue = replace(self._queue, moment=event["t"])
            case _ if "shard" in event:
                number = event["shard"]
                self._count = max(self._count, number + 1)
                if number not in self._shards:
                    self._shards[number] = Reckoning(self._runs)
                self._shards[number].add(event)
            case _:
                self._alone.add(event)

    def progress(self) -> Progress:
        """Where the batch stands by what was taken in so far."""
        if not self._count:
            return self._alone.progress()
        parts = {number: self._shards[number].progress() for number in sorted(self._shards)}
        begun = sorted((part for part in parts.values() if part.launched), key=lambda part: part.machine["t"])
        finished = len(parts) == self._count and all(part.finished for part in parts.values())
        started = min((part.started or 0.0 for part in begun), default=None)
        moment = max((part.elapsed.moment or 0.0 for part in begun), default=None)
        return Progress(
            ends={run: end for part in reversed(parts.values()) for run, end in part.ends.items()},
            running={run: share for part in parts.values() for run, share in part.running.items()},
            started=started,
            ended=moment if finished else None,
            state=_state_of_all(parts.values()) if finished else None,
            loads=_all(part.loads for part in parts.values()),
            processes=_all(part.processes for part in parts.values()),
            waiting=next((part.waiting for part in parts.values() if part.waiting), ""),
            machine=begun[-1].machine if begun else {},
            machines={number: part.machine for number, part in parts.items()},
            replaced=_all(part.replaced for part in parts.values()),
            unlocked=tuple(dict.fromkeys(_all(part.unlocked for part in parts.values()))),
            elapsed=Elapsed(bounded_s((moment or 0.0) - (started or 0.0)), moment),
            queue=self._queue,
        )


def _state_of_all(parts: Iterable[Progress]) -> str:
    return "cancelled" if any(part.state == "cancelled" for part in parts) else "done"


def _all(found: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(one for part in found for one in part)


def progress(events: Iterable[Event]) -> Progress:
    """What these events add up to."""
    reckoning = Joined()
    for event in events:
        reckoning.add(event)
    return reckoning.progress()


def read_progress(path: Path, runs: Collection[str] | None = None) -> Progress:
    """What the whole lines of an events file add up to; what is no event of ours is passed over. Raises: FileError."""
    return EventTail(path, runs).progress()


def all_events(path: Path, runs: Collection[str]) -> Iterator[Event]:
    """The events of a file one by one, of these runs and of none; nothing where there is none. Raises: FileError."""
    try:
        with opened(path, EVENTS_BYTES) as stream:
            for event in parse_lines(_lines(stream)):
                if event.get("run") is None or event["run"] in runs:
                    yield event
    except FileNotFoundError:
        return
    except (OSError, Unreadable) as e:
        raise FileError(f"{path}: cannot be read: {e}") from e


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The whole lines of a file, without those that are longer than any event."""
    while line := stream.readline(LINE_BYTES):
        if line.endswith(b"\n"):
            yield line[:-1]


class EventTail:
    """The progress of a batch whose events file grows: each byte is read once, unless another file takes its place."""

    def __init__(self, path: Path, runs: Collection[str] | None = None) -> None:
        self._path, self._runs, self._inode = path, runs, 0
        self._offset, self._torn, self._progress = 0, b"", Progress()
        self._reckoning = Joined(runs)

    def progress(self) -> Progress:
        """Where the batch stands by the file's whole lines of now. Raises: FileError when it cannot be read."""
        try:
            with opened(self._path, EVENTS_BYTES) as stream:
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
        self._reckoning, self._progress = Joined(self._runs), Progress()


def _append(found: list[Any], one: Any) -> None:
    if len(found) < _STARTS:
        found.append(one)


def _share(event: Event) -> float:
    done, total = event["done"], event["total"]
    return float(min(1.0, max(0.0, done / total))) if total > 0 else 0.0

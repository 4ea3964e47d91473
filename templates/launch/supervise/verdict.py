"""What the end of a model process means for its rows: decided from what was seen of it, and from nothing else. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import Dict, Optional, Tuple

from words import is_exception

MAX_CRASHES = 3
"""Crashes, or rows that a process says to have failed, with no finished row between them that stop a group."""
STALLED = "stalled"
"""Why a process is ended that writes nothing."""
HOPELESS = "hopeless"
"""Why a process is ended whose rows fail one after the other."""
TRIED_AGAIN = ("model-error", "host-oom")
FAILED, AGAIN, GIVEN_UP, NOT_REACHED = "failed", "again", "given-up", "not-reached"
"""Fates of a row: by this process's doing; the same, but it is tried once more; it was to be, and is not; by none."""


@dataclass(frozen=True)
class End:
    """How a process ended; neither code nor signal: it was no child of ours."""

    code: Optional[int] = None
    signal: Optional[int] = None

    @property
    def seen(self) -> bool:
        return self.code is not None or self.signal is not None

    @property
    def killed(self) -> bool:
        return self.signal == signal.SIGKILL or self.code == 128 + signal.SIGKILL

    @property
    def asked(self) -> bool:
        """Whether a signal that asks for an end ended it."""
        asking = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        return self.signal in asking or self.code in [128 + number for number in asking]

    def __str__(self) -> str:
        if self.killed:
            return "killed by SIGKILL, most likely because the host ran out of memory"
        return f"ended by signal {self.signal}" if self.signal else f"ended with exit code {self.code}"


@dataclass(frozen=True)
class Seen:
    """A process that has ended, and its log. Rows are told by their index in it.

    `open`: its rows without an end that were not given back, in order. `again`: those that were. `started`: how many it
    began. `words`: (reason, line), as the log's part of a row tells them, for the open rows that it passed over and the
    first other one. `asked`: why we asked it to end. `told_last`: the row that it began last, if it said itself that
    this one has failed; `is_counted`: that was counted among the crashes when it was said. `final`: its one row is not
    tried again. `crashes`: of its group since the last row that was finished. `stopping`: the whole batch is to end.
    `unfit`: it said before any row that it cannot serve them, and others can.
    """

    end: End
    runs: Tuple[str, ...]
    open: Tuple[int, ...]
    started: int
    words: Dict[int, Tuple[str, str]]
    again: Tuple[int, ...] = ()
    asked: str = ""
    told_last: Optional[int] = None
    is_counted: bool = False
    final: bool = False
    crashes: int = 0
    passed_over: str = "bad-output"
    stall_s: float = 0.0
    stopping: bool = False
    unfit: bool = False

    @property
    def passed(self) -> Tuple[int, ...]:
        """The open rows that the process went on from."""
        return tuple(i for i in self.open if i < self.started - 1)

    @property
    def left(self) -> Tuple[int, ...]:
        """The other open rows."""
        return self.open[len(self.passed) :]


@dataclass(frozen=True)
class Fate:
    """What becomes of one row: a word of `FAILED` and so on, a reason of the closed list, and words for people."""

    row: int
    what: str
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """`culprit`: the row that ended the process. `stopped`: (reason, detail) of all rows of the group that nobody has.

    `replaced`: the group gives way to others that can serve its rows.
    """

    culprit: Optional[int] = None
    fates: Tuple[Fate, ...] = field(default=())
    stopped: Optional[Tuple[str, str]] = None
    replaced: bool = False


def judged(seen: Seen) -> Verdict:
    """What a process that has ended leaves behind: rows that it passed over have failed, the first other one without a
    result is to blame, what comes after that one waits for the next process. If the last that it began is one that it
    said to have failed, that one is, and has its fate already.
    """
    if seen.unfit:
        return Verdict(replaced=True)
    if seen.stopping:
        return Verdict()
    passed = tuple(Fate(i, FAILED, *why_passed(seen, i)) for i in seen.passed)
    if not seen.left:
        return Verdict(None, passed)
    if seen.told_last is not None or seen.asked == HOPELESS:
        return _told(seen, passed)
    reason, detail = why(seen, seen.left[0])
    return _blamed(seen, passed, reason, detail) if reason else Verdict(None, passed)


def is_tried_again(reason: str, *, final: bool) -> bool:
    """Whether a row that failed so is tried once more, alone, at the end."""
    return reason in TRIED_AGAIN and not final


def _blamed(seen: Seen, passed: Tuple[Fate, ...], reason: str, detail: str) -> Verdict:
    """The first row that is left ended the process for that reason."""
    culprit, crashes = seen.left[0], seen.crashes + 1
    blame, rest = Fate(culprit, FAILED, reason, detail), seen.left[1:]
    if seen.final:
        return Verdict(culprit, (*passed, blame))
    if not seen.started:
        others = [Fate(i, FAILED, reason, detail) for i in rest]
        return Verdict(culprit, (*passed, blame, *others), (reason, detail))
    if crashes >= MAX_CRASHES:
        last = f"the last of {seen.runs[culprit]}: {detail}"
        stopped = (NOT_REACHED, f"{crashes} crashes without a finished run between them, {last}")
        return Verdict(culprit, (*passed, blame, *(Fate(i, NOT_REACHED, *stopped) for i in rest)), stopped)
    what = AGAIN if is_tried_again(reason, final=seen.final) else FAILED
    return Verdict(culprit, (*passed, Fate(culprit, what, reason, detail)))


def _told(seen: Seen, passed: Tuple[Fate, ...]) -> Verdict:
    """The process told of a failure at last; where that was one too many, its group is stopped."""
    told = seen.told_last
    crashes = seen.crashes + (told is not None and not seen.is_counted)
    if crashes < MAX_CRASHES:
        return Verdict(told, passed)
    last = "" if told is None else f", the last of {seen.runs[told]}"
    stopped = (NOT_REACHED, f"{crashes} failures without a finished run between them{last}")
    ended = [Fate(i, GIVEN_UP) for i in seen.again]
    return Verdict(told, (*passed, *ended, *(Fate(i, NOT_REACHED, *stopped) for i in seen.left)), stopped)


def why_passed(seen: Seen, i: int) -> Tuple[str, str]:
    """(reason, detail) of a row that the process went on from without a result."""
    reason, line = seen.words[i]
    return (reason, line) if reason else (seen.passed_over, f"the model went on without a video of this run: {line}")


def why(seen: Seen, i: int) -> Tuple[str, str]:
    """(reason, detail) of the row that ended a process; ("", "") if nobody saw the end and the log is silent."""
    early = "" if seen.started else "ended before the first row: "
    (reason, words), end = seen.words[i], seen.end
    if seen.asked == STALLED:
        return STALLED, f"{early}nothing was written for {seen.stall_s:g} s; the last was: {words}"
    if reason:
        return reason, early + words
    if end.killed:
        return "host-oom", f"{early}{end}; the last it wrote was: {words}"
    if end.code == 0 and seen.started:
        return seen.passed_over, f"the model ended without an error and without a video of this run: {words}"
    if is_exception(words):
        return "model-error", early + words
    return ("model-error", f"{early}{end}; the last it wrote was: {words}") if end.seen else ("", "")

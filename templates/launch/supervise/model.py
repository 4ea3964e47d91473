"""One model process from its start to its end: its rows told as they start and finish, its silence noticed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Optional, Tuple

from files import described, files_below, folder_size, move
from folder import BatchFolder
from log import Log
from outputs import Outputs
from plan import Group
from process import birth, kill_marked
from record import Event, Record, run_failed
from verdict import HOPELESS, MAX_CRASHES, STALLED, End, Seen, is_tried_again

PROGRESS_EVERY_S = 1.0
LOOK_EVERY_S = 1.0


class Model:
    """One model process, from its start or adoption to its end: tells of its rows as they start and finish."""

    def __init__(self, folder: BatchFolder, record: Record, group: Group, start: Event, *, adopted: bool) -> None:
        self.group = group
        rows = {row.run: row for row in group.rows}
        self.rows = [rows[run] for run in start["runs"]]
        self.name: str = start["proc"]
        self.gpu, self.pid, self.adopted = start["gpu"], start["pid"], adopted
        self.final = len(self.rows) == 1 and self.rows[0].run in record.again
        self.ending = ""
        self.started = record.row_starts.get(self.name, 0)
        self.log = Log(folder.path / start["log"], group.patterns)
        self._folder, self._record, self._start = folder, record, start
        self._work = folder.path / start["work"]
        self._outputs = Outputs(self._work, self.rows, group.layouts)
        self._sign = time.monotonic() - record.seconds_since(record.signs[self.name])
        self._catching_up = adopted
        self._kill_at = self._look_at = self._tell_at = 0.0
        self._last = -1
        self._told: Tuple[str, int] = ("", 0)
        self._loaded = self.name in record.loaded
        self._seen: Tuple[int, ...] = ()
        self._changed = time.monotonic()

    @property
    def alive(self) -> bool:
        return birth(self.pid) == str(self._start["pid_start"])

    def seen(self, end: End, *, stopping: bool) -> Seen:
        """What the process leaves, once `harvest` has taken in the last of it; `stopping`: the batch is to end."""
        again = [i for i, row in enumerate(self.rows) if self._record.again.get(row.run, {}).get("proc") == self.name]
        open_rows = tuple(i for i in range(len(self.rows)) if not self._is_settled(i))
        told_last = self._told_last()
        seen = Seen(
            end,
            tuple(row.run for row in self.rows),
            open_rows,
            self.started,
            {},
            again=tuple(again),
            asked=self.ending,
            told_last=told_last,
            is_counted=told_last is not None and self._record.is_counted(self.rows[told_last].run),
            final=self.final,
            crashes=self._record.crashes.get(self.group.name, 0),
            passed_over=self.group.patterns.passed_over,
            stall_s=self._folder.stall_s,
            stopping=stopping,
            unfit=bool(self.log.unfit and self.group.fallback) and not self.started,
        )
        whole = None if self.started else (0, self.log.size)
        rows = (*seen.passed, *seen.left[:1])
        return replace(seen, words={i: self.log.reason(*(whole or self.log.part(i))) for i in rows})

    def _told_last(self) -> Optional[int]:
        """The row that it began last, if it said itself that this one has failed."""
        i = self.started - 1
        return i if i in self.log.failed and self._is_settled(i) else None

    def _is_settled(self, i: int) -> bool:
        run = self.rows[i].run
        return run in self._record.ends or self._record.again.get(run, {}).get("proc") == self.name

    def poll(self) -> None:
        """Takes in what log and work folder show since the last time, and ends a process that is silent."""
        grew = self.log.read()
        self._tell_loaded()
        self._settle(None)
        self._tell_starts(self.started + 2)
        self._tell_progress()
        self._watch_silence()
        if self.ending and time.monotonic() > self._kill_at:
            self.kill()
        self._catching_up = self._catching_up and grew

    def harvest(self, end: End) -> None:
        """Takes in the last of a process that has ended."""
        self.log.read_all()
        self._tell_loaded()
        self._tell_starts(len(self.rows))
        self._settle(end)

    def ask_to_end(self, why: str) -> None:
        """SIGTERM to its process group, once; `poll` kills what is left after the grace."""
        if not self.ending:
            self.ending, self._kill_at = why, time.monotonic() + self._folder.grace_s
            self._signal(signal.SIGTERM)

    def finishes_row(self) -> bool:
        """Whether the row that it had in hand when this was first asked has no end yet."""
        if self._last < 0:
            self._last = self.started
        return self._last > 0 and not self._is_settled(self._last - 1)

    def kill(self) -> None:
        """SIGKILL to it and all that descends from it, which is gone afterwards."""
        self._signal(signal.SIGKILL)
        kill_marked(self._folder.mark(self.name))

    def _signal(self, number: int) -> None:
        """To its process group: if it is our child, whose number is not given away while the group has members."""
        if not self.adopted or self.alive:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _tell_loaded(self) -> None:
        if self._loaded or not (self.log.loaded or self.log.starts):
            return
        self._loaded = True
        if not self._catching_up:  # else nobody saw when
            load_s = round(self._record.seconds_since(self._start), 3)
            self._record.write({"ev": "loaded", "proc": self.name, "load_s": load_s})

    def _tell_starts(self, ahead: int) -> None:
        """Writes row_start for each row, up to `ahead`, whose path is there or whose start the log tells."""
        seen = [i + 1 for i in range(self.started, min(ahead, len(self.rows))) if self._outputs.begun(i)]
        reached = min(len(self.rows), max([self.started, len(self.log.starts), *seen]))
        for row in self.rows[self.started : reached]:
            self._record.write({"ev": "row_start", "proc": self.name, "run": row.run})
        after_done = reached > 1 and self._record.ends.get(self.rows[reached - 2].run) == "done"
        if reached == self.started + 1 and not self._catching_up and not after_done:
            self._sign = time.monotonic()  # a row's time runs from the end of the one before, else from when it is seen
        self.started = reached

    def _tell_progress(self) -> None:
        done, total = self._within_row(*self.log.progress)
        if not done or not self.started or len(self.log.starts) not in (0, self.started):
            return
        row = self.rows[self.started - 1]
        if row.run not in self._record.ends and self._told != (row.run, done) and time.monotonic() > self._tell_at:
            self._told, self._tell_at = (row.run, done), time.monotonic() + PROGRESS_EVERY_S
            self._record.write(
                {"ev": "progress", "proc": self.name, "run": row.run, "done": done, "total": total or row.steps}
            )

    def _within_row(self, done: int, total: int) -> Tuple[int, int]:
        """(done, total) of the row, from what is done of the chunk that it is at."""
        chunks = self.log.chunks
        if not chunks or not total or not self.started:
            return done, total
        return (chunks - 1) * total + done, max(chunks, self.rows[self.started - 1].steps) * total

    def _watch_silence(self) -> None:
        now, stall_s = time.monotonic(), self._folder.stall_s
        if now < self._look_at:
            return
        self._look_at = now + min(LOOK_EVERY_S, stall_s / 5)
        seen = (self.log.size, *folder_size(self._work))
        if seen != self._seen:
            self._seen, self._changed = seen, now
        elif now - self._changed > stall_s:
            self.ask_to_end(STALLED)

    def _settle(self, end: Optional[End]) -> None:
        """Tells of every row that is finished by now, or after the `end` of the process."""
        if end and not self._outputs.renumbered:
            self._outputs.renumbered = self._outputs.seems_renumbered()
        for i in range(len(self.rows) if end else self.started):
            run = self.rows[i].run
            if self._is_settled(i):
                continue
            gone_on = i in self.log.ends or i + 1 < self.started
            done = self._folder.path / "done" / run
            k = None if done.is_dir() else self._outputs.finished_as(i, gone_on=gone_on, end=end)
            if k is not None and self._is_anothers(i, k):
                self._outputs.renumbered, k = True, None
            trouble = "" if k is None else self._outputs.trouble(i, k)
            if trouble and not self._outputs.renumbered and self._outputs.seems_renumbered():
                self._outputs.renumbered = True
                self._settle(end)
                return
            if k is not None and not trouble:
                self._outputs.take(i, k, done)
            if done.is_dir():
                self._tell_done(i, done)
            elif trouble and (gone_on or (end is not None and end.code == 0)):
                self._record.write(self.failure(i, "bad-output", trouble))
            elif i in self.log.failed:
                self._tell_failed(i, end)

    def _is_anothers(self, i: int, k: int) -> bool:
        """Whether what lies under the number of row i is a later row's: the log tells of a failure of row i itself.

        What the prompt beside it or its name proves to be row i's own is its own all the same.
        """
        return not self._outputs.is_proved(i, k) and bool(self.log.reason(*self.log.part(i))[0])

    def _tell_done(self, i: int, done: Path) -> None:
        self._folder.give(done)
        outputs, attempts = files_below(done), self._record.attempts.get(self.rows[i].run, 0)
        now, written = time.monotonic(), max((file.stat().st_mtime for file in outputs), default=0.0)
        ended = now - (time.time() - written)
        ended = ended if self._sign <= ended <= now else now
        event = {"ev": "run_done", "run": done.name, "proc": self.name, "seconds": round(ended - self._sign, 3)}
        event.update(attempts=max(1, attempts), log=self._part(*self.log.part(i)))
        event.update(outputs=[described(file, done) for file in outputs], layout=self._outputs.taken_as(i))
        self._sign = ended
        self._record.write(event)

    def _tell_failed(self, i: int, end: Optional[End]) -> None:
        """Row i has failed, as the process said; it may go on."""
        reason, detail = self.log.reason(*self.log.part(i))
        failure = self.failure(i, reason or "model-error", detail, end)
        again = is_tried_again(failure["reason"], final=self.final)
        self._sign = time.monotonic()
        self._record.write({**failure, "ev": "run_again", "told": True} if again else failure)
        if self._record.crashes.get(self.group.name, 0) >= MAX_CRASHES and end is None:
            self.ask_to_end(HOPELESS)

    def failure(self, i: int, reason: str, detail: str, end: Optional[End] = None) -> Event:
        """The run_failed event of row i; what the row left is moved to failed/RUN/PROCESS/."""
        run, end, folder = self.rows[i].run, end or End(), self._folder.path
        kept = folder / "failed" / run
        move({source: kept / self.name / source.name for source in self._outputs.left(i)})
        self._folder.give(folder / "failed")
        part = self._part(*self.log.part(i)) if self.started else self._part(0, self.log.size)
        attempts = max(1, self._record.attempts.get(run, 0))
        files = [file.relative_to(folder).as_posix() for file in files_below(kept)]
        facts = {"proc": self.name, "attempts": attempts, "log": part, "code": end.code, "signal": end.signal}
        return run_failed(run, reason, detail, **facts, kept=files)

    def _part(self, begin: int, end: int) -> Event:
        return {"file": self._start["log"], "begin": begin, "end": end}

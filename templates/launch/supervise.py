#!/usr/bin/env python3
"""Runs one batch to its end on its host: `python3 supervise.py BATCH_DIR`, in the container or on the bare machine.

It reads BATCH_DIR/plan.json, runs one model process per GPU, watches logs and files, and is the only author of
events.jsonl, logs/, done/ and failed/ there. It knows no model: what a finished row looks like is in the plan.
All that it knows of the past is in events.jsonl, so it may be killed at any moment and started again at any time:
a model that still lives is adopted, a finished row is never computed again, after `batch_done` nothing happens.
The file BATCH_DIR/cancel asks for the end. SIGTERM or SIGINT without it only interrupts: the next start goes on.

Exit codes: 0 the batch has ended or another supervisor has it, 128+n interrupted by signal n, 1 it cannot go on
(stderr says why), 2 usage. Standard library only, Python 3.8 and later.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional, Sequence, Set, Tuple, TypeVar

POLL_S = 0.05
LOCK_WAIT_S = 2.0
"""Followers test the lock for an instant; whoever holds it longer is another supervisor."""
DISK_WAIT_S = 600.0
"""How long a full disk is waited for."""
LEFTOVERS_WAIT_S = 5.0
"""How long killed processes may take to go."""
OWN_SIGNAL_WAIT_S = 1.0
"""A shutdown signals the model and us; the model may be gone before we are told."""
PROGRESS_EVERY_S = 1.0
LOOK_EVERY_S = 1.0
MAX_CRASHES = 3
"""Crashes, or rows that a process says to have failed, with no finished row between them that stop a group."""
READ_BYTES = 4 << 20
LONGEST_LINE_BYTES = 1 << 20
SEARCHED_BYTES = 16 << 20
DETAIL_CHARS = 300
GPU_LOCKS = "/var/tmp/cosmosctl"
MARK = "COSMOSCTL_PROCESS"
"""In the environment of a model and so of all that descends from it, whatever session it puts itself in."""
TEMPORARY = "tmp"
"""In the work folder of a process: its own folder for temporary files, where its environment names that."""
PROMPT_FILE = "prompt.txt"
CONTROL_VIDEO = "_input_control_"
"""In the names of videos beside a result that are none themselves."""
TRIED_AGAIN = ("model-error", "host-oom")
HOPELESS = "hopeless"
"""Why a process is ended whose rows fail one after the other."""
PASSING = ("loaded", "row_start", "progress")
"""Events that may be lost with the power: nothing but a display depends on them."""
ENDS = {"run_done": "done", "run_failed": "failed", "run_cancelled": "cancelled"}

Event = Dict[str, Any]
T = TypeVar("T")


def main(argv: List[str]) -> int:
    """The exit code of running the batch in the folder argv[1]."""
    if len(argv) != 2 or not Path(argv[1], "plan.json").is_file():
        print("usage: supervise.py BATCH_DIR (a folder with plan.json)", file=sys.stderr)
        return 2
    folder = Path(os.path.abspath(argv[1]))
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    if not locked(lock, LOCK_WAIT_S):
        return 0
    batch = Batch(folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, frame: setattr(batch, "signal", signum))
    try:
        return batch.run()
    except OSError as error:
        print(f"supervise.py: {error}; started again, it goes on", file=sys.stderr)
        return 1
    finally:
        batch.abandon()


def locked(descriptor: int, patience_s: float = 0.0) -> bool:
    """Whether this process got the flock of an open file within `patience_s`."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)


class Batch:
    """Everything together: workers take rows, group by group, until each run has an end."""

    def __init__(self, folder: Path) -> None:
        plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.key: str = plan["key"]
        self.stall_s: float = plan["stall_s"]
        self.grace_s: float = plan["grace_s"]
        self._planned = [group_of(facts) for facts in plan["groups"]]
        self.signal = 0
        for name in ("logs", "work", "done"):
            patiently(lambda: (folder / name).mkdir(exist_ok=True))  # noqa: B023 (called at once)
        self.record = Record(folder / "events.jsonl")
        for name in ("lock", "events.jsonl", "logs", "work", "done"):
            self.give(folder / name)
        self._inputs: List[Dict[str, Any]] = plan["inputs"]
        self._gpus = gpu_facts() if any(gpu is not None for gpu in plan["gpus"]) else {}
        self._gpu_locks = Path(plan.get("gpu_locks", GPU_LOCKS))
        self._workers = [Worker(gpu, GpuLock(self._gpu_lock(gpu))) for gpu in plan["gpus"] or [None]]
        self._stop = ""

    @property
    def groups(self) -> List[Group]:
        """The groups to be run: in place of one whose program did not fit, those that stand for it."""
        kept = self.record.replaced
        return [one for group in self._planned for one in (group.fallback if group.name in kept else [group])]

    def group(self, name: str) -> Group:
        """The group of that name, also one that others have taken the place of."""
        return next(one for group in self._planned for one in (group, *group.fallback) if one.name == name)

    def run(self) -> int:
        """The exit code, once every run has an end or we are told to stop."""
        if self.record.batch_done:
            return 0
        start = {"pid": os.getpid(), "start": self.record.starts + 1, "host": os.uname().nodename, "boot": boot()}
        self.record.write({"ev": "batch_start", **start, "gpus": list(self._gpus.values()), **self._facts()})
        self._obey()
        self._recover()
        self._check_inputs()
        while self._step():
            time.sleep(POLL_S)
        return self._finish()

    def abandon(self) -> None:
        """Leaves no model behind."""
        for worker in self._workers:
            if worker.model:
                worker.model.kill()

    def mark(self, process: str) -> str:
        """What the environment of a model process and its descendants says of whose they are."""
        return f"{self.key}/{process}"

    def give(self, path: Path) -> None:
        """Gives a path and all below it to the owner of the batch folder: root in a container leaves nothing locked."""
        owner = self.folder.stat()
        if os.geteuid() == 0 and owner.st_uid != 0 and path.exists():
            for one in (path, *path.rglob("*")):
                os.chown(one, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _facts(self) -> Event:
        """What launch.sh knows and we cannot: the image that we run in. And the commit of the model's repository."""
        facts: Event = {}
        with suppress(OSError, ValueError):
            facts = dict(json.loads((self.folder / "facts.json").read_text(encoding="utf-8")))
        places = [group.cwd for group in self.groups if group.cwd]
        commit = commit_of(Path(places[0])) if places else ""
        return {**facts, **({"commit": commit} if commit else {})}

    def _gpu_lock(self, gpu: Optional[int]) -> Optional[Path]:
        return None if gpu is None else self._gpu_locks / f"gpu-{self._gpus.get(gpu, {}).get('uuid', gpu)}"

    def _step(self) -> bool:
        """One look at signals, children and workers; whether there is more to do."""
        self._obey()
        ends = reaped()
        for worker in self._workers:
            if worker.model:
                self._tend(worker, worker.model, ends)
            if not worker.model and not self._stop:
                self._start_next(worker)
        self._end_orphans()
        return any(worker.model for worker in self._workers) or (not self._stop and self._next_rows() is not None)

    def _obey(self) -> None:
        if (self.folder / "cancel").exists():
            self._stop = "cancel"
        elif self.signal:
            self._stop = self._stop or "interrupt"
        for worker in self._workers:
            if self._stop and worker.model:
                worker.model.ask_to_end(self._stop)

    def _recover(self) -> None:
        """Adopts the models that an earlier supervisor left alive, and takes in what the dead ones finished."""
        for start in list(self.record.running.values()):
            model = Model(self, start, adopted=True)
            free = [worker for worker in self._workers if not worker.model and worker.gpu == model.gpu]
            if model.alive and free:
                free[0].model = model
            else:
                self._close(model, End())

    def _check_inputs(self) -> None:
        """Hashes the inputs of all rows that are still to be started; runs with a damaged one end here."""
        waiting = {row.run for group in self.groups for row in self.record.open_rows(group)}
        begin, checked = time.monotonic(), []
        for item in self._inputs:
            self._obey()
            runs = [run for run in item["runs"] if run in waiting]
            if self._stop or not runs:
                continue
            trouble = input_trouble(Path(item["path"]), item["bytes"], item["sha256"])
            checked.append(item["bytes"])
            if trouble:
                detail = f"{item['path']}: {trouble}"
                failures = [run_failed(run, "bad-input", detail) for run in runs if run not in self.record.ends]
                self.record.write({"ev": "input_bad", "path": item["path"], "runs": runs, "detail": trouble}, *failures)
        if checked:
            facts = {"count": len(checked), "bytes": sum(checked), "seconds": round(time.monotonic() - begin, 3)}
            self.record.write({"ev": "inputs_checked", **facts})

    def _next_rows(self) -> Optional[Tuple[Group, List[Row]]]:
        """What a free worker is to start: its share of the first group that waits, at the very end a crashed row."""
        for group in self.groups:
            rows = [row for row in self.record.open_rows(group, again=False) if self._is_ready(row)]
            if rows:
                at_it = sum(start["group"] == group.name for start in self.record.running.values())
                return group, shared_out(rows, len(self._workers) - at_it)[0]
        if self.record.busy <= set(self.record.again):
            left = ((group, row) for group in self.groups for row in self.record.open_rows(group))
            return next(((group, [row]) for group, row in left if self._is_ready(row)), None)
        return None

    def _is_ready(self, row: Row) -> bool:
        """Whether what the row reads is there."""
        return row.after is None or self.record.ends.get(row.after) == "done"

    def _end_orphans(self) -> None:
        """Rows whose source ended without a result end too."""
        for group in self.groups:
            for row in self.record.open_rows(group) if any(row.after for row in group.rows) else ():
                if row.after and self.record.ends.get(row.after) in ("failed", "cancelled"):
                    detail = f"{row.after}, whose result it reads, has none"
                    self.record.write(run_failed(row.run, "not-reached", detail))

    def _start_next(self, worker: Worker) -> None:
        following = self._next_rows()
        if following is None:
            worker.lock.release()
        elif worker.lock.take():
            worker.told_waiting = False
            self._tell_unlocked(worker)
            self._start(worker, *following)
        elif not worker.told_waiting:
            worker.told_waiting = True
            self.record.write({"ev": "waiting", "gpu": worker.gpu, "lock": str(worker.lock.path)})

    def _tell_unlocked(self, worker: Worker) -> None:
        """Says once that the GPU of a worker is used without its lock."""
        if worker.lock.trouble:
            self.record.write({"ev": "unlocked", "gpu": worker.gpu, "detail": one_line(worker.lock.trouble)})
            worker.lock.trouble = ""

    def _start(self, worker: Worker, group: Group, rows: List[Row]) -> None:
        count = sum(start["group"] == group.name for start in self.record.processes.values())
        name = f"{group.name}.{count + 1}"
        work, log = self.folder / "work" / name, self.folder / "logs" / f"{name}.log"
        files = {**group.files, group.rows_file: "".join(row.line + "\n" for row in rows)}
        patiently(lambda: write_fresh(work, files))
        argv = [self._filled(part, work) for part in group.argv]
        env = {variable: self._filled(value, work) for variable, value in group.env.items()}
        if env.get("TMPDIR", "").startswith(str(work)):
            patiently(lambda: Path(env["TMPDIR"]).mkdir(parents=True, exist_ok=True))
        env = {**os.environ, **env, MARK: self.mark(name)}
        if worker.gpu is not None:
            env["CUDA_VISIBLE_DEVICES"] = str(worker.gpu)
        pid, gate = at_the_gate(argv, group.cwd or str(work), env, log, worker.lock.descriptor)
        self.give(work)
        self.give(log)
        start: Event = {"proc": name, "group": group.name, "runs": [row.run for row in rows], "log": f"logs/{log.name}"}
        start.update(work=f"work/{name}", gpu=worker.gpu, pid=pid, pid_start=birth(pid))
        self.record.write({"ev": "process_start", **start})
        worker.model = Model(self, self.record.processes[name], adopted=False)
        os.write(gate, b"1")
        os.close(gate)

    def _filled(self, text: str, work: Path) -> str:
        return text.replace("{work}", str(work)).replace("{batch}", str(self.folder))

    def _tend(self, worker: Worker, model: Model, ends: Dict[int, End]) -> None:
        end = ends.get(model.pid)
        if model.adopted and not model.alive:
            end = End()
        if end is None:
            model.poll()
        else:
            self._close(model, end)
            worker.model = None

    def _close(self, model: Model, end: End) -> None:
        """Takes in a process that has ended, and writes in one write that it has and what becomes of its rows."""
        model.kill()
        model.harvest(end)
        deadline = time.monotonic() + OWN_SIGNAL_WAIT_S
        while end.asked and not model.ending and not self._stop and time.monotonic() < deadline:
            time.sleep(POLL_S)
            self._obey()
        culprit: Optional[str] = None
        events = [self._replaced(model)] if model.unfit else []
        if not model.unfit and not self._stop:
            culprit, events = self._judged(model, end)
        ended = {"proc": model.name, "code": end.code, "signal": end.signal, "adopted": model.adopted}
        seconds = round(self.record.seconds_since(self.record.processes[model.name]), 3)
        self.record.write({"ev": "process_end", **ended, "seconds": seconds, "culprit": culprit}, *events)
        model.log.close()
        shutil.rmtree(self.folder / "work" / model.name / TEMPORARY, ignore_errors=True)
        self.give(self.folder / "work" / model.name)

    def _replaced(self, model: Model) -> Event:
        """That the groups which stand for this one take its place, rows and all."""
        names = [group.name for group in model.group.fallback]
        return {"ev": "group_replaced", "group": model.group.name, "by": names, "detail": one_line(model.log.unfit)}

    def _judged(self, model: Model, end: End) -> Tuple[Optional[str], List[Event]]:
        """(the run that ended the process, events of rows): rows that it passed over have failed, the first other one
        without a result is to blame, what comes after that one waits for the next process. If the last that it began
        is one that it said to have failed, that one is, and has its end already."""
        left = model.open_rows()
        passed = [i for i in left if i < model.started - 1]
        events = [model.failure(i, *self._why_passed(model, i), end) for i in passed]
        if len(passed) == len(left):
            return None, events
        if model.told_last or model.ending == HOPELESS:
            return model.told_last or None, [*events, *self._hopeless(model, left[len(passed) :])]
        crashes = self.record.crashes.get(model.group.name, 0) + 1
        blamed = left[len(passed)]
        reason, detail = self._why(model, blamed, end)
        if not reason:
            return None, events
        failure = model.failure(blamed, reason, detail, end)
        if model.final:
            events += [failure]
        elif not model.started:
            rest = [model.failure(i, reason, detail, end) for i in left[1:]]
            events += [failure, *rest, *self._stopped(model.group, reason, detail)]
        elif crashes >= MAX_CRASHES:
            why = f"{crashes} crashes without a finished run between them, the last of {failure['run']}: {detail}"
            rest = [run_failed(model.rows[i].run, "not-reached", why) for i in left[len(passed) + 1 :]]
            events += [failure, *rest, *self._stopped(model.group, "not-reached", why)]
        else:
            events += [{**failure, "ev": "run_again"} if reason in TRIED_AGAIN else failure]
        return failure["run"], events

    def _hopeless(self, model: Model, left: List[int]) -> List[Event]:
        """The ends of what is left of a process that told of a failure at last, where that was one too many."""
        told = model.told_last
        crashes = self.record.crashes.get(model.group.name, 0) + (told != "" and not self.record.is_counted(told))
        if crashes < MAX_CRASHES:
            return []
        why = f"{crashes} failures without a finished run between them" + (f", the last of {told}" if told else "")
        own = [again for again in self.record.again.values() if again["proc"] == model.name]
        rest = [run_failed(model.rows[i].run, "not-reached", why) for i in left]
        ended = [{**again, "ev": "run_failed"} for again in own]
        return [*ended, *rest, *self._stopped(model.group, "not-reached", why)]

    def _stopped(self, group: Group, reason: str, detail: str) -> List[Event]:
        """The ends of the rows of a group that nobody has: those that crashed before fail for their own reason."""
        again = self.record.again
        return [
            {**again[row.run], "ev": "run_failed"} if row.run in again else run_failed(row.run, reason, detail)
            for row in self.record.open_rows(group)
        ]

    def _why_passed(self, model: Model, i: int) -> Tuple[str, str]:
        reason, line = model.log.reason(*model.log.part(i))
        if reason:
            return reason, line
        return model.group.patterns.passed_over, f"the model went on without a video of this run: {line}"

    def _why(self, model: Model, i: int, end: End) -> Tuple[str, str]:
        """(reason, detail) of the row that ended a process; ("", "") if nobody saw the end and the log is silent."""
        early = "" if model.started else "ended before the first row: "
        reason, words = model.log.reason(*(model.log.part(i) if model.started else (0, model.log.size)))
        if model.ending == "stalled":
            return "stalled", f"{early}nothing was written for {self.stall_s:g} s; the last was: {words}"
        if reason:
            return reason, early + words
        if end.killed:
            return "host-oom", f"{early}{end}; the last it wrote was: {words}"
        if end.code == 0 and model.started:
            why = f"the model ended without an error and without a video of this run: {words}"
            return model.group.patterns.passed_over, why
        if is_exception(words):
            return "model-error", early + words
        if not end.seen:
            return "", ""
        return "model-error", f"{early}{end}; the last it wrote was: {words}"

    def _finish(self) -> int:
        runs = [row.run for group in self.groups for row in group.rows]
        left = [run for run in runs if run not in self.record.ends]
        if left and self._stop == "interrupt":
            self.record.write({"ev": "interrupted", "signal": self.signal})
            return 128 + self.signal
        ends = list(self.record.ends.values()) + ["cancelled"] * len(left)
        counts = {end: ends.count(end) for end in ENDS.values()}
        done = {"ev": "batch_done", "state": "cancelled" if counts["cancelled"] else "done", **counts}
        self.record.write(*({"ev": "run_cancelled", "run": run} for run in left), done)
        return 0


@dataclass
class Worker:
    """One place for a model process."""

    gpu: Optional[int]
    lock: GpuLock
    model: Optional[Model] = None
    told_waiting: bool = False


class GpuLock:
    """The lock of one GPU of this machine, for all batches, users and containers; without a path there is none."""

    def __init__(self, path: Optional[Path]) -> None:
        self.path = path
        self.descriptor = -1
        self.trouble = ""

    def take(self) -> bool:
        """Whether we have it now. A lock that cannot be had by anybody is done without: `trouble` says why."""
        if self.path is None or self.descriptor >= 0:
            return True
        try:
            descriptor = open_for_all(self.path)
            try:
                self.descriptor = descriptor if locked(descriptor) else -1
            finally:
                if self.descriptor < 0:
                    os.close(descriptor)
        except OSError as error:
            self.trouble = f"{self.path} cannot be locked: {error.strerror or error}"
            self.path = None
            return True
        return self.descriptor >= 0

    def release(self) -> None:
        """Lets go of it; a model that inherited it keeps it for as long as it lives."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def open_for_all(path: Path) -> int:
    """An open file that every user of the machine can open, in a folder that every user can write to."""
    umask = os.umask(0)
    try:
        os.makedirs(path.parent.parent, exist_ok=True)
        if not path.parent.is_dir():
            os.mkdir(path.parent, 0o1777)
    except FileExistsError:
        pass  # another supervisor was faster
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe that somebody put there would stop us for ever
    try:
        # O_CREAT on another user's file in a sticky folder is refused (fs.protected_regular)
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
    finally:
        os.umask(umask)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file")
    return descriptor


class Model:
    """One model process, from its start or adoption to its end: tells of its rows as they start and finish."""

    def __init__(self, batch: Batch, start: Event, *, adopted: bool) -> None:
        self.group = batch.group(start["group"])
        rows = {row.run: row for row in self.group.rows}
        self.rows = [rows[run] for run in start["runs"]]
        self.name: str = start["proc"]
        self.gpu, self.pid, self.adopted = start["gpu"], start["pid"], adopted
        self.final = len(self.rows) == 1 and self.rows[0].run in batch.record.again
        self.ending = ""
        self.started = batch.record.row_starts.get(self.name, 0)
        self.log = Log(batch.folder / start["log"], self.group.patterns)
        self._batch, self._record, self._start = batch, batch.record, start
        self._work = batch.folder / start["work"]
        self._outputs = Outputs(self._work, self.rows, self.group.layouts)
        self._sign = time.monotonic() - batch.record.seconds_since(batch.record.signs[self.name])
        self._catching_up = adopted
        self._kill_at = self._look_at = self._tell_at = 0.0
        self._told: Tuple[str, int] = ("", 0)
        self._loaded = self.name in batch.record.loaded
        self._seen: Tuple[int, ...] = ()
        self._changed = time.monotonic()

    @property
    def alive(self) -> bool:
        return birth(self.pid) == str(self._start["pid_start"])

    @property
    def unfit(self) -> bool:
        """Whether it said, before any row, that it cannot serve them, and others can."""
        return bool(self.log.unfit and self.group.fallback) and not self.started

    @property
    def told_last(self) -> str:
        """The run that it began last, if it said itself that it failed; else ""."""
        i = self.started - 1
        return self.rows[i].run if i in self.log.failed and self._is_settled(i) else ""

    def open_rows(self) -> List[int]:
        """Indices of the rows that have no end yet and were not given back."""
        return [i for i in range(len(self.rows)) if not self._is_settled(i)]

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
            self.ending, self._kill_at = why, time.monotonic() + self._batch.grace_s
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to it and all that descends from it, which is gone afterwards."""
        self._signal(signal.SIGKILL)
        kill_marked(self._batch.mark(self.name))

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
        now, stall_s = time.monotonic(), self._batch.stall_s
        if now < self._look_at:
            return
        self._look_at = now + min(LOOK_EVERY_S, stall_s / 5)
        seen = (self.log.size, *folder_size(self._work))
        if seen != self._seen:
            self._seen, self._changed = seen, now
        elif now - self._changed > stall_s:
            self.ask_to_end("stalled")

    def _settle(self, end: Optional[End]) -> None:
        """Tells of every row that is finished by now, or after the `end` of the process."""
        if end and not self._outputs.renumbered:
            self._outputs.renumbered = self._outputs.seems_renumbered()
        for i in range(len(self.rows) if end else self.started):
            run = self.rows[i].run
            if self._is_settled(i):
                continue
            gone_on = i in self.log.ends or i + 1 < self.started
            done = self._batch.folder / "done" / run
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
        self._batch.give(done)
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
        again = failure["reason"] in TRIED_AGAIN and not self.final
        self._sign = time.monotonic()
        self._record.write({**failure, "ev": "run_again", "told": True} if again else failure)
        if self._record.crashes.get(self.group.name, 0) >= MAX_CRASHES and end is None:
            self.ask_to_end(HOPELESS)

    def failure(self, i: int, reason: str, detail: str, end: Optional[End] = None) -> Event:
        """The run_failed event of row i; what the row left is moved to failed/RUN/PROCESS/."""
        run, end, folder = self.rows[i].run, end or End(), self._batch.folder
        kept = folder / "failed" / run
        move({source: kept / self.name / source.name for source in self._outputs.left(i)})
        self._batch.give(folder / "failed")
        part = self._part(*self.log.part(i)) if self.started else self._part(0, self.log.size)
        attempts = max(1, self._record.attempts.get(run, 0))
        files = [file.relative_to(folder).as_posix() for file in files_below(kept)]
        facts = {"proc": self.name, "attempts": attempts, "log": part, "code": end.code, "signal": end.signal}
        return run_failed(run, reason, detail, **facts, kept=files)

    def _part(self, begin: int, end: int) -> Event:
        return {"file": self._start["log"], "begin": begin, "end": end}


class Outputs:
    """The work folder of one process: which rows have outputs there, and which of these are whole and their own."""

    def __init__(self, work: Path, rows: List[Row], layouts: List[Layout]) -> None:
        self._work, self._rows, self._layouts = work, rows, layouts
        self.renumbered = False

    def begun(self, i: int) -> bool:
        """Whether there is anything of row i."""
        layouts = [self._at(i, k) for k in range(len(self._layouts))]
        places = [place for one in layouts for place in (one.started, one.marker, *one.files) if place]
        return any((self._work / place).exists() for place in places)

    def seems_renumbered(self) -> bool:
        """Whether the program left a row out and counted on: outputs lie under the numbers of earlier rows.

        The prompts beside them tell; they have to be those of just one row each.
        """
        owners = {row.prompt: i for i, row in enumerate(self._rows)}
        several = {row.prompt for i, row in enumerate(self._rows) if owners[row.prompt] != i}
        told = {(i, k): self._told(i, k) for k in range(len(self._layouts)) for i in range(len(self._rows))}
        moves = [owners[text] - i for (i, _), text in told.items() if text in owners and text not in several]
        return any(moves) and min(moves) >= 0

    def finished_as(self, i: int, *, gone_on: bool, end: Optional[End]) -> Optional[int]:
        """The layout in which row i lies there finished; None: it is not, or nothing shows it.

        A marker counts when the program has gone on or ended. Without one the program must have ended, and
        without an error if it has not gone on: the last video of a crash may be half a video.
        """
        for k in range(len(self._layouts)):
            layout = self._at(i, k)
            whole = gone_on or (end is not None and (layout.marker != "" or end.code == 0))
            proof = layout.marker or (layout.place(layout.primary) if end else "")
            if self._taken(i, k).is_dir() or (whole and proof and (self._work / proof).exists()):
                return k
        return None

    def trouble(self, i: int, k: int) -> str:
        """Why the outputs in layout k are not row i's result; "" when they are."""
        layout, prompt = self._at(i, k), self._rows[i].prompt
        primary, told = (self._work / layout.place(name) for name in (layout.primary, PROMPT_FILE))
        if self._taken(i, k).is_dir():
            return ""
        if not primary.is_file() or primary.stat().st_size == 0:
            return f"the model finished the row, but {primary.name} is missing or empty"
        if told.is_file() and prompt is not None and not self._is_told(i, k):
            return f"{told.name} beside {primary.name} is not this run's prompt"
        proved = self.is_proved(i, k)
        if self.renumbered and not proved:
            return f"unclaimed: {primary.name} could belong to another run of the same prompt, a row was left out"
        if not layout.marker and not proved and not self._counted_from_zero(k):
            return f"unclaimed: {primary.name} could belong to another run, the files are not numbered from 0 on"
        return ""

    def is_proved(self, i: int, k: int) -> bool:
        """Whether the outputs in layout k can be no other row's: by their name, or by a prompt that only row i has."""
        alone = [row.prompt for row in self._rows].count(self._rows[i].prompt) == 1
        return self._taken(i, k).is_dir() or self._layouts[k].is_named or (alone and self._is_told(i, k))

    def _is_told(self, i: int, k: int) -> bool:
        """Whether row i's prompt lies beside its outputs in layout k."""
        prompt, told = self._rows[i].prompt, self._work / self._at(i, k).place(PROMPT_FILE)
        return prompt is not None and told.is_file() and told.read_bytes() == prompt.encode("utf-8", "surrogatepass")

    def take(self, i: int, k: int, target: Path) -> None:
        """Moves row i's outputs in layout k to the folder `target`, whole or not at all."""
        layout, index = self._at(i, k), self._index(i, k)
        patiently(lambda: self._taken(i, k).mkdir(parents=True, exist_ok=True))
        if index != i:
            patiently(lambda: (self._taken(i, k) / "index").write_text(str(index)))
        source = self._work / layout.folder
        if not layout.folder:
            source = self._taken(i, k) / "files"
            move({self._work / place: source / name for place, name in layout.files.items()})
        patiently(lambda: sync(*files_below(source), source))
        patiently(lambda: os.rename(source, target))
        sync(target.parent)

    def taken_as(self, i: int) -> Optional[int]:
        """The layout in which row i was taken."""
        return next((k for k in range(len(self._layouts)) if self._taken(i, k).is_dir()), None)

    def left(self, i: int) -> List[Path]:
        """What there is of row i, in any layout."""
        layouts = [self._at(i, k) for k in range(len(self._layouts))]
        places = dict.fromkeys(place for one in layouts for place in (one.folder, *one.files) if place)
        return [path for path in (self._work / place for place in places) if path.exists()]

    def _taken(self, i: int, k: int) -> Path:
        """A folder that stands for the decision that row i is finished, in layout k."""
        return self._work / "taken" / f"{i}.{k}"

    def _at(self, i: int, k: int) -> Layout:
        """Layout k of row i, as it lies there."""
        return self._layouts[k].of(self._index(i, k), self._rows[i].name).seen(self._work)

    def _index(self, i: int, k: int) -> int:
        """The number under which row i lies there: its own, or, after a row was left out, that of its prompt."""
        noted = self._taken(i, k) / "index"
        if noted.is_file():
            return int(noted.read_text())
        if not self.renumbered or self._taken(i, k).is_dir():
            return i
        return next((j for j in range(i + 1) if self._told(j, k) == self._rows[i].prompt), -1)

    def _told(self, i: int, k: int) -> Optional[str]:
        """The prompt that lies under number i in layout k."""
        layout = self._layouts[k]
        told = self._work / layout.of(i, self._rows[i].name).place(PROMPT_FILE)
        if layout.is_named or not told.is_file():
            return None
        return told.read_bytes().decode("utf-8", "surrogatepass")

    def _counted_from_zero(self, k: int) -> bool:
        """Whether the numbers in the names of layout k can only be row indices: 0 is there, nothing beyond the end."""
        ends = [self._layouts[k].of(i, "").seen(self._work) for i in (0, len(self._rows))]
        first, beyond = (place.place(place.primary) for place in ends)
        begins = self._taken(0, k).is_dir() or (bool(first) and (self._work / first).exists())
        return begins and not (beyond and (self._work / beyond).exists())


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


def run_failed(run: str, reason: str, detail: str, **facts: Any) -> Event:
    """The event of a run that ends without a result."""
    missing: Event = {"proc": None, "attempts": 0, "log": None, "code": None, "signal": None, "kept": []}
    return {"ev": "run_failed", "run": run, "reason": reason, "detail": one_line(detail), **missing, **facts}


class Log:
    """A model's log, read as it grows. Offsets are in bytes; a row's part begins where the one before ended."""

    _LINE = re.compile(rb"[^\r\n]*[\r\n]+")

    def __init__(self, path: Path, patterns: Patterns) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        self._rest = b""
        self._marks = 0
        self._loaded, self._row_start, self._row_end, self._progress, self._chunk = (
            re.compile(text or r"(?!)")
            for text in (patterns.loaded, patterns.row_start, patterns.row_end, patterns.progress, patterns.chunk)
        )
        self._row_failed, self._unfit, self._prefix = (
            re.compile(text or r"(?!)") for text in (patterns.row_failed, patterns.unfit, patterns.prefix)
        )
        self._reasons = [(reason, re.compile(text)) for reason, text in patterns.reasons]
        self.size = 0
        self.loaded = False
        self.starts: List[int] = []
        self.ends: Dict[int, int] = {}
        self.failed: Set[int] = set()
        self.unfit = ""
        self.progress = (0, 0)
        self.chunks = 0

    def close(self) -> None:
        os.close(self._file)

    def read(self) -> bool:
        """Takes in what was added since the last time; whether there was anything."""
        chunk = os.read(self._file, READ_BYTES)
        data, begin, end = self._rest + chunk, self.size - len(self._rest), 0
        self.size += len(chunk)
        for line in self._LINE.finditer(data):
            end = line.end()
            self._take(line.group().decode("utf-8", "replace"), begin + line.start(), begin + end)
        self._rest = data[end:][-LONGEST_LINE_BYTES:]
        return bool(chunk)

    def read_all(self) -> None:
        """Takes in everything, a last line without its end too: nobody writes any more."""
        while self.read():
            pass
        self._take(self._rest.decode("utf-8", "replace"), self.size - len(self._rest), self.size)

    def _take(self, line: str, begin: int, end: int) -> None:
        self.loaded = self.loaded or self._loaded.search(line) is not None
        if self._row_start.search(line):
            self.starts.append(begin)
            self._marks, self.progress, self.chunks = 0, (0, 0), 0
        if self._row_end.search(line):
            self.ends[len(self.starts) - 1 if self.starts else len(self.ends)] = end
        if self.starts and self._row_failed.search(line):
            self.ends.setdefault(len(self.starts) - 1, end)
            self.failed.add(len(self.starts) - 1)
        if self._unfit.search(line):
            self.unfit = line
        if self._chunk.search(line):
            self.chunks += 1
            self.progress = (0, self.progress[1])
        found = self._progress.search(line)
        if found:
            self._marks += 1
            numbers = [int(number) for number in found.groups("") if number.isdigit()] or [self._marks]
            self.progress = (numbers[0], numbers[1] if len(numbers) > 1 else 0)

    def part(self, i: int) -> Tuple[int, int]:
        """(begin, end) of what the log says of row i."""
        start = self.starts[i] if i < len(self.starts) else max(self.ends.values(), default=0)
        begin = self.ends.get(i - 1, start)
        following = self.starts[i + 1] if i + 1 < len(self.starts) else self.size
        return begin, max(begin, self.ends.get(i, following))

    def reason(self, begin: int, end: int) -> Tuple[str, str]:
        """(reason, the line that tells it) in that part of the log; ("", its last words) when no pattern is found."""
        begin = max(begin, end - SEARCHED_BYTES)
        text = os.pread(self._file, end - begin, begin).decode("utf-8", "replace").replace("\r", "\n")
        words = self._words(last_words(text))
        for reason, pattern in self._reasons:
            found = pattern.search(text)
            if found:
                line = one_line(text[text.rfind("\n", 0, found.start()) + 1 :].split("\n", 1)[0])
                return reason, words if is_exception(words) and pattern.search(words) else self._words(line)
        return "", words

    def _words(self, line: str) -> str:
        """A line without what the logger put before it."""
        return self._prefix.sub("", line, 1)


_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x1f\x7f]+")
_EXCEPTION = re.compile(r"(?:\[rank\d+\]: *)?(?:\w+\.)*[A-Z]\w*(?:Error|Exception)(?::|$)")
_LAUNCHERS_OWN = re.compile(r"ChildFailedError|SignalException")


def last_words(text: str) -> str:
    """The exception that ended a program by its log, else the log's last line."""
    lines = [line for line in map(one_line, text.split("\n")) if line]
    return [*lines[-1:], *filter(is_exception, lines)][-1] if lines else ""


def is_exception(line: str) -> bool:
    """Whether a line is the last of a traceback, and not the launcher's report that the program failed."""
    return _EXCEPTION.match(line) is not None and not _LAUNCHERS_OWN.search(line)


def one_line(text: str) -> str:
    """`text` without escape sequences and line ends, cut to what fits an event."""
    line = _ESCAPE.sub(" ", text).strip()
    return line if len(line) <= DETAIL_CHARS else line[: DETAIL_CHARS - 1] + "…"


class Record:
    """events.jsonl and what follows from it: read once, from then on told by `write` alone."""

    def __init__(self, path: Path) -> None:
        self.starts = 0
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
        self.crashes: Dict[str, int] = {}
        self.replaced: Set[str] = set()
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        past = path.read_bytes()
        self._unwritten = b"\n" if past and not past.endswith(b"\n") else b""
        for event in parsed(past):
            self._note(event)

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

    def _flush(self) -> None:
        while self._unwritten:
            self._unwritten = self._unwritten[os.write(self._file, self._unwritten) :]

    def _note(self, event: Event) -> None:
        kind, run, proc = event["ev"], str(event.get("run")), str(event.get("proc"))
        group = self.processes.get(proc, {}).get("group", "")
        if kind in ("process_start", "row_start", "run_done"):
            self.signs[proc] = {**event, "boot": self._boot}
        if kind == "batch_start":
            self.starts += 1
            self._boot = str(event.get("boot", ""))
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
        elif kind in ENDS:
            self.ends[run] = ENDS[kind]
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


def parsed(data: bytes) -> Iterator[Event]:
    """The events among the whole lines of `data`; torn lines and garbage are passed over."""
    for line in data.split(b"\n")[:-1]:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("ev"), str) and isinstance(event.get("t"), (int, float)):
            yield event


def patiently(action: Callable[[], T]) -> T:
    """What `action` returns, tried again for a while when the disk is full; it has to bear being repeated."""
    deadline = time.monotonic() + DISK_WAIT_S
    while True:
        try:
            return action()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@dataclass(frozen=True)
class Row:
    """A run of the plan: its line in the model's input, and what its result is known by. It reads that of `after`."""

    run: str
    line: str
    frames: int = 0
    steps: int = 0
    prompt: Optional[str] = None
    name: str = ""
    after: Optional[str] = None


@dataclass(frozen=True)
class Layout:
    """Where the outputs of a row may lie below its process's work folder: `{i}` is its index, `{name}` its name.

    `only`: a folder with a single video of any name. `is_named`: `{name}` is in every path and proves whose it is.
    """

    primary: str
    started: str = ""
    marker: str = ""
    folder: str = ""
    files: Dict[str, str] = field(default_factory=dict)
    only: str = ""
    is_named: bool = False

    def of(self, i: int, name: str) -> Layout:
        """The same for row i, whose name is `name`."""
        fill = {"i": i, "name": name}
        places = (self.started, self.marker, self.folder, self.only)
        started, marker, folder, only = (place.format(**fill) for place in places)
        files = {place.format(**fill): output for place, output in self.files.items()}
        return Layout(self.primary, started, marker, folder, files, only, self.is_named)

    def seen(self, work: Path) -> Layout:
        """The same; of the folder `only` the one video in it, whatever its name, with the files beside it."""
        if not self.only:
            return self
        beside = [file for file in files_below(work / self.only) if file.parent == work / self.only]
        videos = [file for file in beside if file.suffix.lower() == ".mp4" and CONTROL_VIDEO not in file.name]
        if len(videos) != 1 or videos[0].name == self.primary:
            return Layout(self.primary)
        files = {f"{self.only}/{file.name}": self.primary if file == videos[0] else file.name for file in beside}
        return Layout(self.primary, files=files)

    def place(self, output: str) -> str:
        """Where that output is to be found; "" when this layout has none of that name."""
        if self.folder:
            return f"{self.folder}/{output}"
        return next((place for place, name in self.files.items() if name == output), "")


@dataclass(frozen=True)
class Patterns:
    """Regular expressions over lines of the log; "" never matches. The first of `reasons` that is found counts.

    With `chunk`, found once for each chunk of a row, the numbers of `progress` count within a chunk. `passed_over` is
    the reason of a row that the program left without a video and without a word. `row_failed`: the row has ended
    without a video, whatever becomes of the process. `unfit`: said before the first row, the program cannot serve them.
    `prefix`: what a logger puts before the words of a line.
    """

    loaded: str = ""
    row_start: str = ""
    row_end: str = ""
    progress: str = ""
    chunk: str = ""
    reasons: Sequence[Tuple[str, str]] = ()
    passed_over: str = "bad-output"
    row_failed: str = ""
    unfit: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class Group:
    """Rows that share a model start, and that start.

    `{work}` in argv and env is the work folder of the process, `{batch}` that of the batch. `fallback`: groups of the
    same rows for another program, for when this one says that it cannot serve them.
    """

    name: str
    argv: List[str]
    rows_file: str
    rows: List[Row]
    layouts: List[Layout]
    patterns: Patterns
    cwd: Optional[str] = None
    env: Dict[str, str] = field(default_factory=dict)
    files: Dict[str, str] = field(default_factory=dict)
    fallback: Sequence[Group] = ()


def group_of(facts: Dict[str, Any]) -> Group:
    """A group as plan.json tells it."""
    rows = [known(Row, row) for row in facts["rows"]]
    layouts = [known(Layout, layout) for layout in facts["layouts"]]
    patterns = known(Patterns, facts["patterns"])
    whole = {row["run"]: row for row in facts["rows"]}
    fallback = [
        group_of({**native, "rows": [{**whole[row["run"]], **row} for row in native["rows"]]})
        for native in facts.get("fallback", ())
    ]
    group: Group = known(Group, {**facts, "rows": rows, "layouts": layouts, "patterns": patterns, "fallback": fallback})
    return group


def known(kind: Any, facts: Dict[str, Any]) -> Any:
    """A `kind` made of those facts that it has a field for; null counts as not given."""
    names = {one.name for one in fields(kind)}
    return kind(**{name: fact for name, fact in facts.items() if name in names and fact is not None})


def shared_out(rows: List[Row], workers: int) -> List[List[Row]]:
    """`rows` in at most `workers` shares of about the same length: longest row first, each share in plan order."""
    shares: List[List[int]] = [[] for _ in range(max(1, min(workers, len(rows))))]
    frames = [0] * len(shares)
    for i in sorted(range(len(rows)), key=lambda i: -rows[i].frames):
        least = frames.index(min(frames))
        shares[least].append(i)
        frames[least] += max(1, rows[i].frames)
    return [[rows[i] for i in sorted(share)] for share in shares]


def at_the_gate(argv: List[str], cwd: str, env: Dict[str, str], log: Path, lock: int) -> Tuple[int, int]:
    """(pid, gate) of a new process that becomes `argv` when a byte is written to `gate`, and ends if we die before.

    So no model ever runs that is not on record. It leads a session of its own, writes straight into `log` and
    inherits `lock` (-1: none), nothing else.
    """
    output = patiently(lambda: os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644))
    null = os.open(os.devnull, os.O_RDONLY)
    wait, gate = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(gate)
        become(argv, cwd, env, (null, output, output), wait, lock)
    for descriptor in (output, null, wait):
        os.close(descriptor)
    return pid, gate


def become(argv: List[str], cwd: str, env: Dict[str, str], streams: Tuple[int, ...], wait: int, lock: int) -> NoReturn:
    """The child's half of `at_the_gate`: never returns."""
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
        if lock >= 0:
            os.set_inheritable(lock, True)
        if os.read(wait, 1):
            os.chdir(cwd)
            os.execvpe(argv[0], argv, env)
    except (OSError, ValueError) as error:
        os.write(2, f"cannot start {argv[0]} in {cwd}: {error}\n".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(127)


def reaped() -> Dict[int, End]:
    """How each child ended that has; as PID 1 this takes the orphans of the container too."""
    ends: Dict[int, End] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ends
        if pid == 0:
            return ends
        ends[pid] = End(signal=os.WTERMSIG(status)) if os.WIFSIGNALED(status) else End(code=os.WEXITSTATUS(status))


def birth(pid: int) -> str:
    """When a process began, as text that no other process of its number shares; "" when it has ended."""
    if not os.path.isdir("/proc/self"):
        return subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], stdout=subprocess.PIPE).stdout.decode().strip()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *fields_after = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state in "ZX" else f"{boot}:{fields_after[18]}"


def kill_marked(mark: str) -> None:
    """Kills every process whose environment carries that mark, until none is left or they do not go."""
    deadline = time.monotonic() + LEFTOVERS_WAIT_S
    pids = marked(mark)
    while pids and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)
        pids = marked(mark)


def marked(mark: str) -> List[int]:
    found, wanted = [], f"{MARK}={mark}".encode()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with suppress(OSError):  # gone, or another user's
            if name.isdigit() and wanted in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


def boot() -> str:
    """What tells this start of the machine from others; "" where it does not say. Monotonic clocks count from it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def gpu_facts() -> Dict[int, Dict[str, str]]:
    """uuid, name and driver of each GPU by its index; empty where nvidia-smi does not answer."""
    argv = ["nvidia-smi", "--query-gpu=index,uuid,name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = re.findall(r"(\d+), *([^,\n]+), *([^,\n]+), *([^,\n]+)", answer.stdout.decode("utf-8", "replace"))
    return {int(index): {"uuid": uuid, "name": name, "driver": driver} for index, uuid, name, driver in lines}


def commit_of(folder: Path) -> str:
    """The commit that a git repository has checked out, read without git; "" when it cannot be told."""
    with suppress(OSError, UnicodeDecodeError):
        git = folder / ".git"
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        name = head[5:] if head.startswith("ref: ") else ""
        if name and (git / name).is_file():
            head = (git / name).read_text(encoding="ascii").strip()
        elif name:
            packed = (git / "packed-refs").read_text(encoding="ascii").splitlines()
            head = next((line.split(" ")[0] for line in packed if line.endswith(f" {name}")), "")
        return head if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", head) else ""
    return ""


def input_trouble(path: Path, size: int, digest: str) -> str:
    """What is wrong with an input, "" for nothing. A damaged one is renamed, so that the next push sends it again."""
    try:
        found = path.stat().st_size
        if found == size and sha256(path) == digest:
            return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    with suppress(OSError):  # the pool may be read-only here
        os.replace(path, f"{path}.damaged")
    return "its content is not what was sent" if found == size else f"has {found} bytes, {size} were sent"


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def described(file: Path, folder: Path) -> Dict[str, Any]:
    """An output as run_done tells it."""
    return {"path": file.relative_to(folder).as_posix(), "bytes": file.stat().st_size, "sha256": sha256(file)}


def files_below(folder: Path) -> List[Path]:
    """The regular files of a tree, sorted; links are none."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink()]


def folder_size(folder: Path) -> Tuple[int, int]:
    """(files, bytes) below a folder that is being written to."""
    count = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.lstat(os.path.join(parent, name)).st_size
                count += 1
    return count, size


def write_fresh(folder: Path, files: Dict[str, str]) -> None:
    """A folder that holds these files and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode("utf-8"))


def move(moves: Dict[Path, Path]) -> None:
    """Renames each source that is there to its target; may be cut off and repeated."""
    for source, target in moves.items():
        if source.exists():
            patiently(lambda: target.parent.mkdir(parents=True, exist_ok=True))  # noqa: B023 (called at once)
            patiently(lambda: os.rename(source, target))  # noqa: B023


def sync(*paths: Path) -> None:
    """Has the disk hold these files and folders as they are now."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv))

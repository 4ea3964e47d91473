"""The loop: workers take rows, group by group, until each run of the batch has an end."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from files import commit_of, input_trouble, patiently, write_fresh
from folder import BatchFolder
from gpu_lock import GpuLocks, gpu_facts
from model import Model
from plan import Group, Plan, Row, gpus_of, shared_out
from process import MARK, POLL_S, at_the_gate, birth, boot, reaped
from record import ENDS, Event, Record, job, run_failed
from verdict import AGAIN, FAILED, GIVEN_UP, End, Fate, judged
from words import one_line
from wrapping import environment, identity

OWN_SIGNAL_WAIT_S = 1.0
"""A shutdown signals the model and us; the model may be gone before we are told."""
DRAIN = "drain"
"""Why a process is ended once its row in hand has: the time of the job is nearly up."""
DRAINED, SUPERSEDED = 75, 76
"""Exit codes: the time was up; another supervisor has the shard."""
HANDOVER_S = 5.0
"""File systems of several nodes may tell of a file's growth seconds later."""
GPUS = "CUDA_VISIBLE_DEVICES"
MOST_DRAINED = 3
"""How often the time of a job may be up without a row that has ended."""
TEMPORARY = "tmp"
"""In the work folder of a process: its own folder for temporary files, where its environment names that."""


class Batch:
    """Everything together: workers take rows, group by group, until each run has an end."""

    def __init__(self, path: Path, plan: Plan) -> None:
        home = Path(os.path.normpath(path / plan.home))
        self.folder = BatchFolder(home, plan.key, plan.stall_s, plan.grace_s)
        self.signal, self.drains = 0, False
        for name in ("logs", "work", "done"):
            patiently(lambda: (home / name).mkdir(exist_ok=True))  # noqa: B023 (called at once)
        self.record = Record(path / "events.jsonl", is_shared=bool(plan.home))
        for place in (path / "lock", path / "events.jsonl", home / "logs", home / "work", home / "done"):
            self.folder.give(place)
        self._plan, self._stops = plan, (path / "cancel", home / "cancel")
        self._gpus = gpu_facts() if plan.home or any(gpu is not None for gpu in plan.gpus) else {}
        sets = [gpus_of(entry) for entry in plan.gpus or [None]]
        self._workers = [Worker(gpus, GpuLocks(map(self._gpu_lock, gpus))) for gpus in sets]
        self._stop = ""

    @property
    def groups(self) -> List[Group]:
        """The groups to be run: in place of one whose program did not fit, those that stand for it."""
        kept = self.record.replaced
        return [one for group in self._plan.groups for one in (group.fallback if group.name in kept else [group])]

    def group(self, name: str) -> Group:
        """The group of that name, also one that others have taken the place of."""
        return next(one for group in self._plan.groups for one in (group, *group.fallback) if one.name == name)

    def run(self) -> int:
        """The exit code, once every run has an end or we are told to stop."""
        if self.record.batch_done:
            return 0
        start = {"pid": os.getpid(), "start": self.record.starts + 1, "host": os.uname().nodename, "boot": boot()}
        self.record.write({"ev": "batch_start", **start, **job(), "gpus": list(self._gpus.values()), **self._facts()})
        if self.record.may_have_another and self._waited_for_another():
            return SUPERSEDED
        self._obey()
        self._recover()
        self._give_up()
        self._check_inputs()
        while self._step():
            time.sleep(POLL_S)
            if self.record.is_anothers():
                return SUPERSEDED
        return self._finish()

    def _waited_for_another(self) -> bool:
        """Gives an earlier start on another node the time to see ours and to end; whether there is a later one."""
        deadline = time.monotonic() + HANDOVER_S
        while time.monotonic() < deadline and not self.signal:
            time.sleep(POLL_S)
            if self.record.is_anothers():
                return True
        return False

    def abandon(self) -> None:
        """Leaves no model behind."""
        for worker in self._workers:
            if worker.model:
                worker.model.kill()

    def _facts(self) -> Event:
        """What launch.sh knows and we cannot: the image that we run in. And the commit of the model's repository."""
        facts: Event = {}
        with suppress(OSError, ValueError):
            facts = dict(json.loads((self.folder.path / "facts.json").read_text(encoding="utf-8")))
        wrapped = [group.wrapping for group in self.groups if group.wrapping and group.wrapping.image]
        image = identity(wrapped[0]) if wrapped else ""
        places = [group.cwd or (group.wrapping.repo if group.wrapping else "") for group in self.groups]
        commit = commit_of(Path(places[0])) if places and places[0] else ""
        return {**facts, **({"image": image} if image else {}), **({"commit": commit} if commit else {})}

    def _gpu_lock(self, gpu: int) -> Path:
        return Path(self._plan.gpu_locks) / f"gpu-{self._gpus.get(gpu, {}).get('uuid', gpu)}"

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
        if any(stop.exists() for stop in self._stops):
            self._stop = "cancel"
        elif self.signal and self._stop != "cancel":
            self._stop = "interrupt"
        elif self.drains:
            self._stop = self._stop or DRAIN
        for worker in self._workers:
            if self._stop and worker.model and not (self._stop == DRAIN and worker.model.finishes_row()):
                worker.model.ask_to_end(self._stop)

    def _give_up(self) -> None:
        """Rows that the time of a job was not enough for, again and again, have failed: they would keep it for ever."""
        if self.record.drained < MOST_DRAINED:
            return
        detail = f"the time of its job was up {self.record.drained} times before it was done: give the host more time"
        waiting = [row.run for group in self.groups for row in self.record.open_rows(group)]
        begun = [run for run in waiting if self.record.attempts.get(run, 0) >= MOST_DRAINED]
        self.record.write(*(run_failed(run, "time-limit", detail) for run in begun or waiting))

    def _recover(self) -> None:
        """Adopts the models that an earlier supervisor left alive, and takes in what the dead ones finished."""
        for start in list(self.record.running.values()):
            model = self._model(start, adopted=True)
            free = [worker for worker in self._workers if not worker.model and worker.gpu == model.gpu]
            if model.alive and free:
                free[0].model = model
            else:
                self._close(model, End())

    def _check_inputs(self) -> None:
        """Hashes the inputs of all rows that are still to be started; runs with a damaged one end here."""
        waiting = {row.run for group in self.groups for row in self.record.open_rows(group)}
        begin, checked = time.monotonic(), []
        for item in self._plan.inputs:
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
            self.record.write({"ev": "waiting", "gpu": worker.gpu, "lock": str(worker.lock.held_by_others)})

    def _tell_unlocked(self, worker: Worker) -> None:
        """Says once that a GPU of a worker is used without its lock."""
        for trouble in worker.lock.troubles():
            self.record.write({"ev": "unlocked", "gpu": worker.gpu, "detail": one_line(trouble)})

    def _start(self, worker: Worker, group: Group, rows: List[Row]) -> None:
        count = sum(start["group"] == group.name for start in self.record.processes.values())
        name = f"{group.name}.{count + 1}"
        work, log = self.folder.path / "work" / name, self.folder.path / "logs" / f"{name}.log"
        files = {**group.files, group.rows_file: "".join(row.line + "\n" for row in rows)}
        patiently(lambda: write_fresh(work, files))
        argv = [self._filled(part, work) for part in group.argv]
        env = {variable: self._filled(value, work) for variable, value in group.env.items()}
        if env.get("TMPDIR", "").startswith(str(work)):
            patiently(lambda: Path(env["TMPDIR"]).mkdir(parents=True, exist_ok=True))
        env[MARK] = self.folder.mark(name)
        env.update(self._visible(worker))
        env = {**(environment(group.wrapping, env) if group.wrapping else os.environ), **_outside(group, env)}
        pid, gate = at_the_gate(argv, group.cwd or str(work), env, log, worker.lock.descriptors)
        self.folder.give(work)
        self.folder.give(log)
        start: Event = {"proc": name, "group": group.name, "runs": [row.run for row in rows], "log": f"logs/{log.name}"}
        start.update(work=f"work/{name}", gpu=worker.gpu, pid=pid, pid_start=birth(pid))
        start.update({"set": worker.gpus} if len(worker.gpus) > 1 else {})
        self.record.write({"ev": "process_start", **start})
        worker.model = self._model(self.record.processes[name], adopted=False)
        os.write(gate, b"1")
        os.close(gate)

    def _visible(self, worker: Worker) -> Dict[str, str]:
        """What says which GPUs a process may use: in a queued job what the queue said, which no container lets in."""
        if worker.gpus:
            return {GPUS: ",".join(map(str, worker.gpus))}
        return {GPUS: os.environ[GPUS]} if self._plan.home and GPUS in os.environ else {}

    def _filled(self, text: str, work: Path) -> str:
        return text.replace("{work}", str(work)).replace("{batch}", str(self.folder.path))

    def _model(self, start: Event, *, adopted: bool) -> Model:
        return Model(self.folder, self.record, self.group(start["group"]), start, adopted=adopted)

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
        verdict = judged(model.seen(end, stopping=bool(self._stop)))
        events = [self._replaced(model)] if verdict.replaced else []
        events += [self._fate(model, fate, end) for fate in verdict.fates]
        events += self._stopped(model.group, *verdict.stopped) if verdict.stopped else []
        culprit = None if verdict.culprit is None else model.rows[verdict.culprit].run
        ended = {"proc": model.name, "code": end.code, "signal": end.signal, "adopted": model.adopted}
        seconds = round(self.record.seconds_since(self.record.processes[model.name]), 3)
        self.record.write({"ev": "process_end", **ended, "seconds": seconds, "culprit": culprit}, *events)
        model.log.close()
        shutil.rmtree(self.folder.path / "work" / model.name / TEMPORARY, ignore_errors=True)
        self.folder.give(self.folder.path / "work" / model.name)

    def _replaced(self, model: Model) -> Event:
        """That the groups which stand for this one take its place, rows and all."""
        names = [group.name for group in model.group.fallback]
        return {"ev": "group_replaced", "group": model.group.name, "by": names, "detail": one_line(model.log.unfit)}

    def _fate(self, model: Model, fate: Fate, end: End) -> Event:
        """The event of what becomes of a row; what a failed one left is kept."""
        run = model.rows[fate.row].run
        if fate.what == GIVEN_UP:
            return {**self.record.again[run], "ev": "run_failed"}
        if fate.what not in (FAILED, AGAIN):
            return run_failed(run, fate.reason, fate.detail)
        failure = model.failure(fate.row, fate.reason, fate.detail, end)
        return {**failure, "ev": "run_again"} if fate.what == AGAIN else failure

    def _stopped(self, group: Group, reason: str, detail: str) -> List[Event]:
        """The ends of the rows of a group that nobody has: those that crashed before fail for their own reason."""
        again = self.record.again
        return [
            {**again[row.run], "ev": "run_failed"} if row.run in again else run_failed(row.run, reason, detail)
            for row in self.record.open_rows(group)
        ]

    def _finish(self) -> int:
        runs = [row.run for group in self.groups for row in group.rows]
        left = [run for run in runs if run not in self.record.ends]
        if left and self._stop in ("interrupt", DRAIN):
            self.record.write(
                {"ev": "interrupted", "signal": self.signal, **({"drained": True} if self.drains else {})}
            )
            return DRAINED if self.drains else 128 + self.signal
        ends = list(self.record.ends.values()) + ["cancelled"] * len(left)
        counts = {end: ends.count(end) for end in ENDS.values()}
        done = {"ev": "batch_done", "state": "cancelled" if counts["cancelled"] else "done", **counts}
        self.record.write(*({"ev": "run_cancelled", "run": run} for run in left), done)
        return 0


def _outside(group: Group, env: Dict[str, str]) -> Dict[str, str]:
    """What of the variables of a process its command has too: all, but of a container's only what we know it by."""
    return {MARK: env[MARK]} if group.wrapping and group.wrapping.prefixes else env


@dataclass
class Worker:
    """One place for a model process, with its GPUs."""

    gpus: Tuple[int, ...]
    lock: GpuLocks
    model: Optional[Model] = None
    told_waiting: bool = False

    @property
    def gpu(self) -> Optional[int]:
        """The first of them, by which it is told from other places."""
        return self.gpus[0] if self.gpus else None

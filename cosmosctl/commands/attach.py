"""Follow a batch to its end: send it if it is not sent, start it if it does not run, bring every run home.

The host's events are copied to batches/B/events.jsonl by a thread; everything else is decided from that file, so a
client may be killed at any moment and the next one goes on.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosmosctl import bundle, collect, remote, tasks
from cosmosctl.collect import Collected, DamagedCopy
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.ends import BatchEnd, read_end, write_end
from cosmosctl.errors import CosmosctlError, HostError
from cosmosctl.events import EventTail, Progress, progress, read_events
from cosmosctl.io.lock import locked
from cosmosctl.log import debug

if TYPE_CHECKING:
    from invoke import Context

POLL_S = 0.1
PAUSES_S = (0.5, 1, 2, 5, 10, 30)
"""Between tries to reach the host again."""
RESTARTS = 3
"""How often a job that vanished is started again with no run ended in between."""

Watcher = Callable[[Batch, Progress, Mapping[str, Collected]], None]


How = Callable[[ProjectPaths, str, Watcher], "Outcome"]
"""`attach` or `follow`."""


@dataclass(frozen=True)
class Outcome:
    """A batch whose every run is accounted for."""

    batch: Batch
    runs: Mapping[str, Collected]
    progress: Progress
    state: str

    @property
    def all_done(self) -> bool:
        return all(one.state == "done" for one in self.runs.values())


def attach(project: ProjectPaths, name: str, watch: Watcher) -> Outcome:
    """Send what is not sent, start what does not run, follow `name` until all its runs are home. Raises: HostError.

    A second command on the same batch waits for the first and then reports what it brought.
    """
    batch = bundle.read_batch(project.batch(name))
    with _following(project, batch, watch):
        if read_end(project.batch(name).end) is None:
            if not EventTail(project.batch(name).events).progress().finished:
                start(project, batch)
            _run_to_end(project, batch, watch)
    return outcome(project, batch)


def follow(project: ProjectPaths, name: str, watch: Watcher) -> Outcome:
    """Like `attach`, for a batch that was started just now."""
    batch = bundle.read_batch(project.batch(name))
    with _following(project, batch, watch):
        if read_end(project.batch(name).end) is None:
            _run_to_end(project, batch, watch)
    return outcome(project, batch)


def start(project: ProjectPaths, batch: Batch) -> None:
    """Launch; pushed first when it was never seen to run, or when the host's pool lost a video. Raises: HostError."""
    c = tasks.context()
    if not EventTail(project.batch(batch.name).events).progress().launched:
        debug("phase: push")
        tasks.push(c, batch.name, str(project.root))
    debug("phase: launch")
    try:
        tasks.launch(c, batch.name, str(project.root))
    except remote.MissingInputs:
        tasks.push(c, batch.name, str(project.root))
        tasks.launch(c, batch.name, str(project.root))


def outcome(project: ProjectPaths, batch: Batch) -> Outcome:
    """What became of each run of an ended batch, read from the files it left."""
    state = progress(read_events(project.batch(batch.name).events))
    end = read_end(project.batch(batch.name).end)
    runs = {}
    for run in batch.runs:
        found = collect.already_here(project, batch, run)
        runs[run] = found or collect.lost(project, batch, run)
    return Outcome(batch, runs, state, end.state if end else "unfinished")


@contextmanager
def _following(project: ProjectPaths, batch: Batch, watch: Watcher) -> Iterator[None]:
    """Hold the batch's lock; while another command holds it, show what that one brings in."""
    lock = project.batch_lock(batch.name)
    while True:
        with locked(lock, timeout_s=0) as held:
            if held:
                yield
                return
        watch(batch, progress(read_events(project.batch(batch.name).events)), {})
        time.sleep(POLL_S * 5)


def _run_to_end(project: ProjectPaths, batch: Batch, watch: Watcher) -> None:
    tail = EventTail(project.batch(batch.name).events)
    debug("phase: follow")
    home: dict[str, Collected] = {}
    with _Follower(project, batch) as follower:
        while True:
            state = tail.progress()
            watch(batch, state, home)
            bring_home(project, batch, state, home)
            if state.finished:
                break
            follower.check()
            time.sleep(POLL_S)
    close(project, batch, state, home)


def close(project: ProjectPaths, batch: Batch, state: Progress, home: dict[str, Collected]) -> None:
    """Copy batch.log into every run and write end.yaml: the batch holds its runs no longer."""
    tasks.pull(tasks.context(), batch.name, str(project.root))
    for run in batch.runs:
        if run not in home:
            with locked(project.lock):
                home[run] = collect.already_here(project, batch, run) or collect.lost(project, batch, run)
    collect.write_logs(project, batch, state, list(home.values()))
    write_end(project.batch(batch.name).end, BatchEnd.of(batch, state, home))


def bring_home(project: ProjectPaths, batch: Batch, state: Progress, home: dict[str, Collected]) -> None:
    """Pull and collect what ended and is not home yet: one rsync for all of it."""
    ready = [end for run, end in state.ends.items() if run not in home and run in batch.runs]
    if not ready:
        return
    debug("phase: collect")
    for attempt in (1, 2, 3):
        missing = [end.run for end in ready if end.run not in home]
        tasks.pull(tasks.context(), batch.name, str(project.root), missing)
        for end in ready:
            if end.run in home:
                continue
            try:
                with locked(project.lock):
                    home[end.run] = collect.collect(project, batch, end, state)
            except DamagedCopy:
                collect.discard(project, batch, end.run)
                if attempt == 3:
                    with locked(project.lock):
                        home[end.run] = collect.refuse(project, batch, end, "differs from what the host has, thrice")
        if all(end.run in home for end in ready):
            return


class _Follower:
    """A thread that keeps the copy of the host's events growing, through drops and restarts of the job."""

    def __init__(self, project: ProjectPaths, batch: Batch) -> None:
        self._project, self._batch = project, batch
        self._error: CosmosctlError | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"follow {batch.name}", daemon=True)

    def __enter__(self) -> "_Follower":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        if exc[0] is None:
            self._thread.join()

    def check(self) -> None:
        """Raises what made the thread give up: HostError."""
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            self._follow(tasks.context())
        except CosmosctlError as e:
            self._error = e

    def _follow(self, c: "Context") -> None:
        drops = restarts = ended = 0
        while not self._closing.is_set():
            how = tasks.follow(c, self._batch.name, str(self._project.root))
            state = progress(read_events(self._project.batch(self._batch.name).events))
            if how == "finished" or state.finished:
                return
            if len(state.ends) > ended:
                ended, drops, restarts = len(state.ends), 0, 0
            if how == "gone":
                restarts += 1
                self._restart(c, restarts)
            else:
                self._closing.wait(PAUSES_S[min(drops, len(PAUSES_S) - 1)])
                drops += 1

    def _restart(self, c: "Context", restarts: int) -> None:
        name, host = self._batch.name, self._batch.host.name
        if restarts > RESTARTS:
            raise HostError(
                f"host {host}: the job of {name} is gone and left no end, {RESTARTS} times in a row (host-lost)",
                hint=f"cosmosctl attach {name} starts it again; cosmosctl cancel {name} --abandon frees its runs",
            )
        tasks.launch(c, name, str(self._project.root))

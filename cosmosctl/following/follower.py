"""The copy of a host's events, kept growing by a thread: through drops of the line, restarts and losses of the job."""

import threading
import time
from typing import TYPE_CHECKING

from cosmosctl import tasks
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import CosmosctlError, FileError, HostError
from cosmosctl.events.progress import Progress, read_progress
from cosmosctl.host.context import invoke_context
from cosmosctl.host.follow import FollowEnd, set_events_aside
from cosmosctl.host.launch import MissingInputs, NotStarted
from cosmosctl.host.process import Unreachable
from cosmosctl.host.push import unfit_inputs
from cosmosctl.log import debug, say

if TYPE_CHECKING:
    from invoke import Context

PAUSES_S = (0.5, 1, 2, 5, 10, 30)
"""Between tries to reach the host again."""
RESTARTS = 3
"""How often a job that vanished is started again with no run ended in between."""


class Follower:
    """Follows one batch while it is open. The caller holds the batch's lock."""

    def __init__(self, project: ProjectPaths, batch: Batch) -> None:
        self._project, self._batch = project, batch
        self._error: CosmosctlError | None = None
        self._ended = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"follow {batch.name}", daemon=True)
        self.unreachable_since: float | None = None

    def __enter__(self) -> "Follower":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()

    @property
    def over(self) -> bool:
        """Whether the batch has ended and all its events are here. Raises what made the thread give up."""
        is_alive = self._thread.is_alive()
        if self._error is not None:
            raise self._error
        if not is_alive and not self._ended:
            raise RuntimeError(f"the thread that follows {self._batch.name} died")  # it printed its traceback
        return self._ended

    def _work(self) -> None:
        try:
            self._follow(invoke_context())
        except CosmosctlError as e:
            self._error = e

    def _follow(self, c: "Context") -> None:
        drops = restarts = ended = resets = 0
        while not self._closing.is_set():
            how = self._once(c, may_restart=restarts < RESTARTS)
            state = read_progress(self._project.batch(self._batch.name).events, self._batch.runs)
            if is_complete(self._batch, state) or (state.finished and resets):
                self._ended = True
                return
            if len(state.ends) > ended:
                ended, restarts = len(state.ends), 0
            if how == "dropped":
                self.unreachable_since = self.unreachable_since or time.time()
                self._closing.wait(PAUSES_S[min(drops, len(PAUSES_S) - 1)])
                drops += 1
                continue
            self.unreachable_since, drops = None, 0
            if how == "gone":
                restarts += 1
            else:
                resets += 1
                self._start_over(resets)

    def _once(self, c: "Context", *, may_restart: bool) -> FollowEnd:
        """Follow as far as it goes; a job that is gone is started again."""
        root = str(self._project.root)
        try:
            how: FollowEnd = tasks.follow(c, self._batch.name, root)
            if how == "gone" and not self._closing.is_set():
                self._start_again(c, may_restart)
        except Unreachable as e:
            debug(e.message)
            return "dropped"
        return how

    def _start_again(self, c: "Context", may_restart: bool) -> None:
        name, host = self._batch.name, self._batch.host.name
        if not may_restart:
            raise HostError(
                f"host {host}: the job of {name} is gone and left no end, {RESTARTS} times in a row (host-lost)",
                hint=f"{command('attach', name)} starts it again; "
                f"{command('cancel', name, '--abandon')} frees its runs",
            )
        say(f"{name}: its job is gone from {host}; starting it again")
        try:
            launch(c, self._project, self._batch)
        except NotStarted as e:
            debug(e.message)  # it may come up the next time

    def _start_over(self, resets: int) -> None:
        """Copy everything again, once: our copy is damaged, or of events that the host has lost."""
        if resets > 1:
            name, host = self._batch.name, self._batch.host.name
            raise HostError(
                f"host {host}: the events of {name} are damaged there", hint=command("cancel", name, "--abandon")
            )
        set_events_aside(self._project, self._batch)


def is_complete(batch: Batch, state: Progress) -> bool:
    """Whether the host's last word is here, and one on each run: else what we have of its events is damaged."""
    return state.finished and all(run in state.ends for run in batch.runs)


def launch(c: "Context", project: ProjectPaths, batch: Batch) -> None:
    """Start the job; what the host has lost is pushed again first. Raises: HostError, FileError."""
    debug("phase: launch")
    try:
        tasks.launch(c, batch.name, str(project.root))
    except MissingInputs as e:
        if e.folder_lost:
            set_events_aside(project, batch)
        debug("phase: push")
        tasks.push(c, batch.name, str(project.root))
        debug("phase: launch")
        _launch_with_what_is_here(c, project, batch)


def _launch_with_what_is_here(c: "Context", project: ProjectPaths, batch: Batch) -> None:
    try:
        tasks.launch(c, batch.name, str(project.root))
    except MissingInputs as e:
        unfit = unfit_inputs(project, batch)
        if not unfit:
            raise
        lines = [f"{path} {what} since {batch.name} was made" for path, what in unfit.items()]
        hint = (
            f"bring it back, then {command('attach', batch.name)}; or {command('cancel', batch.name)} and batch again"
        )
        raise FileError("\n".join(lines), hint=hint) from e

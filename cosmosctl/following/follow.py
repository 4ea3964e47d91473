"""Follow a batch to its end: send it if it is not sent, start it if it does not run, bring every run home.

The host's events are copied to batches/B/events.jsonl by a thread (`follower`); everything else is decided from that
file, so a client may be killed at any moment and the next one goes on.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from cosmosctl import tasks
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import CosmosctlError, HostError, UsageError
from cosmosctl.events.progress import EventTail, read_progress
from cosmosctl.following.follower import Follower, launch
from cosmosctl.following.home import bring_and_tell, bring_home, bring_late, close, mended_end, refuse_stuck
from cosmosctl.following.refusal import freed, may_run
from cosmosctl.following.watcher import ABANDONED, Outcome, Watcher
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.launches import EXPORTED, LAUNCHED, read_launch
from cosmosctl.host.process import NotAllSent, Unreachable
from cosmosctl.io.lock import locked_at_once
from cosmosctl.log import debug
from cosmosctl.results import batch_files, collect
from cosmosctl.results.batch_end import REFUSED, BatchEnd, read_end
from cosmosctl.results.collect import Collected

POLL_S = 0.1

PAUSE_S = 1
"""Before what the host did not answer is asked again."""


def attach(project: ProjectPaths, name: str, watch: Watcher) -> Outcome:
    """Send what is not sent, start what does not run, follow `name` until all its runs are home. Raises: HostError.

    A second command on the same batch waits for the first and then reports what it brought. Of a batch whose host was
    given up, what has turned up since is brought to history/.
    """
    batch = trust.allowed_batch(project.batch(name))
    with following(project, batch, watch):
        batch_files.mend(project.root, project.batch(name), batch)
        end = read_end(project.batch(name).end)
        if end is None and project.batch(name).end.exists() and mended_end(project, batch):
            return outcome(project, batch)
        if end is None:
            if not read_progress(project.batch(name).events, batch.runs).finished:
                _refuse_exported(project, batch)
                _start_or_free(project, batch, watch)
            home = _run_to_end(project, batch, watch, collect.all_here(project, batch))
            return outcome(project, batch, home)
        if end.state == ABANDONED:
            bring_late(project, batch, watch)
    return outcome(project, batch)


def _start_or_free(project: ProjectPaths, batch: AllowedBatch, watch: Watcher) -> None:
    """`start`; a batch that the host refuses, and of which nothing ever ran there, is freed. Raises: HostError."""
    paths = project.batch(batch.name)
    launch = read_launch(paths.launch)
    was_launched = read_progress(paths.events, batch.runs).launched or (launch is not None and launch.how == LAUNCHED)
    try:
        start(project, batch, watch)
    except (Unreachable, NotAllSent):
        raise
    except HostError as e:
        if was_launched or may_run(project, batch):
            raise
        raise freed(project, batch, e) from e


def follow(project: ProjectPaths, name: str, watch: Watcher) -> Outcome:
    """Like `attach`, for a batch that was started just now."""
    batch = trust.allowed_batch(project.batch(name))
    with following(project, batch, watch):
        if read_end(project.batch(name).end) is None:
            return outcome(project, batch, _run_to_end(project, batch, watch, {}))
    return outcome(project, batch)


def _refuse_exported(project: ProjectPaths, batch: Batch) -> None:
    """Raises: UsageError for a batch that somebody else was given to run: it would run twice."""
    paths = project.batch(batch.name)
    launch = read_launch(paths.launch)
    if launch is not None and launch.how == EXPORTED and not EventTail(paths.events).progress().launched:
        raise UsageError(
            f"batch {batch.name} was {launch.words}: it is run there",
            hint=f"cosmosctl fetch --from FOLDER takes in what comes back; {command('cancel', batch.name)} frees it",
        )


def outcome(project: ProjectPaths, batch: Batch, known: Mapping[str, Collected] = MappingProxyType({})) -> Outcome:
    """What became of each run of an ended batch, read from the files it left; of those in `known` it is told there."""
    state = read_progress(project.batch(batch.name).events, batch.runs)
    end = read_end(project.batch(batch.name).end)
    here = {run: known.get(run) or collect.already_here(project, batch, run) for run in batch.runs}
    runs = {run: one or _from_end(project, end, run) for run, one in here.items()}
    return Outcome(batch, runs, state, end.state if end else "unfinished")


@contextmanager
def following(project: ProjectPaths, batch: Batch, watch: Watcher) -> Iterator[None]:
    """Hold the batch's lock; while another command holds it, show what that one brings in."""
    while True:
        with locked_at_once(project.batch_lock(batch.name)) as held:
            if held:
                yield
                return
        watch(batch, read_progress(project.batch(batch.name).events, batch.runs), {})
        time.sleep(POLL_S * 5)


def start(project: ProjectPaths, batch: AllowedBatch, watch: Watcher) -> None:
    """Launch; pushed first when it was never seen to run, or when the host lost what it had."""
    c = invoke_context(show=partial(watch.transfer, batch, "push"))
    if not read_progress(project.batch(batch.name).events, batch.runs).launched:
        debug("phase: push")
        tasks.push(c, batch.name, str(project.root))
    launch(c, project, batch)


def _run_to_end(
    project: ProjectPaths, batch: AllowedBatch, watch: Watcher, home: dict[str, Collected]
) -> Mapping[str, Collected]:
    """What became of each run; of those in `home` that is known."""
    tail = EventTail(project.batch(batch.name).events, batch.runs)
    stuck: dict[str, CosmosctlError] = {}
    unreachable_since: float | None = None  # for a pull; the follower tells its own
    turns = _Turns()
    debug("phase: follow")
    with Follower(project, batch) as follower:
        while True:
            over = follower.over  # asked first: what it brought is in the file then
            state = tail.progress()
            watch(batch, replace(state, unreachable_since=follower.unreachable_since or unreachable_since), home)
            try:
                is_more = bool(state.ends.keys() - home.keys() - stuck.keys()) and (over or turns.is_next)
                if is_more:
                    with turns.taken():
                        stuck |= bring_and_tell(project, batch, state, home, watch, besides=stuck.keys())
                    debug("phase: follow")
                if over:
                    refuse_stuck(batch, bring_home(project, batch, state, home, watch))  # they may be mended by now
                    close(project, batch, state, home, with_logs=not is_more)
                    return home
                unreachable_since = None
            except Unreachable as e:
                unreachable_since = unreachable_since or time.time()
                debug(e.message)
                time.sleep(PAUSE_S)
            time.sleep(POLL_S)


class _Turns:
    """Results come home in turns, half of the time at most: what ends meanwhile comes with the next, in one go."""

    def __init__(self) -> None:
        self._next = 0.0

    @property
    def is_next(self) -> bool:
        return time.monotonic() >= self._next

    @contextmanager
    def taken(self) -> Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            self._next = 2 * time.monotonic() - begin


def _from_end(project: ProjectPaths, end: BatchEnd | None, run: str) -> Collected:
    """The last word on a run of which nothing is here: never sent, or removed since."""
    if end is not None and end.runs.get(run) in ("cancelled", REFUSED):
        return Collected(run, end.runs[run], "", "", project.run(run).result)
    return Collected(run, "absent", "", "what came of it is no longer here", project.run(run).result)

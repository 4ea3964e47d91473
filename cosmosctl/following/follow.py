"""Follow a batch to its end: send it if it is not sent, start it if it does not run, bring every run home.

The host's events are copied to batches/B/events.jsonl by a thread (`follower`); everything else is decided from that
file, so a client may be killed at any moment and the next one goes on.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from cosmosctl import tasks
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import CosmosctlError, FileError, HostError, Interrupted, UsageError
from cosmosctl.following.follower import Follower, launch
from cosmosctl.following.refusal import freed, may_run
from cosmosctl.host import trust
from cosmosctl.host.cancel import tidy
from cosmosctl.host.context import invoke_context
from cosmosctl.host.follow import copy_events
from cosmosctl.host.launches import EXPORTED, LAUNCHED, read_launch
from cosmosctl.host.process import NotAllSent, Unreachable
from cosmosctl.host.streams import Transfer
from cosmosctl.io import own
from cosmosctl.io.lock import locked, locked_at_once
from cosmosctl.io.os_error import file_error, is_environment
from cosmosctl.log import debug, say
from cosmosctl.results import batch_files, collect, process_logs
from cosmosctl.results.batch_end import REFUSED, BatchEnd, read_end, write_end
from cosmosctl.results.collect import Collected, Moved
from cosmosctl.results.events import EventTail, Progress, RunEnd, read_progress
from cosmosctl.results.judgement import DamagedCopy

POLL_S = 0.1
PAUSE_S = 1
"""Before what the host did not answer is asked again."""
FETCHES = 3
"""How often a file is fetched before what came is refused."""
ABANDONED = "abandoned"
"""The state of a batch whose host was given up for gone."""


class Watcher(Protocol):
    """Whoever looks on."""

    def __call__(self, batch: Batch, progress: Progress, home: Mapping[str, Collected], /) -> None:
        """Where a batch stands; called again and again."""

    def transfer(self, batch: Batch, what: str, done: Transfer, /) -> None:
        """How far a push or pull (`what`) is; called by a thread."""


class Unwatched:
    """Nobody looks on."""

    def __call__(self, batch: Batch, progress: Progress, home: Mapping[str, Collected]) -> None:
        """Nothing is shown."""

    def transfer(self, batch: Batch, what: str, done: Transfer) -> None:
        """Nothing is shown."""


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


Stuck = Mapping[str, CosmosctlError]
"""Runs that cannot come home, and why: their folders cannot be written to."""


def goes_on(stopped: str, left: Sequence[Batch]) -> str:
    """That batches which were launched need nobody who watches them."""
    names, hosts = ", ".join(batch.name for batch in left), dict.fromkeys(batch.host.name for batch in left)
    verb = "goes on by itself" if len(left) == 1 else "go on by themselves"
    return f"{stopped}; {names} {verb} on {', '.join(hosts)}"


class NotLaunched(Interrupted):
    """Ctrl-C came before the host was asked to start anything."""


def attach(project: ProjectPaths, name: str, watch: Watcher) -> Outcome:
    """Send what is not sent, start what does not run, follow `name` until all its runs are home. Raises: HostError.

    A second command on the same batch waits for the first and then reports what it brought. Of a batch whose host was
    given up, what has turned up since is brought to history/.
    """
    batch = trust.allowed_batch(project.batch(name))
    with following(project, batch, watch):
        batch_files.mend(project.root, project.batch(name), batch)
        end = read_end(project.batch(name).end)
        if end is None and project.batch(name).end.exists() and _mended_end(project, batch):
            return outcome(project, batch)
        if end is None:
            if not read_progress(project.batch(name).events, batch.runs).finished:
                _refuse_exported(project, batch)
                _start_or_free(project, batch, watch)
            _run_to_end(project, batch, watch)
        elif end.state == ABANDONED:
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
            _run_to_end(project, batch, watch)
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


def outcome(project: ProjectPaths, batch: Batch) -> Outcome:
    """What became of each run of an ended batch, read from the files it left."""
    state = read_progress(project.batch(batch.name).events, batch.runs)
    end = read_end(project.batch(batch.name).end)
    runs = {run: collect.already_here(project, batch, run) or _from_end(project, end, run) for run in batch.runs}
    return Outcome(batch, runs, state, end.state if end else "unfinished")


def bring_home(
    project: ProjectPaths,
    batch: Batch,
    state: Progress,
    home: dict[str, Collected],
    watch: Watcher,
    *,
    besides: Collection[str] = (),
) -> Stuck:
    """Pull and collect what ended and is not in `home` yet, into it: one rsync for all of it. Raises: HostError.

    Returns the runs whose folders could not be written to; they and those in `besides` are left for later.
    """
    stuck: dict[str, CosmosctlError] = {}
    ready = [end for run, end in state.ends.items() if run in batch.runs and run not in home and run not in besides]
    for attempt in range(1, FETCHES + 1):
        if not ready:
            break
        debug("phase: pull")
        c = invoke_context(show=partial(watch.transfer, batch, "pull"))
        tasks.pull(c, batch.name, str(project.root), [end.run for end in ready])
        debug("phase: collect")
        found, failed = collected(project, batch, ready, state, is_last=attempt == FETCHES)
        home |= found
        stuck |= failed
        ready = [end for end in ready if end.run not in home and end.run not in stuck]
    return stuck


def bring_late(project: ProjectPaths, batch: AllowedBatch, watch: Watcher) -> tuple[Collected, ...]:
    """The results of a batch that was given up which its host has all the same, into history/. Raises: HostError."""
    copy_events(invoke_context(), project, batch)
    state, home = read_progress(project.batch(batch.name).events, batch.runs), collect.all_here(project, batch)
    before = set(home)
    refuse_stuck(batch, bring_home(project, batch, replace(state, ends=_done_ends(state)), home, watch))
    own.discard(project.staged(batch.name))
    return tuple(one for run, one in home.items() if run not in before)


def close(project: ProjectPaths, batch: AllowedBatch, state: Progress, home: dict[str, Collected]) -> None:
    """Copy batch.log into every run and write end.yaml: the batch holds its runs no longer. Raises: HostError."""
    debug("phase: close")
    tasks.pull(invoke_context(), batch.name, str(project.root))
    settle(project, batch, state, home)
    tidy(invoke_context(), batch)
    own.discard(project.staged(batch.name))


def settle(project: ProjectPaths, batch: Batch, state: Progress, home: dict[str, Collected]) -> None:
    """Copy batch.log into every run, note those without a word, and write end.yaml. The logs are here.

    Raises: FileError when the folder of a run cannot be written to: the batch stays open, and this may be repeated.
    """
    stuck: dict[str, CosmosctlError] = {}
    with locked(project.lock):
        log = collect.write_log(project, batch, state)
        for run in batch.runs:
            try:
                if run not in home:
                    why = f"batch {batch.name} ended on its host without a word of it"
                    home[run] = collect.note_lost(project, batch, run, why)
                process_logs.copy_log(log, home[run].folder.batch_log)
            except (FileError, OSError) as e:
                stuck[run] = _told(project, run, e)
    refuse_stuck(batch, stuck)
    write_end(project.batch(batch.name).end, BatchEnd.of(batch, state, home))


def _mended_end(project: ProjectPaths, batch: Batch) -> bool:
    """Whether an end.yaml that cannot be read was written anew: all that it tells of is here."""
    state, home = read_progress(project.batch(batch.name).events, batch.runs), collect.all_here(project, batch)
    if not state.finished or home.keys() != set(batch.runs):
        return False
    write_end(project.batch(batch.name).end, BatchEnd.of(batch, state, home))
    return True


@contextmanager
def following(project: ProjectPaths, batch: Batch, watch: Watcher) -> Iterator[None]:
    """Hold the batch's lock; while another command holds it, show what that one brings in."""
    while True:
        with locked_at_once(project.batch_lock(batch.name)) as held:
            if held:
                yield
                return
        with _detaching(batch):
            watch(batch, read_progress(project.batch(batch.name).events, batch.runs), {})
            time.sleep(POLL_S * 5)


@contextmanager
def _detaching(batch: Batch) -> Iterator[None]:
    """Ctrl-C only ends our watching."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            goes_on("stopped watching", [batch]),
            hint=f"{command('attach', batch.name)} comes back, {command('cancel', batch.name)} ends it",
        ) from None


@contextmanager
def _asking(batch: Batch) -> Iterator[None]:
    """Ctrl-C while the host is asked to launch: nobody here knows whether it did."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped while {batch.host.name} was asked to launch {batch.name}; it may have been started",
            hint=f"{command('attach', batch.name)} tells, and starts it if not; "
            f"{command('cancel', batch.name)} ends it",
        ) from None


def start(project: ProjectPaths, batch: AllowedBatch, watch: Watcher) -> None:
    """Launch; pushed first when it was never seen to run, or when the host lost what it had."""
    c = invoke_context(show=partial(watch.transfer, batch, "push"))
    if not read_progress(project.batch(batch.name).events, batch.runs).launched:
        try:
            debug("phase: push")
            tasks.push(c, batch.name, str(project.root))
        except KeyboardInterrupt:
            message = f"stopped before {batch.name} was launched"
            hint = f"{command('attach', batch.name)} sends it, {command('cancel', batch.name)} frees its runs"
            raise NotLaunched(message, hint=hint) from None
    with _asking(batch):
        launch(c, project, batch)


def _run_to_end(project: ProjectPaths, batch: AllowedBatch, watch: Watcher) -> None:
    home, tail = collect.all_here(project, batch), EventTail(project.batch(batch.name).events, batch.runs)
    stuck: dict[str, CosmosctlError] = {}
    unreachable_since: float | None = None  # for a pull; the follower tells its own
    debug("phase: follow")
    with _detaching(batch), Follower(project, batch) as follower:
        while True:
            over = follower.over  # asked first: what it brought is in the file then
            state = tail.progress()
            watch(batch, replace(state, unreachable_since=follower.unreachable_since or unreachable_since), home)
            try:
                if state.ends.keys() - home.keys() - stuck.keys():
                    stuck |= _bring_and_tell(project, batch, state, home, watch, besides=stuck.keys())
                    debug("phase: follow")
                if over:
                    refuse_stuck(batch, bring_home(project, batch, state, home, watch))  # they may be mended by now
                    close(project, batch, state, home)
                    return
                unreachable_since = None
            except Unreachable as e:
                unreachable_since = unreachable_since or time.time()
                debug(e.message)
                time.sleep(PAUSE_S)
            time.sleep(POLL_S)


def collected(
    project: ProjectPaths, batch: Batch, ends: Sequence[RunEnd], state: Progress, *, is_last: bool
) -> tuple[dict[str, Collected], Stuck]:
    """The runs that were collected, and those whose folders cannot be written to.

    Those whose copy is damaged are left out, or refused if it `is_last`.
    """
    found: dict[str, Collected] = {}
    stuck: dict[str, CosmosctlError] = {}
    for end in ends:
        try:
            one = _collected(project, batch, end, state, is_last=is_last)
        except (FileError, OSError) as e:
            stuck[end.run] = _told(project, end.run, e)
        else:
            found |= {} if one is None else {end.run: one}
    return found, stuck


def _collected(project: ProjectPaths, batch: Batch, end: RunEnd, state: Progress, *, is_last: bool) -> Collected | None:
    """Hashed and decoded first, then moved under the lock: others are kept waiting for the moves alone."""
    try:
        while True:
            looked = collect.looked_at(project, batch, end)
            debug(f"looked at {end.run}")
            with locked(project.lock), suppress(Moved):
                return collect.collect(project, batch, end, state, looked)
    except DamagedCopy as e:
        with locked(project.lock):
            if is_last:
                return collect.refuse(project, batch, end, f"{e.message}, {FETCHES} times in a row")
            collect.discard(project, batch, end.run)
            return None


def refuse_stuck(batch: Batch, stuck: Stuck) -> None:
    """Raises: FileError when there are runs that cannot come home: their batch stays open for them alone."""
    if stuck:
        lines = [f"run {run} cannot come home: {error.message}" for run, error in stuck.items()]
        hints = dict.fromkeys([*(error.hint for error in stuck.values() if error.hint), command("attach", batch.name)])
        raise FileError("\n".join(lines), hint="; then ".join(hints))


def _bring_and_tell(
    project: ProjectPaths,
    batch: Batch,
    state: Progress,
    home: dict[str, Collected],
    watch: Watcher,
    *,
    besides: Collection[str],
) -> Stuck:
    """`bring_home`; what is stuck is said at once, the others of the batch go on."""
    stuck = bring_home(project, batch, state, home, watch, besides=besides)
    for run, error in stuck.items():
        say(f"run {run} cannot come home now: {error.message}")
    return stuck


def _told(project: ProjectPaths, run: str, error: FileError | OSError) -> CosmosctlError:
    """Why a run's folder cannot be written to. Raises: `error` itself when it tells of a mistake in this program."""
    if isinstance(error, CosmosctlError):
        return error
    if not is_environment(error):
        raise error
    return file_error(Path(error.filename or project.run(run).root), error, doing="write")


def _done_ends(state: Progress) -> Mapping[str, RunEnd]:
    return {run: end for run, end in state.ends.items() if end.state == "done"}


def _from_end(project: ProjectPaths, end: BatchEnd | None, run: str) -> Collected:
    """The last word on a run of which nothing is here: never sent, or removed since."""
    if end is not None and end.runs.get(run) in ("cancelled", REFUSED):
        return Collected(run, end.runs[run], "", "", project.run(run).result)
    return Collected(run, "absent", "", "what came of it is no longer here", project.run(run).result)

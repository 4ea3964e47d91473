"""End a batch, or free its runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from cosmosctl import tasks
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.domain.plurals import counted
from cosmosctl.errors import FileError, HostError, Interrupted, UsageError
from cosmosctl.events.progress import read_progress
from cosmosctl.following.follow import POLL_S, attach
from cosmosctl.following.watcher import ABANDONED, Outcome, Watcher
from cosmosctl.host import trust
from cosmosctl.host.cancel import NOT_THERE
from cosmosctl.host.context import invoke_context
from cosmosctl.host.follow import copy_events
from cosmosctl.host.launches import EXPORTED, read_launch
from cosmosctl.io.lock import locked, locked_at_once
from cosmosctl.plan import bundle_reader
from cosmosctl.results import collect
from cosmosctl.results.batch_end import free, give_up, is_ended, read_end
from cosmosctl.state.states import open_batches


def cancel_batch(project: ProjectPaths, name: str, watch: Watcher, *, abandon: bool) -> Outcome | None:
    """Ask the host to end the batch and bring home what is finished; None when nothing of it ever ran.

    A batch that was never seen to run may still have been launched (its answer lost), so the host is asked first.
    Raises: UsageError when it has ended, HostError when the host cannot be reached.
    """
    _refuse_ended(project, name, abandon=abandon)
    if abandon:
        give_up_host(project, _batch(project.batch(name)))
        return None
    batch = trust.allowed_batch(project.batch(name))
    with _interrupted_in_words(batch) as asked:
        while True:
            with locked_at_once(project.batch_lock(name)) as held:
                word = _asked_to_end(project, batch)
                asked.append(word)
                if held and not is_ended(project.batch(name)) and not _ever_ran(project, batch, word):
                    free(project, batch)
                    return None
            if held or word != NOT_THERE:
                return attach(project, name, watch)
            time.sleep(POLL_S)  # another command is about to send it: then it can be cancelled


@contextmanager
def _interrupted_in_words(batch: Batch) -> Iterator[list[str]]:
    """Ctrl-C says what the host was asked: the list that is filled with its words on a cancel."""
    asked: list[str] = []
    try:
        yield asked
    except (KeyboardInterrupt, Interrupted):
        done = "was asked to end and does so by itself" if asked else "may have been asked to end"
        raise Interrupted(
            f"stopped waiting; {batch.name} {done} on {batch.host.name}",
            hint=f"{command('attach', batch.name)} brings home what is finished; cancel again asks again",
        ) from None


def _asked_to_end(project: ProjectPaths, batch: Batch) -> str:
    """The host's word on a cancel. One that is out of reach has nothing of a batch that was only exported."""
    try:
        return str(tasks.cancel(invoke_context(), batch.name, str(project.root)))
    except HostError:
        launch = read_launch(project.batch(batch.name).launch)
        if launch is None or launch.how != EXPORTED:
            raise
        return NOT_THERE


def only_open_batch(project: ProjectPaths) -> str:
    """The batch that a cancel without a name means. Raises: UsageError when none or several are unfinished."""
    names = [one.paths.name for one in open_batches(project)]
    if not names:
        raise UsageError("no batch is unfinished: there is nothing to cancel", hint="cosmosctl list batches")
    if len(names) > 1:
        raise UsageError(f"{counted(len(names), 'batch', 'batches')} are unfinished: {', '.join(names)}; name one")
    return names[0]


def _batch(paths: BatchPaths) -> Batch:
    """The batch in that folder; one that is given up needs no plan that can be read."""
    try:
        return bundle_reader.read_batch(paths)
    except FileError:
        return bundle_reader.read_head(paths)


def give_up_host(project: ProjectPaths, batch: Batch) -> None:
    """Close a batch whose host is gone for good. Runs that did not come home are failed, host-lost.

    The end is written first: from then on nothing waits for the host, wherever we are killed.
    """
    with locked_at_once(project.batch_lock(batch.name)) as held:
        if not held:
            raise UsageError(
                f"another {command('follows', 'batch', batch.name)}", hint="stop that one with Ctrl-C, then try again"
            )
        home = collect.all_here(project, batch)
        words = {run: home[run].reason or home[run].state if run in home else collect.LOST for run in batch.runs}
        give_up(project.batch(batch.name), batch, state=ABANDONED, runs=words)
        with locked(project.lock):
            for run in batch.runs:
                if run not in home:
                    collect.note_lost(project, batch, run, f"batch {batch.name} was given up with its host")


def _refuse_ended(project: ProjectPaths, name: str, *, abandon: bool) -> None:
    """Only a batch that was given up can be cancelled after its end: its host may still be at it."""
    end = read_end(project.batch(name).end)
    if end is not None and (abandon or end.state != ABANDONED):
        raise UsageError(f"batch {name} has ended", hint=command("show", name))


def _ever_ran(project: ProjectPaths, batch: AllowedBatch, word: str) -> bool:
    """Whether the host's word on a cancel, or else its events, show that the batch was launched."""
    if word in ("cancelling", "finished"):
        return True
    if word != NOT_THERE:
        copy_events(invoke_context(), project, batch)
    return read_progress(project.batch(batch.name).events, batch.runs).launched

"""End a batch, or free its runs."""

import time

from cosmosctl import collect, remote, tasks, trust
from cosmosctl.commands.attach import ABANDONED, POLL_S, Outcome, Watcher, attach
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.ends import free, give_up, is_ended, read_end
from cosmosctl.errors import UsageError
from cosmosctl.events import EventTail
from cosmosctl.io.lock import locked, locked_at_once
from cosmosctl.remote import NOT_THERE


def cancel_batch(project: ProjectPaths, name: str, watch: Watcher, *, abandon: bool) -> Outcome | None:
    """Ask the host to end the batch and bring home what is finished; None when nothing of it ever ran.

    A batch that was never seen to run may still have been launched (its answer lost), so the host is asked first.
    Raises: UsageError when it has ended, HostError when the host cannot be reached.
    """
    batch = trust.allowed_batch(project.batch(name))
    _refuse_ended(project, name, abandon=abandon)
    if abandon:
        give_up_host(project, batch)
        return None
    while True:
        with locked_at_once(project.batch_lock(name)) as held:
            word = tasks.cancel(tasks.context(), name, str(project.root))
            if held and not is_ended(project.batch(name)) and not _ever_ran(project, batch, word):
                free(project, batch)
                return None
        if held or word != NOT_THERE:
            return attach(project, name, watch)
        time.sleep(POLL_S)  # another command is about to send it: then it can be cancelled


def give_up_host(project: ProjectPaths, batch: Batch) -> None:
    """Close a batch whose host is gone for good. Runs that did not come home are failed, host-lost.

    The end is written first: from then on nothing waits for the host, wherever we are killed.
    """
    with locked_at_once(project.batch_lock(batch.name)) as held:
        if not held:
            raise UsageError(
                f"another cosmosctl follows batch {batch.name}", hint="stop that one with Ctrl-C, then try again"
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
        raise UsageError(f"batch {name} has ended", hint=f"cosmosctl show {name}")


def _ever_ran(project: ProjectPaths, batch: AllowedBatch, word: str) -> bool:
    """Whether the host's word on a cancel, or else its events, show that the batch was launched."""
    if word in ("cancelling", "finished"):
        return True
    if word != NOT_THERE:
        remote.copy_events(tasks.context(), project, batch)
    return EventTail(project.batch(batch.name).events).progress().launched

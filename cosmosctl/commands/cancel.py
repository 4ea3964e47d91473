"""End a batch, or free its runs."""

from cosmosctl import bundle, collect, tasks
from cosmosctl.commands.attach import Outcome, Watcher, attach
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.ends import give_up, is_ended
from cosmosctl.errors import UsageError
from cosmosctl.io.lock import locked

NOT_THERE = "absent"
"""What cancel.sh says of a batch that was never launched."""


def cancel_batch(project: ProjectPaths, name: str, watch: Watcher, *, abandon: bool) -> Outcome | None:
    """Ask the host to end the batch and bring home what is finished; None when it was closed without the host.

    A batch that was never seen to run may still have been launched (its answer lost), so the host is asked first.
    Raises: UsageError when it has ended, HostError when the host cannot be reached.
    """
    batch = bundle.read_batch(project.batch(name))
    if is_ended(project.batch(name)):
        raise UsageError(f"batch {name} has ended", hint=f"cosmosctl show {name}")
    if abandon:
        give_up_host(project, batch)
        return None
    if tasks.cancel(tasks.context(), name, str(project.root)) == NOT_THERE:
        free(project, batch)
        return None
    return attach(project, name, watch)


def free(project: ProjectPaths, batch: Batch) -> None:
    """Close a batch that never ran: its runs are pending again."""
    give_up(project.batch(batch.name), batch, state="cancelled", runs=dict.fromkeys(batch.runs, "cancelled"))


def give_up_host(project: ProjectPaths, batch: Batch) -> None:
    """Close a batch whose host is gone for good. Runs that did not come home are failed, host-lost."""
    words = {}
    with locked(project.lock):
        for run in batch.runs:
            found = collect.already_here(project, batch, run) or collect.note_lost(project, batch, run)
            words[run] = found.reason or found.state
    give_up(project.batch(batch.name), batch, state="abandoned", runs=words)

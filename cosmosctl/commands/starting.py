"""Batches that were made just now to their hosts; what a host refuses, and what Ctrl-C keeps back, is freed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cosmosctl import remote, tasks
from cosmosctl.commands.attach import NotLaunched, Watcher, following, start
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.words import NAMED
from cosmosctl.ends import REFUSED, free
from cosmosctl.errors import CosmosctlError, FileError, HostError, Interrupted
from cosmosctl.launches import read_launch
from cosmosctl.log import debug
from cosmosctl.remote import NotAllSent, Unreachable


def start_all(project: ProjectPaths, made: Sequence[AllowedBatch], watch: Watcher) -> tuple[CosmosctlError, ...]:
    """Send and launch batches that were made just now. One that is refused before anything started is freed; one that
    was sent in part, or whose host fell silent, is left for `attach`.

    Returns what was said of those. Ctrl-C before a launch frees the runs of what is left.
    Raises: HostError for a host out of reach, Interrupted.
    """
    refused = []
    for position, batch in enumerate(made):
        with following(project, batch, watch), _freeing(project, made[position:]):
            try:
                start(project, batch, watch)
            except (Unreachable, NotAllSent):
                raise
            except (HostError, FileError) as e:
                if _may_run(project, batch):
                    raise
                refused.append(_freed(project, batch, e))
    return tuple(refused)


@contextmanager
def _freeing(project: ProjectPaths, left: Sequence[Batch]) -> Iterator[None]:
    """Ctrl-C frees the batches that were not launched: all of `left`, or all but the first, whose launch was asked."""
    try:
        yield
    except NotLaunched:
        for batch in left:
            free(project, batch)
        names = ", ".join(batch.name for batch in left)
        message = f"stopped before {names} was launched; its runs are free again"
        raise NotLaunched(message, hint="cosmosctl batch") from None
    except Interrupted:
        for batch in left[1:]:
            free(project, batch)
        raise


def _may_run(project: ProjectPaths, batch: AllowedBatch) -> bool:
    """Whether a job of a batch whose launch failed may run all the same. One that does is asked to end."""
    if read_launch(project.batch(batch.name).launch) is None:
        return False
    try:
        return tasks.cancel(tasks.context(), batch.name, str(project.root)) not in (remote.GONE, remote.NOT_THERE)
    except HostError as e:
        debug(e.message)
        return True


def _freed(project: ProjectPaths, batch: Batch, error: HostError | FileError) -> CosmosctlError:
    """The error of a refused batch, whose runs are free now, with the command that tries again."""
    free(project, batch, state=REFUSED)
    few = len(batch.runs) <= NAMED
    again = command("batch", *batch.runs) if few else "cosmosctl batch"
    hint = error.hint.partition("; or cosmosctl cancel")[0].replace(command("attach", batch.name), again)
    if again not in hint:
        hint = f"{hint}; then {again}" if hint else again
    message = f"{error.message}\n{batch.name} was refused before anything was started; its runs are free again"
    return FileError(message, hint=hint) if isinstance(error, FileError) else HostError(message, hint=hint)

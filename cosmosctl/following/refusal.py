"""A batch that its host refused before anything of it ran: its runs are freed, and what to type next is said."""

from cosmosctl import tasks
from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import NAMED
from cosmosctl.errors import CosmosctlError, FileError, HostError
from cosmosctl.host.cancel import GONE, NOT_THERE
from cosmosctl.host.context import invoke_context
from cosmosctl.host.launch import NameTaken
from cosmosctl.host.launches import read_launch
from cosmosctl.io import own
from cosmosctl.log import debug
from cosmosctl.results.batch_end import REFUSED, free


def may_run(project: ProjectPaths, batch: AllowedBatch) -> bool:
    """Whether a job of a batch whose launch failed may run all the same. One that does is asked to end."""
    if read_launch(project.batch(batch.name).launch) is None:
        return False
    try:
        return tasks.cancel(invoke_context(), batch.name, str(project.root)) not in (GONE, NOT_THERE)
    except HostError as e:
        debug(e.message)
        return True


def freed(project: ProjectPaths, batch: Batch, error: HostError | FileError) -> CosmosctlError:
    """The error of a refused batch, whose runs are free now, with the command that tries again.

    One whose name is another clone's leaves nothing: git would take the two for one.
    """
    free(project, batch, state=REFUSED)
    if isinstance(error, NameTaken):
        own.discard(project.batch(batch.name).root)
    few = len(batch.runs) <= NAMED
    again = command("batch", *batch.runs) if few else "cosmosctl batch"
    hint = error.hint.partition("; or cosmosctl cancel")[0].replace(command("attach", batch.name), again)
    if again not in hint:
        hint = f"{hint}; then {again}" if hint else again
    message = f"{error.message}\n{batch.name} was refused before anything was started; its runs are free again"
    return FileError(message, hint=hint) if isinstance(error, FileError) else HostError(message, hint=hint)

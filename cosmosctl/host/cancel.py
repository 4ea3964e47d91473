"""A job asked to end, and what is left of one removed."""

import shlex
from typing import TYPE_CHECKING

from cosmosctl import schedulers
from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.host.process import Unreachable, one_line, script
from cosmosctl.log import debug

if TYPE_CHECKING:
    from invoke import Context

NO_BATCH = 66
"""cancel.sh: there is no such batch."""
NOT_THERE, GONE = "absent", "gone"


def cancel(c: "Context", batch: AllowedBatch) -> str:
    """Ask the job to end; what is finished stays finished. Raises: HostError.

    Returns the host's word on it: cancelling, finished (too late), gone (no job runs) or NOT_THERE.
    """
    queue = schedulers.queue(batch.host) if batch.shards else None
    asked = queue.commands(batch.host, batch.there.folder) if queue else None
    words = map(shlex.join, (asked.running, asked.cancel)) if asked else ()
    answer = script(c, batch, "cancel.sh", (str(batch.there.batch), *words), allowed=(NO_BATCH,))
    return NOT_THERE if answer.code == NO_BATCH else one_line(answer.stdout)


def tidy(c: "Context", batch: AllowedBatch) -> None:
    """Remove the container of a batch whose runs are home. What fails here is left for gc: nothing depends on it."""
    keeper = schedulers.of(batch.host).keeper(batch.host)
    if keeper is not None:
        words = map(shlex.join, (keeper.logs, keeper.remove))
        try:
            script(c, batch, "tidy.sh", (str(batch.there.batch), *words), allowed=None)
        except Unreachable as e:
            debug(f"the container of {batch.name} stays: {e.message}")

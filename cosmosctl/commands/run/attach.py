"""`attach`: unfinished batches to their end."""

from collections.abc import Sequence

from cosmosctl.commands.audience import Audience
from cosmosctl.commands.run.batch import code_of, follow_all
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.following import follow
from cosmosctl.plan import bundle_reader
from cosmosctl.state.states import open_batches


def attach_batches(project: ProjectPaths, named: Sequence[str], audience: Audience) -> int:
    """Follow these batches, or every unfinished one that was not exported; the exit code. Raises: HostError."""
    waiting = [one.paths.name for one in open_batches(project) if not one.is_exported]
    names = named or bundle_reader.readable(project, waiting)
    if not waiting and not names:
        audience.note("no batch is unfinished")
    return code_of(follow_all(project, names, follow.attach, audience))

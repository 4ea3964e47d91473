"""Batches that were made just now to their hosts; what a host refuses, and what Ctrl-C keeps back, is freed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import CosmosctlError, FileError, HostError, Interrupted
from cosmosctl.following.follow import NotLaunched, following, goes_on, start
from cosmosctl.following.refusal import freed, may_run
from cosmosctl.following.watcher import Watcher
from cosmosctl.host.process import NotAllSent, Unreachable
from cosmosctl.results.batch_end import free, is_ended


def start_all(project: ProjectPaths, made: Sequence[AllowedBatch], watch: Watcher) -> Mapping[str, CosmosctlError]:
    """Send and launch batches that were made just now. One that is refused before anything started is freed; one that
    was sent in part, or whose host fell silent, is left for `attach`.

    Returns what was said of those, by batch. Ctrl-C before a launch frees the runs of what is left.
    Raises: HostError for a host out of reach, Interrupted.
    """
    refused: dict[str, CosmosctlError] = {}
    for position, batch in enumerate(made):
        with following(project, batch, watch), _freeing(project, made[:position], made[position:]):
            try:
                start(project, batch, watch)
            except (Unreachable, NotAllSent):
                raise
            except (HostError, FileError) as e:
                if may_run(project, batch):
                    raise
                refused[batch.name] = freed(project, batch, e)
    return refused


@contextmanager
def _freeing(project: ProjectPaths, before: Sequence[Batch], left: Sequence[Batch]) -> Iterator[None]:
    """Ctrl-C frees the batches that were not launched: all of `left`, or all but the first, whose launch was asked.

    What of `before` was launched goes on, which is said too.
    """
    try:
        yield
    except Interrupted as e:
        was_asked = not isinstance(e, NotLaunched)
        kept_back = left[1:] if was_asked else left
        for batch in kept_back:
            free(project, batch)
        words = [e.message] if was_asked else []
        words += [_freed_words(kept_back)] if kept_back else []
        launched = [one for one in before if not is_ended(project.batch(one.name))]
        hints = [e.hint] if was_asked else ["cosmosctl batch takes them again"]
        if launched:
            words = [goes_on("; ".join(words), launched)]
            hints.append("cosmosctl attach follows what goes on")
        raise type(e)("; ".join(words), hint="; ".join(hints)) from None


def _freed_words(kept_back: Sequence[Batch]) -> str:
    names = ", ".join(batch.name for batch in kept_back)
    was, its = ("was", "its") if len(kept_back) == 1 else ("were", "their")
    return f"stopped before {names} {was} launched; {its} runs are free again"

"""Batches that were made just now to their hosts; what a host refuses, and what Ctrl-C keeps back, is freed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import CosmosctlError, FileError, HostError
from cosmosctl.following.follow import following, start
from cosmosctl.following.leaving import UNSENT, left, standing_of
from cosmosctl.following.refusal import freed, may_run
from cosmosctl.following.watcher import Watcher
from cosmosctl.host.process import NotAllSent, Unreachable
from cosmosctl.io.lock import locked_at_once
from cosmosctl.results.batch_end import free


def start_all(project: ProjectPaths, made: Sequence[AllowedBatch], watch: Watcher) -> Mapping[str, CosmosctlError]:
    """Send and launch batches that were made just now. One that is refused before anything started is freed; one that
    was sent in part, or whose host fell silent, is left for `attach`.

    Returns what was said of those, by batch. Raises: HostError for a host out of reach.
    """
    refused: dict[str, CosmosctlError] = {}
    for batch in made:
        with following(project, batch, watch):
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
def freeing(project: ProjectPaths, made: Sequence[Batch]) -> Iterator[None]:
    """Ctrl-C in here frees those of the batches whose host was not asked to launch them. Raises: Interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        kept_back = {batch.name: batch for batch in made if _is_freed(project, batch)}
        others = [batch for batch in made if batch.name not in kept_back]
        words, hint = (_freed_words(kept_back), "cosmosctl batch takes them again") if kept_back else ("", "")
        raise left(project, others, words=words, hint=hint) from None


def _is_freed(project: ProjectPaths, batch: Batch) -> bool:
    """Whether nobody asked for its launch, and nobody will: another command may be about to."""
    with locked_at_once(project.batch_lock(batch.name)) as held:
        is_unsent = held and standing_of(project, batch) == UNSENT
        if is_unsent:
            free(project, batch)
        return is_unsent


def _freed_words(kept_back: Collection[str]) -> str:
    names = ", ".join(kept_back)
    was, its = ("was", "its") if len(kept_back) == 1 else ("were", "their")
    return f"stopped before {names} {was} launched; {its} runs are free again"

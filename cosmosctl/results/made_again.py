"""The receipt of a video, made again where it is gone: the plan of its batch and its host's events tell the same."""

from collections.abc import Iterable, Iterator

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import BatchPaths, ResultPaths, RunPaths
from cosmosctl.errors import CosmosctlError
from cosmosctl.events.progress import read_progress
from cosmosctl.plan import bundle_reader
from cosmosctl.results.end_records import receipt_for
from cosmosctl.results.receipts import Receipt


def made_again(batches: Iterable[BatchPaths], home: RunPaths, place: ResultPaths) -> Iterator[Receipt]:
    """The receipts of this run's results whose files lie in `place`, by these batches, in their order.

    The video is read and decoded: none is told of that was not seen.
    """
    for paths in batches:
        try:
            batch = bundle_reader.read_batch(paths)
            progress = read_progress(paths.events, batch.runs)
            end = progress.ends.get(home.id)
            if end is not None and end.state == "done" and batch.has(home.id) and is_place(batch, home, place):
                yield receipt_for(batch, end, progress, place)
        except CosmosctlError:
            continue  # not this one's files, or a plan that cannot be read


def is_place(batch: Batch, home: RunPaths, place: ResultPaths) -> bool:
    """Whether results of that batch for the run lie in `place`."""
    return place.root == (home.preview if batch.host.is_preview else home.result).root

"""Projects of versions whose marks were the files that git versions: read once, written forward, nothing is lost.

They have result.yaml, and batch.yaml, without result.local.yaml and batch.local.yaml beside it. Where git had taken the
versioned one away, the batch's own files tell of the video.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, ResultPaths, RunPaths
from cosmosctl.errors import FileError
from cosmosctl.host import trust
from cosmosctl.io import own
from cosmosctl.io.own import write_text
from cosmosctl.log import say
from cosmosctl.plan import bundle_reader
from cosmosctl.results import batch_files, history
from cosmosctl.results.made_again import made_again
from cosmosctl.results.receipts import write_receipt

FORWARD = "1\n"


def is_forward(project: ProjectPaths) -> bool:
    """Whether nothing of an earlier version is left to be looked at."""
    return project.forward.exists()


def write_forward(project: ProjectPaths, batches: Iterable[BatchPaths]) -> None:
    """Give each video its receipt and each batch its mark. The caller holds the project's lock.

    Every video of a run's own folder is read once. Raises: FileError when nothing can be written.
    """
    old = [run for run in map(project.run, filter(is_id, own.names(project.runs))) if _is_old(run.result)]
    if old:
        say(f"{len(old)} results of an earlier version are looked at, once")
    mine = [paths for paths in batches if paths.plan.exists() and trust.was_made_here(paths)]
    for paths in mine:
        with suppress(FileError, OSError):
            if not paths.whole.exists():
                batch_files.mark(project.root, paths, bundle_reader.read_batch(paths))
    for run in old:
        with suppress(FileError, OSError):
            _adopt(project, run, mine)
    write_text(project.forward, FORWARD, durable=False)


def _is_old(place: ResultPaths) -> bool:
    return place.outputs.is_dir() and not place.receipt.exists()


def _adopt(project: ProjectPaths, run: RunPaths, batches: Sequence[BatchPaths]) -> None:
    """Have a receipt of the run's video: that of git, or the one that its batch tells of where git took that away."""
    place = run.result
    history.adopt(place)
    if place.receipt.exists():
        return
    found = next(made_again(reversed(batches), run, place), None)
    if found is not None:
        write_receipt(place, found, bundle_reader.read_branch(project.batch(found.batch)))

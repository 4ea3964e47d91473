"""Projects of versions whose marks were the files that git versions: read once, written forward, nothing is lost.

They have result.yaml, and batch.yaml, without result.local.yaml and batch.local.yaml beside it. Where git had taken the
versioned one away, the batch's own files tell of the video.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from cosmosctl.domain.layout import BatchPaths, ProjectPaths, RunPaths
from cosmosctl.errors import FileError
from cosmosctl.host import trust
from cosmosctl.log import say
from cosmosctl.opening import forward
from cosmosctl.plan import bundle_reader
from cosmosctl.results import batch_files, history
from cosmosctl.results.made_again import made_again
from cosmosctl.results.receipts import write_receipt


def write_forward(project: ProjectPaths, batches: Iterable[BatchPaths]) -> None:
    """Give each video its receipt and each batch its mark. The caller holds the project's lock.

    Every video of a run's own folder is read once. Raises: FileError when nothing can be written.
    """
    old = list(forward.old_runs(project))
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
    forward.note(project)


def _adopt(project: ProjectPaths, run: RunPaths, batches: Sequence[BatchPaths]) -> None:
    """Have a receipt of the run's video: that of git, or the one that its batch tells of where git took that away."""
    place = run.result
    history.adopt(place)
    if place.receipt.exists():
        return
    found = next(made_again(reversed(batches), run, place), None)
    if found is not None:
        write_receipt(place, found, bundle_reader.read_branch(project.batch(found.batch)))

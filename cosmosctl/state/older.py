"""Projects of versions whose marks were the files that git versions: read once, written forward, nothing is lost.

They have result.yaml without result.local.yaml, and batch.yaml, or nothing where git took it away, without
batch.local.yaml.
"""

from collections.abc import Iterable
from contextlib import suppress

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, ResultPaths
from cosmosctl.errors import FileError
from cosmosctl.host import trust
from cosmosctl.io import own
from cosmosctl.io.own import write_text
from cosmosctl.log import say
from cosmosctl.plan import bundle_reader
from cosmosctl.results import batch_files, history

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
    for run in old:
        with suppress(FileError, OSError):
            history.adopt(run.result)
    for paths in batches:
        with suppress(FileError, OSError):
            if paths.plan.exists() and not paths.whole.exists() and trust.was_made_here(paths):
                batch_files.mark(project.root, paths, bundle_reader.read_batch(paths))
    write_text(project.forward, FORWARD, durable=False)


def _is_old(place: ResultPaths) -> bool:
    return place.report.exists() and place.outputs.is_dir() and not place.receipt.exists()

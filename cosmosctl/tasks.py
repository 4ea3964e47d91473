"""The remote steps as Invoke tasks: `inv --list`, `inv push -b BATCH`; `cosmosctl batch` runs these very tasks."""

from collections.abc import Sequence
from pathlib import Path

from invoke import Collection, Context, task

from cosmosctl import store
from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.host import trust
from cosmosctl.host.cancel import cancel as cancel_step
from cosmosctl.host.follow import FollowEnd
from cosmosctl.host.follow import follow as follow_step
from cosmosctl.host.launch import launch as launch_step
from cosmosctl.host.pull import pull as pull_step
from cosmosctl.host.push import push as push_step
from cosmosctl.results import collect

_BATCH_HELP = {"batch": "the batch's folder name in batches/", "project": "the project's folder"}


@task(help=_BATCH_HELP)
def push(c: Context, batch: str, project: str = ".") -> None:
    """Send the bundle and the videos that the host lacks."""
    push_step(c, *_open(project, batch))


@task(help=_BATCH_HELP)
def launch(c: Context, batch: str, project: str = ".") -> str:
    """Start the job on the host; started already, nothing happens."""
    return launch_step(c, *_open(project, batch))


@task(help=_BATCH_HELP)
def follow(c: Context, batch: str, project: str = ".") -> FollowEnd:
    """Copy the host's events here until the batch ends."""
    return follow_step(c, *_open(project, batch))


@task(help={**_BATCH_HELP, "runs": "only these runs, once for each"}, iterable=["runs"])
def pull(c: Context, batch: str, project: str = ".", runs: Sequence[str] = ()) -> None:
    """Fetch the outputs of the rows that ended, and the logs."""
    paths, found = _open(project, batch)
    wanted = collect.files_to_fetch(paths, found, runs)
    pull_step(c, found, wanted.files, paths.pulled(found.name), most_bytes=wanted.most_bytes)


@task(help=_BATCH_HELP)
def cancel(c: Context, batch: str, project: str = ".") -> str:
    """Ask the job on the host to end."""
    return cancel_step(c, _open(project, batch)[1])


def _open(project: str, batch: str) -> tuple[ProjectPaths, AllowedBatch]:
    paths = store.find_project(Path(project))
    return paths, trust.allowed_batch(paths.batch(batch))


namespace = Collection(push, launch, follow, pull, cancel)

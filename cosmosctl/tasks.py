"""The remote steps as Invoke tasks: `inv --list`, `inv push -b BATCH`; `cosmosctl batch` runs these very tasks."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from invoke import Collection, Context, task
from invoke.runners import Local

from cosmosctl import collect, remote, store, trust
from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.domain.layout import ProjectPaths

_BATCH_HELP = {"batch": "the batch's folder name in batches/", "project": "the project's folder"}


@task(help=_BATCH_HELP)
def push(c: Context, batch: str, project: str = ".") -> None:
    """Send the bundle and the videos that the host lacks."""
    remote.push(c, *_open(project, batch))


@task(help=_BATCH_HELP)
def launch(c: Context, batch: str, project: str = ".") -> str:
    """Start the job on the host; started already, nothing happens."""
    return remote.launch(c, *_open(project, batch))


@task(help=_BATCH_HELP)
def follow(c: Context, batch: str, project: str = ".") -> remote.FollowEnd:
    """Copy the host's events here until the batch ends."""
    return remote.follow(c, *_open(project, batch))


@task(help={**_BATCH_HELP, "runs": "only these runs, once for each"}, iterable=["runs"])
def pull(c: Context, batch: str, project: str = ".", runs: Sequence[str] = ()) -> None:
    """Fetch the outputs of the rows that ended, and the logs."""
    paths, found = _open(project, batch)
    wanted = collect.files_to_fetch(paths, found, runs)
    remote.pull(c, found, wanted.files, paths.pulled(found.name), most_bytes=wanted.most_bytes)


@task(help=_BATCH_HELP)
def cancel(c: Context, batch: str, project: str = ".") -> str:
    """Ask the job on the host to end."""
    return remote.cancel(c, _open(project, batch)[1])


def _open(project: str, batch: str) -> tuple[ProjectPaths, AllowedBatch]:
    paths = ProjectPaths(store.find_root(Path(project)))
    return paths, trust.allowed_batch(paths.batch(batch))


namespace = Collection(push, launch, follow, pull, cancel)


END_S = 5
"""What ssh and rsync are given to end after SIGTERM: they tell the other end first."""


class Foreground(Local):
    """Runs one program with no shell around it. Ctrl-C ends the program and then us, instead of going to its stdin."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.using_pty = False  # `stop` asks for it, also when Ctrl-C came before anything else was set

    def start(self, command: str, shell: str, env: dict[str, Any]) -> None:
        super().start(f"exec {command}", shell, env)

    def send_interrupt(self, interrupt: KeyboardInterrupt) -> None:
        self.process.terminate()  # first: our readers are waited for until it lets go of its streams
        raise interrupt

    def stop(self) -> None:
        super().stop()
        process = getattr(self, "process", None)
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def context(*, dry: bool = False, show: Callable[[remote.Transfer], None] | None = None) -> Context:
    """The Invoke context that the command line uses. `dry` prints each command instead of running it.

    `show` is told, by a thread, how far a push or pull is.
    """
    from invoke import Config

    settings = {"run": {"dry": dry, "shell": "/bin/sh"}, "runners": {"local": Foreground}, "show_transfer": show}
    return Context(Config(overrides=settings, lazy=True))

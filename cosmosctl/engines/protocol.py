"""What an engine has to say. Nothing here starts anything: argv and paths only.

A new engine is a module of these functions and a line in `engines.REGISTRY`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from cosmosctl.domain.project import Host
from cosmosctl.engines.gpu_sets import GpuSet
from cosmosctl.models.protocol import Model

SUPERVISOR = "supervise"
"""The folder of the program that runs a batch, in the batch's own; Python runs it by its name."""


@dataclass(frozen=True)
class Wrapping:
    """What the supervisor does for processes whose own command puts each into a container, or that are given secrets.

    Variables for inside are given by names that begin with the first of `prefixes`; nothing else of the supervisor's
    environment begins with any of them. Without any there is no container. `env_file`: a file of secrets on the host,
    read when a process starts. `image`: a file, whose sha256 is told and kept in the file `digests`, or a folder.
    `repo`: the model's source on the host.
    """

    prefixes: tuple[str, ...]
    image: str
    digests: str
    env_file: str | None = None
    repo: str | None = None


@dataclass(frozen=True)
class Process:
    """How the model's program is started inside the engine. `cwd` None means the folder of the process."""

    launcher: tuple[str, ...]
    checkpoints: str
    cwd: str | None
    env: Mapping[str, str]
    wrapping: Wrapping | None = None


Argv = tuple[str, ...]


@dataclass(frozen=True)
class Keeper:
    """The commands of whatever keeps jobs by their names on a host, which its shell scripts take as data.

    The job's name is put behind each as its last word. `start`: runs the job that was created. `alive`: prints "true"
    while it runs. `logs`: prints what the supervisor said there. `remove`: ends it, where it runs, and leaves nothing
    of it. `made_of`: prints the digest of the image that it was made of; () where there are no images. `env_files`:
    files of secrets on the host that creating it reads; no line of them is ever shown.
    """

    start: Argv
    alive: Argv
    logs: Argv
    remove: Argv
    made_of: Argv = ()
    env_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Images:
    """The commands that ask an engine of images, and what to do where it does not work.

    Whole ones: `answers` succeeds where the engine can be used and else says why, `version`, `stopped` prints a line
    for each job that has ended and was not removed, `listed` the images. An image is put behind `id`, which prints its
    digest, `user`, which prints who it runs as, and `build`, with the folder of its source, which makes it.
    `user` is () where that is always ourselves. `same_users`: users in a container are those of the host, by their
    numbers. `lingers`: its jobs may end at logout. `pull`, with a file and an address behind it, fetches an image into
    that file; images that have an address are kept in the folder `kept_in`, "" where the engine keeps its own.
    """

    answers: Argv
    version: Argv
    stopped: Argv
    listed: Argv
    id: Argv
    user: Argv
    build: Argv
    same_users: bool
    lingers: bool
    no_answer: str
    no_gpus: str
    kept_in: str
    pull: Argv = ()


class Engine(Protocol):
    """A way to run the supervisor and, inside it, the model's program."""

    def keeper(self, host: Host) -> Keeper | None:
        """What keeps jobs there; None for jobs that run straight on the host."""

    def images(self, host: Host) -> Images | None:
        """What knows of images there; None without any."""

    def seen_dir(self, host: Host) -> PurePosixPath:
        """`host.dir` as the model's process sees it."""

    def process(self, host: Host, model: Model) -> Process:
        """The program of `model` on that host. Raises: FileError when the host's block lacks what it needs."""

    def gpus(self, host: Host) -> tuple[GpuSet, ...]:
        """One entry for each model process that may run at once; None is a process without a GPU."""

    def trial(self, host: Host, model: Model, program: str) -> Argv:
        """argv, on the host, that runs the Python text `program` as a batch's processes run there; () without one.

        Raises: FileError when the host's block lacks what it needs.
        """

    def supervisor(self, host: Host, model: Model, batch_dir: PurePosixPath) -> Argv:
        """argv, on the host, that creates the job of the batch in `batch_dir` (a host path), named after that folder.

        Without a keeper it is the job itself: the supervisor, which runs as long as the batch takes.
        Raises: FileError when the host's block lacks what it needs.
        """

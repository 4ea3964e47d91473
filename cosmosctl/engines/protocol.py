"""What an engine has to say. Nothing here starts anything: argv and paths only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from cosmosctl.domain.project import Host
from cosmosctl.models.protocol import Model

SUPERVISOR = "supervise"
"""The folder of the program that runs a batch, in the batch's own; Python runs it by its name."""


@dataclass(frozen=True)
class Process:
    """How the model's program is started inside the engine. `cwd` None means the folder of the process."""

    launcher: tuple[str, ...]
    checkpoints: str
    cwd: str | None
    env: Mapping[str, str]


class Engine(Protocol):
    """A way to run the supervisor and, inside it, the model's program."""

    def command(self, host: Host) -> tuple[str, ...]:
        """The engine's own command, to which `supervisor` is arguments that create a container; () without one."""

    def seen_dir(self, host: Host) -> PurePosixPath:
        """`host.dir` as the model's process sees it."""

    def process(self, host: Host, model: Model) -> Process:
        """The program of `model` on that host. Raises: FileError when the host's block lacks what it needs."""

    def gpus(self, host: Host) -> tuple[int | None, ...]:
        """One entry for each model process that may run at once; None is a process without a GPU."""

    def trial(self, host: Host, model: Model, program: str) -> tuple[str, ...]:
        """Arguments of the engine that run the Python text `program` in a container like a batch's; () without one.

        Raises: FileError when the host's block lacks what it needs.
        """

    def supervisor(self, host: Host, model: Model, batch_dir: PurePosixPath) -> tuple[str, ...]:
        """argv, on the host, that starts the supervisor on `batch_dir` (a host path).

        Raises: FileError when the host's block lacks what it needs.
        """

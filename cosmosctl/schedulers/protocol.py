"""What a scheduler has to say. Nothing here starts anything: argv only."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from cosmosctl.domain.project import Host
from cosmosctl.engines.protocol import Argv, Keeper
from cosmosctl.models.protocol import Model


@dataclass(frozen=True)
class Job:
    """`argv` creates the job, which `keeper` starts and keeps; without one it is the job, and runs to its end."""

    argv: Argv
    keeper: Keeper | None


class Scheduler(Protocol):
    """Whatever has jobs on a host. How the supervisor runs in them is the engine's."""

    def keeper(self, host: Host) -> Keeper | None:
        """The commands that look up, end and remove jobs there by their names; None where they are just processes."""

    def job(self, host: Host, model: Model, batch_dir: PurePosixPath) -> Job:
        """The job of the batch in `batch_dir` (a host path), named after that folder.

        Raises: FileError when the host's block lacks what it needs.
        """

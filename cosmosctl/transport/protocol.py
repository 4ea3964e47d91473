"""What a transport has to say. Nothing here starts anything: argv only."""

from dataclasses import dataclass
from typing import Protocol

from cosmosctl.domain.project import Host


@dataclass(frozen=True)
class Trouble:
    """Why a host could not be reached, in words, and what to type. `passes`: it may be over by itself later."""

    words: str
    hint: str
    passes: bool


class Transport(Protocol):
    """A way to run a command on a host and to name a path of it to rsync."""

    def command(self, host: Host, argv: tuple[str, ...]) -> tuple[str, ...]:
        """argv, here, that runs `argv` there with this process's standard streams."""

    def rsync_options(self, host: Host) -> tuple[str, ...]:
        """Options that let rsync reach the host."""

    def rsync_path(self, host: Host, path: str) -> str:
        """A path of the host, absolute there, as an argument of rsync that is written to."""

    def rsync_source(self, host: Host, path: str) -> str:
        """The same as an argument that is read from."""

    def trouble(self, host: Host, stderr: str) -> Trouble | None:
        """What `stderr` of a failed command or rsync says of the way to the host; None: the way is fine."""

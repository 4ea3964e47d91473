"""Transport `here`: the host is this machine."""

from cosmosctl.domain.project import Host
from cosmosctl.transport.protocol import Trouble


def command(host: Host, argv: tuple[str, ...]) -> tuple[str, ...]:
    return argv


def rsync_options(host: Host) -> tuple[str, ...]:
    return ()


def rsync_path(host: Host, path: str) -> str:
    """The path itself; it is absolute, so no colon before the first slash makes it look remote."""
    return path


rsync_source = rsync_path


def trouble(host: Host, stderr: str) -> Trouble | None:
    return None

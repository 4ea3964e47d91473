"""How a host is reached: argv for a command there and for rsync, nothing runs here."""

from cosmosctl.domain.project import Host
from cosmosctl.errors import FileError
from cosmosctl.transport import here
from cosmosctl.transport.protocol import Transport


def of(host: Host) -> Transport:
    """The transport of a host: `here` when it has no address."""
    if host.address is None:
        return here
    raise FileError(f"host {host.name}: address is not supported yet; leave it out for this machine")

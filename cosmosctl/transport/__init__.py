"""How a host is reached: argv for a command there and for rsync, nothing runs here."""

from cosmosctl.domain.project import Host
from cosmosctl.transport import here, ssh
from cosmosctl.transport.protocol import Transport


def of(host: Host) -> Transport:
    """The transport of a host: `here` when it has no address."""
    return here if host.address is None else ssh

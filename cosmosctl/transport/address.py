"""An address as ssh takes it, taken apart: rsync wants user, host and port each in its own place."""

import re
from dataclasses import dataclass

from cosmosctl.errors import FileError

_URI = re.compile(r"ssh://(?:(?P<user>[^@/\s]+)@)?(?P<host>\[[^\]\s]+\]|[^:/@\s]+)(?::(?P<port>\d+))?/?")
_PORT_WITHOUT_SCHEME = re.compile(r"(?P<host>[^:]+|\[[^\]]+\]):(?P<port>\d+)")


@dataclass(frozen=True)
class Address:
    """`user` and `port` are "" when the address does not say: then the user's configuration does."""

    host: str
    user: str = ""
    port: str = ""

    @property
    def destination(self) -> str:
        """As ssh's argument."""
        return f"{self.user}@{self.host}" if self.user else self.host

    @property
    def rsync_host(self) -> str:
        """As rsync writes it before the colon: an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" if self.user else host


def parse_address(text: str) -> Address:
    """An address of `hosts:`, one of host, user@host, ssh://user@host:port; a host may be an alias or IPv6.

    Raises: FileError for what ssh would not take either.
    """
    uri = _URI.fullmatch(text)
    if uri:
        return _checked(Address(_bare(uri["host"]), uri["user"] or "", uri["port"] or ""), text)
    user, at, host = text.rpartition("@")
    port = _PORT_WITHOUT_SCHEME.fullmatch(host)
    if port:
        raise FileError(f"address {text}: ssh takes no port after a colon", hint=f"write ssh://{user}{at}{host}")
    return _checked(Address(_bare(host), user), text)


def _checked(address: Address, text: str) -> Address:
    """Nothing that ssh or rsync would take for an option, a path or two words."""
    words = (address.host, address.user)
    if address.host and not any(word.startswith(("-", "ssh:")) or re.search(r"[\s/]", word) for word in words):
        return address
    raise FileError(f"address {text!r} is nothing that ssh takes", hint="write user@host, or an alias of ssh's")


def _bare(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host

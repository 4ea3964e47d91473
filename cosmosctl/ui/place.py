"""Where a project's page is served and what its tabs know: kept by project, so that a tab survives a restart."""

import json
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from cosmosctl.io import user_state

_TOKEN_BYTES = 24


@dataclass(frozen=True)
class Place:
    """`secret` is what the cookie of a tab says; `port` 0 is any free one."""

    port: int
    secret: str

    @property
    def cookie(self) -> str:
        """Cookies are not told apart by port: their names have to be."""
        return f"cosmosctl-{self.port}"


def place_of(root: Path) -> Place:
    """The place of the project, as it was or new."""
    try:
        known = json.loads(user_state.read_private(_name(root)))
        return Place(int(known["port"]), str(known["secret"]))
    except (ValueError, KeyError, TypeError):
        return Place(0, secrets.token_urlsafe(_TOKEN_BYTES))


def keep(root: Path, place: Place, port: int) -> Place:
    """The same at that port, remembered. Raises: FileError."""
    now = replace(place, port=port)
    user_state.write_private(_name(root), json.dumps(vars(now)).encode())
    return now


def new_token() -> str:
    """What the printed address holds; it works once."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def _name(root: Path) -> str:
    return f"ui/{user_state.digest_of(str(root).encode())}"

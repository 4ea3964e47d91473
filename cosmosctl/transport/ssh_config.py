"""The configuration file that our ssh is given: the user's own first, so that what it says counts, then what we need.

With it one connection serves a whole command: the first ssh leaves a master behind a socket in a folder that is only
ours, the others go through it, and it ends by itself soon after the last of them.
"""

import hashlib
import os
import shlex
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

from cosmosctl.errors import HostError
from cosmosctl.io.atomic import write_text

SOCKET_BYTES = 100
"""Longest path of a control socket: sun_path holds 104 to 108 bytes (measured: OpenSSH fails beyond about 100)."""
_NAME_BYTES = len("/0123abcd-") + 40 + 17
"""Our name, ssh's %C (sha1 in hex), and what ssh appends while it makes the socket."""

PERSIST_S = 15
"""How long the master waits for the next process: longer than the pauses between the steps of a batch."""

CIPHERS = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"
"""OpenSSH's own defaults since 6.5 (its myproposal.h), those that processors have instructions for first.

Videos then go half as fast again as with chacha20, its first choice until 10.0 (`make bench`, remote).
"""

_OURS = """\
Host *
  ControlMaster auto
  ControlPath "{sockets}/{name}-%C"
  ControlPersist {persist_s}
  ServerAliveInterval 5
  ServerAliveCountMax 3
  ConnectTimeout 15
  Ciphers {ciphers}
"""


def config_file(ssh_args: tuple[str, ...]) -> tuple[Path, tuple[str, ...]]:
    """Our configuration around the one that the user's arguments name, and the arguments without it.

    Raises: HostError when there is no private place for it.
    """
    theirs, rest = _without_config(ssh_args)
    name = hashlib.sha256("\0".join(ssh_args).encode()).hexdigest()[:8]
    sockets = _private_folder()
    text = "".join(f"Include {_quoted(path)}\n" for path in theirs)
    text += _OURS.format(sockets=sockets, name=name, persist_s=PERSIST_S, ciphers=CIPHERS)
    file = sockets / f"{name}.conf"
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        write_text(file, text)
    return file, rest


def _without_config(ssh_args: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(configuration files that count, the other arguments); `-F FILE` stands for the two usual ones."""
    theirs: tuple[str, ...] = ("~/.ssh/config", "/etc/ssh/ssh_config")
    rest: list[str] = []
    args = iter(ssh_args)
    for arg in args:
        if arg.startswith("-F"):
            named = arg.removeprefix("-F") or next(args, "none")
            theirs = () if named == "none" else (named,)
        else:
            rest.append(arg)
    return theirs, tuple(rest)


def _quoted(path: str) -> str:
    r"""As Include reads it: a pattern, so that what glob(7) would take for one is escaped."""
    escaped = "".join(f"\\{c}" if c in "*?[]\\" else c for c in path)
    return f'"{escaped}"'


def _private_folder() -> Path:
    """A folder that nobody else can look into, with a path short enough for sockets."""
    named = Path(os.environ.get("XDG_RUNTIME_DIR", ""), "cosmosctl")
    short = named.is_absolute() and len(os.fsencode(named)) + _NAME_BYTES <= SOCKET_BYTES and named.parent.is_dir()
    if not short:
        return _folder_in_tmp()
    if not _is_private(named):
        raise HostError(
            f"{named} is not a folder that only you can read",
            hint=f"rm -r {shlex.quote(str(named))}, or set XDG_RUNTIME_DIR",
        )
    return named


@cache
def _folder_in_tmp() -> Path:
    """The user's folder there; where somebody else was faster to take its name, one that nobody can foresee."""
    from tempfile import mkdtemp

    known = Path(f"/tmp/cosmosctl-{os.getuid()}")
    return known if _is_private(known) else Path(mkdtemp(prefix="cosmosctl-", dir="/tmp"))


def _is_private(folder: Path) -> bool:
    """Whether it is a folder of this user's that nobody else can look into; it is made when there is nothing."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077

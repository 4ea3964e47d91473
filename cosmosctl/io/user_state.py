"""What this user knows on this machine, apart from any project: $XDG_STATE_HOME/cosmosctl.

Notes are empty-named facts, a file each, named by a sha256: that a batch was made here, that a host or a link was
allowed. The file holds words for people. Nothing in a project can add one. `secret` is a key that only this user has:
what is signed with it was made here.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.errors import FileError
from cosmosctl.io.os_error import file_error

if TYPE_CHECKING:
    import hashlib

MADE, HOSTS, LINKS, FOLDERS, OUTSIDE, INPUTS = "made", "hosts", "links", "folders", "outside", "inputs"
"""Kinds of notes: batches made here; hosts, links, foreign projects, outside inputs, folders of videos allowed."""
NAMES = "names"
"""Names of batches that were given here, whichever clone or copy of a project they were given in."""

ALLOW_HOSTS = "COSMOSCTL_ALLOW_HOSTS"
"""Names of hosts, comma between, that a script allows; `*`: every host, videos from outside of the project, links."""

_SECRET_BYTES = 32
_PRIVATE_BYTES = 1 << 16


def state_dir() -> Path:
    """$XDG_STATE_HOME/cosmosctl, by default ~/.local/state/cosmosctl (XDG Base Directory Specification 0.8).

    Raises: FileError where there is neither a home nor that variable.
    """
    named = os.environ.get("XDG_STATE_HOME", "")
    if named.startswith("/"):
        return Path(named, "cosmosctl")
    try:
        return Path.home() / ".local" / "state" / "cosmosctl"
    except RuntimeError as e:
        raise FileError("there is no home folder to keep state in", hint="export XDG_STATE_HOME=/a/folder") from e


def script_allows() -> frozenset[str]:
    """The names of hosts that a script allows by `ALLOW_HOSTS`; `*` is every host, and videos from outside."""
    return frozenset(word.strip() for word in os.environ.get(ALLOW_HOSTS, "").split(",")) - {""}


def digest_of(*parts: bytes) -> str:
    """sha256, in hex, of these bytes one after another."""
    import hashlib

    made = hashlib.sha256()
    for part in parts:
        made.update(part)
    return made.hexdigest()


def allows_all() -> bool:
    """Whether a script allows every host and link."""
    return "*" in script_allows()


def is_noted(kind: str, digest: str) -> bool:
    """Whether the note is there. Without a home folder none is."""
    try:
        return (state_dir() / kind / digest).is_file()
    except (FileError, OSError):
        return False


def note(kind: str, digest: str, words: str) -> None:
    """Have the note, on the disk. Raises: FileError."""
    target = state_dir() / kind / digest
    try:
        _made(target.parent)
        temp = target.with_name(f".{digest}.{os.getpid()}")
        with temp.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(f"{words}\n")
            stream.flush()
            os.fsync(stream.fileno())
        temp.replace(target)
    except OSError as e:
        raise file_error(target, e, doing="write") from e


def claim(kind: str, digest: str) -> bool:
    """Have the note, without words; whether it is of this call. Of several processes one has it; where none can be
    kept, each.
    """
    try:
        place = state_dir() / kind / digest
        _made(place.parent)
        place.touch(exist_ok=False)
    except FileExistsError:
        return False
    except (FileError, OSError):
        return True
    return True


def forget(kind: str, digest: str) -> None:
    """Take the note away again. Raises: FileError."""
    target = state_dir() / kind / digest
    try:
        target.unlink(missing_ok=True)
    except OSError as e:
        raise file_error(target, e, doing="remove") from e


def secret() -> bytes:
    """The key of this user on this machine, made when it is first asked for; b"" where none can be kept."""
    try:
        place = state_dir() / "key"
        return _read_key(place) or _new_key(place)
    except (FileError, OSError):
        return b""


def signature(*parts: bytes | memoryview) -> str:
    """A word that only this user on this machine can give to these bytes, one part after another; "" without a key."""
    key = secret()
    if not key:
        return ""
    made = _blake2b()(key=key, digest_size=16)
    for part in parts:
        made.update(part)
    return made.hexdigest()


def read_private(name: str) -> bytes:
    """A file of the state folder that nobody else can have read or written; b"" when there is none."""
    try:
        with (state_dir() / name).open("rb") as stream:
            status, data = os.fstat(stream.fileno()), stream.read(_PRIVATE_BYTES)
    except (FileError, OSError):
        return b""
    is_ours = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return data if is_ours else b""


def write_private(name: str, data: bytes) -> None:
    """Have such a file. Raises: FileError."""
    target = state_dir() / name
    try:
        _made(target.parent)
        temp = target.with_name(f".{target.name}.{os.getpid()}")
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        temp.replace(target)
    except OSError as e:
        raise file_error(target, e, doing="write") from e


def _blake2b() -> "type[hashlib.blake2b]":
    """hashlib's own, without OpenSSL, for which every command would wait that asks for a signature."""
    try:
        from _blake2 import blake2b
    except ImportError:  # another Python
        from hashlib import blake2b
    return blake2b


def _read_key(place: Path) -> bytes:
    """The key, if nobody else can have written it."""
    try:
        with place.open("rb") as stream:
            status, key = os.fstat(stream.fileno()), stream.read(_SECRET_BYTES + 1)
    except FileNotFoundError:
        return b""
    is_ours = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return key if is_ours and len(key) == _SECRET_BYTES else b""


def _new_key(place: Path) -> bytes:
    """A new key; of two commands that make one at once both take the same."""
    _made(place.parent)
    temp = place.with_name(f".key.{os.getpid()}")
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(os.urandom(_SECRET_BYTES))
        stream.flush()
        os.fsync(stream.fileno())
    with contextlib.suppress(FileExistsError):
        place.hardlink_to(temp)
    temp.unlink(missing_ok=True)
    return _read_key(place)


def _made(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)

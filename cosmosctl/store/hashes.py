"""sha256 of videos, remembered as long as size, times and inode stay what they were. The memory is disposable."""

import contextlib
import functools
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.io import user_state
from cosmosctl.io.os_error import file_error
from cosmosctl.io.signed import read_cache, write_cache
from cosmosctl.io.stat_key import is_settled, stat_key

_ATTEMPTS = 3


def hash_file(root: Path, path: Path) -> str:
    """sha256 of one file in hex. See `hash_files`."""
    return hash_files(root, [path])[path]


def hash_files(root: Path, paths: Iterable[Path]) -> dict[Path, str]:
    """sha256 of each file in hex; `paths` are absolute or relative to `root`, and read only when not known.

    A file that changes while it is read is read again. Raises: FileError.
    """
    memory_file = ProjectPaths(root).derived / "hashes.json"
    before = _read(memory_file)
    known = dict(before)
    found = {path: _hash(root / path, _name(root, path), known) for path in dict.fromkeys(paths)}
    if known != before:
        with contextlib.suppress(FileError):  # a read-only project, a full disk: hashed again next time
            write_cache(memory_file, known)
    return found


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _hash(path: Path, name: str, known: dict[str, list[str]]) -> str:
    try:
        for _ in range(_ATTEMPTS):
            started_ns = time.time_ns()
            status = path.stat()
            key = stat_key(status)
            if known.get(name, [""])[0] == key:
                return known[name][1]
            digest = _digest(path)
            if stat_key(path.stat()) == key:
                _remember(name, status, started_ns, digest, known)
                return digest
    except OSError as error:
        raise file_error(path, error, doing="read") from error
    raise FileError(f"{path}: changes while it is read", hint="wait until it is written, then try again")


def _digest(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remember(name: str, status: os.stat_result, started_ns: int, digest: str, known: dict[str, list[str]]) -> None:
    if is_settled(status, started_ns):
        known[name] = [stat_key(status), digest]
    else:
        known.pop(name, None)


def _read(path: Path) -> Mapping[str, list[str]]:
    """What is remembered; nothing when the file is not there, damaged or not signed by this user."""
    try:
        return _parsed(path, f"{stat_key(path.lstat())} {user_state.state_dir()}")
    except (OSError, FileError):
        return {}


@functools.lru_cache(maxsize=1)
def _parsed(path: Path, key: str) -> Mapping[str, list[str]]:
    """Decoded once as long as `key` says that the file is the same: callers ask for one video at a time."""
    known = read_cache(path)
    is_sound = isinstance(known, dict) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        for pair in known.values()
    )
    return known if is_sound else {}

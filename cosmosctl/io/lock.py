"""One writer at a time: locks that the system gives back when their holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.os_error import file_error

if TYPE_CHECKING:
    from filelock import BaseFileLock

WAIT_S = 600
"""Longer than any step that is taken under a lock: the longest decodes one video."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, waiting for whoever has it. Raises: FileError after ten minutes."""
    lock = _lock(path)
    if not _acquired(lock, path, WAIT_S):
        raise FileError(f"{path}: another cosmosctl has held this lock for {WAIT_S} s")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked_at_once(path: Path) -> Iterator[bool]:
    """Hold the lock at `path` if nobody has it; yields whether it was got. Raises: FileError."""
    lock = _lock(path)
    held = _acquired(lock, path, 0)
    try:
        yield held
    finally:
        if held:
            lock.release()


def _lock(path: Path) -> "BaseFileLock":
    from filelock import FileLock

    return FileLock(path)


def _acquired(lock: "BaseFileLock", path: Path, timeout_s: float) -> bool:
    from filelock import Timeout

    try:
        own.make_folders(path.parent)
        lock.acquire(timeout=timeout_s)
    except Timeout:
        return False
    except OSError as e:
        raise file_error(path, e, doing="lock") from e
    return True

"""One writer at a time: locks that the system gives back when their holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cosmosctl.errors import FileError


@contextmanager
def locked(path: Path, *, timeout_s: float = 600) -> Iterator[bool]:
    """Hold the lock at `path`; yields whether it was got. `timeout_s` 0 tries once. Raises: FileError."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=timeout_s)
    except Timeout:
        if timeout_s == 0:
            yield False
            return
        raise FileError(f"{path}: another cosmosctl held this lock for {timeout_s:g} s") from None
    except OSError as e:
        raise FileError(f"{path}: cannot be locked: {e.strerror}", hint="is the project writable?") from e
    try:
        yield True
    finally:
        lock.release()

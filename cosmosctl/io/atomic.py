"""Files that are either whole or not there: temp in the same folder, flush, fsync, replace, fsync of the folder."""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from cosmosctl.io.os_error import file_error

TEMP_PREFIX = ".cosmosctl-"
TEMP_SUFFIX = ".tmp"
"""What a killed process may leave behind looks like `.cosmosctl-1a2b3c4d.tmp`."""
STALE_S = 60
"""A writer touches its file more often than this."""


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """`path` holds `text` as UTF-8, line ends as given. See `write_bytes`."""
    write_bytes(path, text.encode(), durable=durable)


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """`path` holds `data`, or on any error what it held before; missing folders are made.

    `durable=False` leaves out fsync: for derived files that are made again when damaged.
    Raises: FileError.
    """
    with replace_with(path, durable=durable) as temp, temp.open("wb") as file:
        file.write(data)


@contextlib.contextmanager
def replace_with(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A new empty file beside `path` to be filled; it takes the place of `path` when the block ends well.

    The permissions of a file that is replaced are kept. Raises: FileError, also for an OSError in the block.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temp = _new_temp(path)
        try:
            yield temp
            _finish(temp, durable=durable)
            temp.replace(path)
        finally:
            temp.unlink(missing_ok=True)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise file_error(path, error, doing="write") from error


def create_exclusive(path: Path, data: bytes) -> None:
    """`path` is a new file that holds `data`, whole from its first moment; missing folders are made.

    Raises: FileError, also when there is anything of that name already.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temp = _new_temp(path)
        try:
            temp.write_bytes(data)
            _finish(temp, durable=True)
            _link_or_copy(temp, path, data)
        finally:
            temp.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise file_error(path, error, doing="create") from error


def remove_temps(folder: Path, *, unused_for_s: float) -> None:
    """Remove what writers who were killed left in `folder`, if nobody has touched it for so long."""
    for temp in folder.glob(f"{TEMP_PREFIX}*{TEMP_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - temp.stat().st_mtime >= unused_for_s:
                temp.unlink()


def sync_folder(folder: Path) -> None:
    """The folder's list of names is on the disk, where its file system can promise that."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


def _new_temp(path: Path) -> Path:
    temp = path.with_name(f"{TEMP_PREFIX}{os.urandom(4).hex()}{TEMP_SUFFIX}")
    os.close(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    with contextlib.suppress(FileNotFoundError):
        old = path.lstat().st_mode
        if stat.S_ISREG(old):
            temp.chmod(stat.S_IMODE(old))
    return temp


def _finish(temp: Path, *, durable: bool) -> None:
    if not durable:
        return
    descriptor = os.open(temp, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link_or_copy(temp: Path, path: Path, data: bytes) -> None:
    """A hard link appears at once and never replaces anything; file systems without them get a plain new file."""
    try:
        path.hardlink_to(temp)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
            raise
        with path.open("xb") as file:
            file.write(data)

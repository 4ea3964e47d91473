"""Copies of large files: shared blocks where the file system can do that, else plain."""

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from cosmosctl.io.atomic import TEMP_PREFIX, TEMP_SUFFIX, sync_folder
from cosmosctl.io.os_error import file_error

_FICLONE = 0x40049409
"""ioctl of Linux (linux/fs.h): the second file shares the first one's blocks."""


def copy_into_new_folder(files: Mapping[str, Path], folder: Path) -> None:
    """`folder` is new and holds copies of `files` (name -> file); it is whole from its first moment, or not there.

    Raises: FileError, also when there is anything of that name already.
    """
    temp = folder.with_name(f"{TEMP_PREFIX}{os.urandom(4).hex()}{TEMP_SUFFIX}")
    try:
        temp.mkdir(parents=True)
        try:
            for name, source in files.items():
                _copy(source, temp / name)
            sync_folder(temp)
            folder.mkdir()  # fails when there is anything; an empty folder of ours is what rename may replace
            temp.rename(folder)
        finally:
            shutil.rmtree(temp, ignore_errors=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise file_error(folder, error, doing="create") from error


def copy_new_file(source: Path, target: Path) -> None:
    """`target` is new and a whole copy of `source`. Raises: FileError, also when there is anything of that name."""
    temp = target.with_name(f"{TEMP_PREFIX}{os.urandom(4).hex()}{TEMP_SUFFIX}")
    try:
        try:
            _copy(source, temp)
            os.link(temp, target)  # fails when there is anything
        finally:
            temp.unlink(missing_ok=True)
        sync_folder(target.parent)
    except OSError as error:
        raise file_error(target, error, doing="create") from error


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("xb") as new:
        if not _shares_blocks(old.fileno(), new.fileno()):
            shutil.copyfileobj(old, new, 1 << 20)
        new.flush()
        os.fsync(new.fileno())


def _shares_blocks(old: int, new: int) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    with contextlib.suppress(OSError):  # another disk, or a file system that cannot
        fcntl.ioctl(new, _FICLONE, old)
        return True
    return False

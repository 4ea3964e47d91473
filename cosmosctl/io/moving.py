"""The tool's files and folders moved whole, to another disk too: a copy there first, then the original goes.

Every step may be cut off and repeated. Nothing is overwritten, and nothing goes through a link (`own`).
"""

import errno
import os
import stat
from pathlib import Path

from cosmosctl.io import own
from cosmosctl.io.atomic import sync_folder
from cosmosctl.io.os_error import file_error

NO_LINK = frozenset((errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS))
"""Why a file system makes no hard link: another disk, none at all, too many of one file, another user's file."""


def move(source: Path, target: Path) -> None:
    """Have `source` at `target`, where nothing is, whole or not at all, and on the disk before anything tells of it."""
    sync_below(source)
    own.make_folders(target.parent)
    relocate(source, target)
    sync_folder(target.parent)


def move_aside(source: Path, target: Path) -> None:
    """Have `source` at `target`, or under the first name like it that is not taken; the folder is made.

    What a move to another disk left that was cut off after the copy was whole is removed.
    """
    own.make_folders(target.parent)
    if _is_rest(source, target):
        own.remove(source)
    else:
        relocate(source, free(target))


def relocate(source: Path, target: Path) -> None:
    """Have `source` at `target`, where nothing is, on whatever disk."""
    try:
        own.rename(source, target)
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        copy_whole(source, target)
        own.remove(source)


def copy_whole(source: Path, target: Path, *, linked: bool = False) -> None:
    """A copy of a file or folder at `target`, where nothing is, whole or not at all; links are copied as links.

    `linked`: a file and its copy are one on the disk where it makes that. Raises: NotOwn, FileError.
    """
    from shutil import copy2, copytree

    half = target.with_name(f".{target.name}.new")
    own.remove(half)
    own.make_folders(target.parent)
    try:
        if source.is_dir() and not source.is_symlink():
            copytree(source, half, symlinks=True, copy_function=link_or_copy if linked else copy2)
        else:
            copy2(source, half, follow_symlinks=False)
        sync_below(half)
        half.rename(target)
        sync_folder(target.parent)
    except OSError as e:
        raise file_error(target, e, doing="write") from e


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """`target` is the file `source` under another name, or a copy where the disk makes no such link."""
    try:
        Path(target).hardlink_to(source)
    except OSError as e:
        if e.errno not in NO_LINK:
            raise
        from shutil import copyfile

        copyfile(source, target)


def free(path: Path) -> Path:
    """`path`, or the first of path.1, path.2, … that is not taken."""
    number, found = 0, path
    while found.exists() or found.is_symlink():
        number += 1
        found = path.with_name(f"{path.name}.{number}")
    return found


def _is_rest(source: Path, target: Path) -> bool:
    """Whether all that `source` still holds lies at `target`, on another disk, byte for byte."""
    import filecmp

    if not target.exists() or source.is_symlink() or source.stat().st_dev == target.stat().st_dev:
        return False
    files = [file for file in (source, *source.rglob("*")) if file.is_symlink() or not file.is_dir()]
    if any(file.is_symlink() for file in files):
        return False
    pairs = ((file, target / file.relative_to(source)) for file in files)
    return all(twin.is_file() and filecmp.cmp(file, twin, shallow=False) for file, twin in pairs)


def sync_below(path: Path) -> None:
    """Have the disk hold all that is in `path` as it is now: files and folders, as nothing else holds anything.

    Raises: NotOwn when that lies behind a link.
    """
    own.checked(path.parent)
    for file in (path, *path.rglob("*")):
        if stat.S_IFMT(file.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            continue
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

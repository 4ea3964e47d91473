"""What the operating system refused, in the user's words."""

import errno
import os
from pathlib import Path

from cosmosctl.errors import FileError

_WORDS = {
    errno.ENOSPC: ("there is no space left on the disk", "df -h {folder}"),
    errno.EDQUOT: ("your disk quota is used up", "quota -s"),
    errno.EACCES: ("permission denied", "ls -ld {folder}"),
    errno.EPERM: ("permission denied", "ls -ld {folder}"),
    errno.EROFS: ("the file system is read-only", "findmnt -T {folder}"),
    errno.ENOENT: ("it does not exist", ""),
    errno.ENOTDIR: ("a part of its path is not a folder", ""),
    errno.EISDIR: ("it is a folder", ""),
    errno.EEXIST: ("it exists already", ""),
    errno.ENAMETOOLONG: ("its name is too long", ""),
    errno.ELOOP: ("its symbolic links lead in a circle", ""),
    errno.EMFILE: ("too many files are open", "ulimit -n"),
    errno.EIO: ("the disk reported an error", ""),
}


_ENVIRONMENT = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO)
)


def is_environment(error: OSError) -> bool:
    """Whether it tells of the machine (disk, permissions, limits), not of a mistake in this program."""
    return error.errno in _ENVIRONMENT


def is_there(path: Path) -> bool:
    """Whether something is at `path`, or may be: nobody may look."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as e:
        return is_environment(e)
    return True


def os_words(error: OSError) -> str:
    """What went wrong, without path and error number."""
    words, _ = _WORDS.get(error.errno or 0, ("", ""))
    return words or (error.strerror or str(error)).lower()


def file_error(path: Path, error: OSError, *, doing: str) -> FileError:
    """The error for `path`; `doing` is what could not be done: "read", "write". The hint names a folder that is there.

    A disk that has room for bytes and none for another file is told as that.
    """
    there = os.path.isdir  # Path.is_dir raises where one may not look, up to Python 3.13
    folder = next((one for one in path.parents if there(one)), path.parent)
    words, hint = os_words(error), _WORDS.get(error.errno or 0, ("", ""))[1]
    if error.errno == errno.ENOSPC and _lacks_inodes(folder):
        words, hint = "the disk holds as many files as it can (no inode is free)", "df -i {folder}"
    return FileError(f"{path}: cannot {doing}: {words}", hint=hint.format(folder=folder))


def _lacks_inodes(folder: Path) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_files > 0 and disk.f_favail == 0 and disk.f_bavail > 0

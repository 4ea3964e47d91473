"""The tool's own files: reached without following a link, regular, no larger than they may be.

Git and hosts bring names, links, pipes and devices of their own choosing under every name that we use. So nothing here
goes through a symbolic link in any part of a path, opens what is no regular file, or reads without a bound. Paths are
absolute and start with a resolved root (`store.find_root`): a link that is met was brought by the project. A link that
leads to another disk may be allowed once on this machine (`user_state.LINKS`).
"""

import contextlib
import errno
import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from cosmosctl.errors import FileError
from cosmosctl.io import user_state
from cosmosctl.io.os_error import file_error, os_words

RECEIPT_BYTES = 1 << 20
"""Most bytes of a receipt: what a thousand outputs with their hashes take, ten times over."""

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotOwn(FileError):
    """Under a name of the tool's lies what it did not put there: a link, a pipe, a device, a file too large."""


def read_bytes(path: Path, *, most: int) -> bytes:
    """All bytes of a file. Raises: FileNotFoundError; NotOwn; FileError when it cannot be read."""
    with opened(path, os.O_RDONLY) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise NotOwn(f"{path}: has {size} bytes, at most {most} are read")
        with open(descriptor, "rb", closefd=False) as stream:
            data = stream.read(most + 1)
    if len(data) > most:
        raise NotOwn(f"{path}: grows beyond {most} bytes while it is read")
    return data


@contextlib.contextmanager
def opened(path: Path, flags: int, mode: int = 0o666) -> Iterator[int]:
    """A descriptor of a regular file; `flags` as of os.open. Raises: FileNotFoundError, NotOwn, FileError."""
    descriptor = _open(path, flags, mode)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotOwn(f"{path}: is no regular file", hint=f"ls -l {shlex.quote(str(path))}")
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int, mode: int) -> int:
    try:
        if not flags & os.O_CREAT:
            descriptor = os.open(path, flags | _CAREFULLY, mode)
            if _lies_at(descriptor, path):
                return descriptor
            os.close(descriptor)
        with folder(path.parent) as above:
            return os.open(path.name, flags | _CAREFULLY, mode, dir_fd=above)
    except FileNotFoundError:
        raise
    except OSError as e:
        raise _refused(path, e, doing="open") from e


def _lies_at(descriptor: int, path: Path) -> bool:
    """Whether the open file has just this path, with no link on the way; False also where the system cannot tell."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == str(path)  # noqa: PTH115  # of a descriptor
    except OSError:
        return False


@contextlib.contextmanager
def folder(path: Path) -> Iterator[int]:
    """A descriptor of a folder for `dir_fd`, reached part by part.

    Raises: NotOwn at a link that was not allowed; FileNotFoundError; FileError.
    """
    descriptor = os.open(path.anchor, _FOLDER)
    try:
        reached = Path(path.anchor)
        for part in path.parts[1:]:
            reached /= part
            inner = _entered(descriptor, reached)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _entered(above: int, path: Path) -> int:
    try:
        return os.open(path.name, _FOLDER, dir_fd=above)
    except FileNotFoundError:
        raise
    except OSError as e:
        if _is_link(above, path.name) and is_allowed_link(path):
            return os.open(os.path.realpath(path), _FOLDER)
        raise _refused(path, e, doing="open") from e


def is_allowed_link(path: Path) -> bool:
    """Whether the user said on this machine that this link may lead where it leads."""
    return user_state.is_noted(user_state.LINKS, link_digest(path))


def link_digest(path: Path) -> str:
    """What stands for a link and its target in the notes of allowed ones."""
    return user_state.digest_of(str(path).encode(), b"\0", os.fsencode(os.path.realpath(path)))


def _is_link(above: int, name: str) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
    return False


def _refused(path: Path, error: OSError, *, doing: str) -> FileError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
        link = next((part for part in reversed((path, *path.parents)) if part.is_symlink()), None)
        if link is not None:
            words = "is a symbolic link; the tool's own files and folders have to be files and folders"
            way = shlex.quote(str(link))
            return NotOwn(f"{link}: {words}", hint=f"rm {way}, or cosmosctl host allow --link {way}")
    if error.errno == errno.ENXIO:
        return NotOwn(f"{path}: is no regular file", hint=f"ls -l {shlex.quote(str(path))}")
    return file_error(path, error, doing=doing)


def checked(path: Path) -> Path:
    """`path` itself, when neither it nor a folder above it is a link. What is not there yet is well.

    For libraries that open by path: locks, rsync, video writers. Raises: NotOwn, FileError.
    """
    existing = path
    while not os.path.lexists(existing):
        existing = existing.parent
    try:
        with folder(existing.parent) as above:
            if _is_link(above, existing.name) and not is_allowed_link(existing):
                raise _refused(existing, OSError(errno.ELOOP, ""), doing="open")
    except FileNotFoundError:
        return path
    return path


def make_folders(path: Path) -> None:
    """Have the folder and all above it. Raises: NotOwn, FileError."""
    try:
        checked(path).mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise file_error(path, e, doing="create") from e


def names(path: Path) -> list[str]:
    """The names in a folder, sorted; none when it is not there. Raises: NotOwn, FileError."""
    try:
        with folder(path) as descriptor:
            inside = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
            try:
                return sorted(os.listdir(inside))  # noqa: PTH208  # of a descriptor
            finally:
                os.close(inside)
    except FileNotFoundError:
        return []
    except OSError as e:
        raise file_error(path, e, doing="list") from e


def remove(path: Path) -> None:
    """Have nothing at `path`: a file, a link itself, or a whole folder. Links inside are removed, never followed.

    Raises: NotOwn, FileError.
    """
    try:
        with folder(path.parent) as above:
            status = os.stat(path.name, dir_fd=above, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                shutil.rmtree(path.name, dir_fd=above)
            else:
                os.unlink(path.name, dir_fd=above)
    except FileNotFoundError:
        return
    except OSError as e:
        raise file_error(path, e, doing="remove") from e


def rename(path: Path, target: Path) -> None:
    """Have `path` at `target`; a file there is replaced. Raises: OSError as of os.rename, NotOwn, FileError."""
    with folder(path.parent) as above, folder(target.parent) as new_above:
        os.rename(path.name, target.name, src_dir_fd=above, dst_dir_fd=new_above)


def words_of(error: Exception) -> str:
    """What an error of this module says, without the path."""
    return os_words(error) if isinstance(error, OSError) else str(error).partition(": ")[2]

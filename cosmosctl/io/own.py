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
import stat
from collections.abc import Iterator
from pathlib import Path

from cosmosctl.errors import FileError
from cosmosctl.io.links import LINK_WORDS, is_allowed_link, is_strange_link, link_hint, may_be_allowed
from cosmosctl.io.os_error import file_error

RECEIPT_BYTES = 1 << 20
"""Most bytes of a receipt: what a thousand outputs with their hashes take, ten times over."""
EVENTS_BYTES = 256 << 20
"""Most that a host may send of a batch's events: about a month of them, at one of a hundred bytes a second."""


FOLDER, LINK = "folder", "link"
"""Kinds of what lies in a folder."""

_LEAST_BYTES = 1 << 12
_PIECE_BYTES = 1 << 20
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotOwn(FileError):
    """Under a name of the tool's lies what it did not put there: a link, a pipe, a device, a file too large.

    `link`: the link, when the user may say that it leads where it should.
    """

    def __init__(self, path: Path, words: str, *, hint: str = "", link: Path | None = None) -> None:
        super().__init__(f"{path}: {words}", hint=hint)
        self.words = words
        self.link = link


def read_bytes(path: Path, *, most: int) -> bytes:
    """All bytes of a file. Raises: FileNotFoundError; NotOwn; FileError when it cannot be read."""
    with opened(path, os.O_RDONLY) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise NotOwn(path, f"has {size} bytes, at most {most} are read")
        data = read_up_to(descriptor, most + 1)
    if len(data) > most:
        raise NotOwn(path, f"grows beyond {most} bytes while it is read")
    return data


def read_start(path: Path, most: int) -> bytes:
    """The first bytes of a file, however long it is. Raises: FileNotFoundError; NotOwn; FileError."""
    with opened(path, os.O_RDONLY) as descriptor:
        return os.read(descriptor, most)


def digest(path: Path, *before: bytes, most: int) -> str:
    """sha256, in hex, of these bytes and all of a file, of which no more than a piece is held at a time.

    Raises: FileNotFoundError; NotOwn; FileError when it cannot be read.
    """
    import hashlib

    made, left = hashlib.sha256(b"".join(before)), most
    with opened(path, os.O_RDONLY) as descriptor:
        while piece := os.read(descriptor, _PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise NotOwn(path, f"has more than {most} bytes")
            made.update(piece)
    return made.hexdigest()


def read_up_to(descriptor: int, most: int) -> bytes:
    """The next `most` bytes of a file, or those there are. No buffer is made for more than it has: to make one of a
    megabyte takes ten times as long as to read a run's file.
    """
    pieces, left = [], most
    at_once = max(os.fstat(descriptor).st_size + 1, _LEAST_BYTES)
    while left and (piece := os.read(descriptor, min(left, at_once))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


@contextlib.contextmanager
def opened(path: Path, flags: int, mode: int = 0o666) -> Iterator[int]:
    """A descriptor of a regular file; `flags` as of os.open. Raises: FileNotFoundError, NotOwn, FileError."""
    descriptor = _open(path, flags, mode)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotOwn(path, "is no regular file", hint=f"ls -l {shlex.quote(str(path))}")
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int, mode: int) -> int:
    try:
        if not flags & os.O_CREAT and (descriptor := _opened_at_once(path, flags, mode)) is not None:
            return descriptor
        with folder(path.parent) as above:
            return os.open(path.name, flags | _CAREFULLY, mode, dir_fd=above)
    except FileNotFoundError:
        raise
    except OSError as e:
        raise _refused(path, e, doing="open") from e


def _opened_at_once(path: Path, flags: int, mode: int) -> int | None:
    """The file by its whole path, as nearly always there is no link in it; None when there may be one."""
    try:
        descriptor = os.open(path, flags | _CAREFULLY, mode)
    except OSError as e:
        if e.errno == errno.ELOOP:
            return None
        raise
    if _lies_at(descriptor, path):
        return descriptor
    os.close(descriptor)
    return None


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


def _is_link(above: int, name: str) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
    return False


def _refused(path: Path, error: OSError, *, doing: str) -> FileError | FileNotFoundError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
        links = (part for part in reversed((path, *path.parents)) if is_strange_link(part))
        link = next(links, None)
        if link is not None:
            return NotOwn(link, LINK_WORDS, hint=link_hint(link), link=link if may_be_allowed(link) else None)
    if error.errno == errno.ENOTDIR:  # a file where a folder would be: nothing can lie below it
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if error.errno == errno.ENXIO:
        return NotOwn(path, "is no regular file", hint=f"ls -l {shlex.quote(str(path))}")
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


@contextlib.contextmanager
def replace_with(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """`atomic.replace_with` below a folder that no link leads to; a link at `path` itself is replaced."""
    from cosmosctl.io import atomic

    make_folders(path.parent)
    with atomic.replace_with(path, durable=durable) as temp:
        yield temp


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """`path` holds `data`, or on any error what it held before; missing folders are made. Raises: NotOwn, FileError."""
    with replace_with(path, durable=durable) as temp, temp.open("wb") as stream:
        stream.write(data)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """`write_bytes` of UTF-8, line ends as given."""
    write_bytes(path, text.encode(), durable=durable)


def create_exclusive(path: Path, data: bytes) -> None:
    """`atomic.create_exclusive` below a folder that no link leads to."""
    from cosmosctl.io import atomic

    make_folders(path.parent)
    atomic.create_exclusive(path, data)


def copy_file(source: Path, target: Path) -> None:
    """`target` is a whole copy of `source`, which may lie anywhere. Raises: NotOwn, FileError."""
    from shutil import copyfile

    with replace_with(target, durable=False) as temp:
        copyfile(source, temp)


def is_file(path: Path) -> bool:
    """Whether a regular file lies there, with no link on the way that was not allowed."""
    try:
        with opened(path, os.O_RDONLY):
            return True
    except (OSError, FileError):
        return False


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


def kinds(path: Path) -> list[tuple[str, str]]:
    """(name, FOLDER, LINK or "" for anything else) of all that lies in a folder, sorted; none when it is not there.

    Raises: NotOwn, FileError.
    """
    try:
        with folder(path) as descriptor:
            inside = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
            try:
                with os.scandir(inside) as entries:
                    return sorted([(entry.name, _kind(entry)) for entry in entries])
            finally:
                os.close(inside)
    except FileNotFoundError:
        return []
    except OSError as e:
        raise file_error(path, e, doing="list") from e


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return LINK
    return FOLDER if entry.is_dir(follow_symlinks=False) else ""


def remove(path: Path) -> None:
    """Have nothing at `path`: a file, a link itself, or a whole folder. Links inside are removed, never followed.

    Raises: NotOwn, FileError.
    """
    try:
        with folder(path.parent) as above:
            status = os.stat(path.name, dir_fd=above, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                from shutil import rmtree

                rmtree(path.name, dir_fd=above)
            else:
                os.unlink(path.name, dir_fd=above)
    except FileNotFoundError:
        return
    except OSError as e:
        raise file_error(path, e, doing="remove") from e


def discard(path: Path) -> None:
    """`remove`, as far as that can be done: what nobody will miss, nobody has to be told of."""
    with contextlib.suppress(FileError):
        remove(path)


def remove_strange(path: Path) -> None:
    """Have nothing but folders and regular files in the folder, at any depth. Raises: NotOwn, FileError."""
    checked(path)
    for above, folders, files in os.walk(path):
        for name in (*folders, *files):
            place = Path(above, name)
            if stat.S_IFMT(place.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
                remove(place)


def remove_temps(folder: Path, *, unused_for_s: float) -> None:
    """`atomic.remove_temps` in a folder that no link leads to. Raises: NotOwn, FileError."""
    from cosmosctl.io import atomic

    atomic.remove_temps(checked(folder), unused_for_s=unused_for_s)


def rename(path: Path, target: Path) -> None:
    """Have `path` at `target`; a file there goes. Raises: FileNotFoundError; OSError with EXDEV; NotOwn, FileError."""
    try:
        with folder(path.parent) as above, folder(target.parent) as new_above:
            os.rename(path.name, target.name, src_dir_fd=above, dst_dir_fd=new_above)
    except OSError as e:
        raise e if e.errno in (errno.EXDEV, errno.ENOENT) else file_error(target, e, doing="write") from e

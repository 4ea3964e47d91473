"""Files of the host, moved and written so that being killed or a full disk spoils nothing. It knows of no batch."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple, TypeVar

DISK_WAIT_S = 600.0
"""How long a full disk is waited for."""

T = TypeVar("T")


def patiently(action: Callable[[], T]) -> T:
    """What `action` returns, tried again for a while when the disk is full; it has to bear being repeated."""
    deadline = time.monotonic() + DISK_WAIT_S
    while True:
        try:
            return action()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def opened(path: Path, flags: int, mode: int = 0o644) -> int:
    """A descriptor of a file. A link, a pipe or a device in its place is somebody else's: OSError, at once."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return descriptor


def input_trouble(path: Path, size: int, digest: str) -> str:
    """What is wrong with an input, "" for nothing. A damaged one is renamed, so that the next push sends it again."""
    try:
        found = path.stat().st_size
        if found == size and sha256(path) == digest:
            return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    with suppress(OSError):  # the pool may be read-only here
        os.replace(path, f"{path}.damaged")
    return "its content is not what was sent" if found == size else f"has {found} bytes, {size} were sent"


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def described(file: Path, folder: Path) -> Dict[str, Any]:
    """An output as run_done tells it."""
    return {"path": file.relative_to(folder).as_posix(), "bytes": file.stat().st_size, "sha256": sha256(file)}


def files_below(folder: Path) -> List[Path]:
    """The regular files of a tree, sorted; links are none."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink()]


def folder_size(folder: Path) -> Tuple[int, int]:
    """(files, bytes) below a folder that is being written to."""
    count = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.lstat(os.path.join(parent, name)).st_size
                count += 1
    return count, size


def write_fresh(folder: Path, files: Dict[str, str]) -> None:
    """A folder that holds these files and nothing else; a link in its place goes, and what it leads to stays."""
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode("utf-8"))


def move(moves: Dict[Path, Path]) -> None:
    """Renames each source that is there to its target; may be cut off and repeated."""
    for source, target in moves.items():
        if source.exists():
            patiently(lambda: target.parent.mkdir(parents=True, exist_ok=True))  # noqa: B023 (called at once)
            patiently(lambda: os.rename(source, target))  # noqa: B023


def sync(*paths: Path) -> None:
    """Has the disk hold these files and folders as they are now."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def commit_of(folder: Path) -> str:
    """The commit that a git repository has checked out, read without git; "" when it cannot be told."""
    with suppress(OSError, UnicodeDecodeError):
        git = folder / ".git"
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        name = head[5:] if head.startswith("ref: ") else ""
        if name and (git / name).is_file():
            head = (git / name).read_text(encoding="ascii").strip()
        elif name:
            packed = (git / "packed-refs").read_text(encoding="ascii").splitlines()
            head = next((line.split(" ")[0] for line in packed if line.endswith(f" {name}")), "")
        return head if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", head) else ""
    return ""

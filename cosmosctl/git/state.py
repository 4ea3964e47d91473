"""What git is at in a folder, told by its files. git itself is never started, and no more than names is believed.

A report that is missing may be on another branch, or in the stash: a file of that name would keep git from bringing it
back ("untracked working tree files would be overwritten").
"""

import contextlib
import os
from pathlib import Path

from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.given_path import is_folder, is_there

_NAME_BYTES, _REFS_BYTES = 4096, 64 << 20
_BRANCH = "ref: "

OF_A_REPOSITORY = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
)
"""Variables that name a repository, as hooks have them (`git rev-parse --local-env-vars`): it may be another one."""


GIT = ".git"
_ELSEWHERE, _SECOND = "gitdir:", "worktrees"


def work_tree(root: Path) -> Path | None:
    """The folder of the work tree that `root` lies in; None outside of one."""
    return next((folder for folder in (root, *root.parents) if is_there(folder / GIT)), None)


def git_folder(root: Path) -> Path | None:
    """Where git keeps HEAD of that work tree; of a second work tree it lies in the folder of the first."""
    top = work_tree(root)
    if top is None or is_folder(top / GIT):
        return None if top is None else top / GIT
    line = first_line(top / GIT)
    folder = top / line.removeprefix(_ELSEWHERE).strip()
    return folder if line.startswith(_ELSEWHERE) and is_folder(folder) else None


def second_tree(root: Path) -> str:
    """What git calls the work tree that `root` lies in, where it is not the first of its repository; else ""."""
    folder = git_folder(root)
    is_second = folder is not None and folder.name != GIT and folder.parent.name == _SECOND
    return folder.name if folder is not None and is_second else ""


def branch(root: Path) -> str:
    """What is checked out in the work tree that `root` lies in: refs/heads/NAME, a commit's id; "" where git is not."""
    folder = git_folder(root)
    return first_line(folder / "HEAD").removeprefix(_BRANCH) if folder is not None else ""


def may_bring_back(root: Path, written_on: str, written: Path) -> bool:
    """Whether git may hold the file that was written on the branch `written_on`, at the time of the file `written`.

    It may where nobody knows the branch.
    """
    is_unknown = written_on == "" and git_folder(root) is not None
    return is_unknown or is_elsewhere(root, written_on) or was_stashed(root, written)


def is_elsewhere(root: Path, written_on: str) -> bool:
    """Whether another branch is checked out than the one that something was written on, which is still there."""
    folder = git_folder(root)
    return folder is not None and written_on not in ("", branch(root)) and _is_ref(_common(folder), written_on)


def was_stashed(root: Path, since: Path) -> bool:
    """Whether something was stashed, and not dropped, after the file `since` was written."""
    folder = git_folder(root)
    return folder is not None and _mtime_ns(_common(folder) / "refs/stash") > _mtime_ns(since)


def _common(folder: Path) -> Path:
    return folder / (first_line(folder / "commondir") or ".")


def _is_ref(common: Path, name: str) -> bool:
    if not name.startswith("refs/"):
        return False
    if os.path.lexists(common / name):
        return True
    return any(line.endswith(f" {name}") for line in _text(common / "packed-refs", _REFS_BYTES).splitlines())


def first_line(path: Path) -> str:
    """The first line of a file of git's; "" where it cannot be read."""
    return _text(path, _NAME_BYTES).partition("\n")[0].strip()


def _text(path: Path, most: int) -> str:
    with contextlib.suppress(OSError, FileError):
        return own.read_bytes(path.resolve(), most=most).decode(errors="replace")
    return ""


def _mtime_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0

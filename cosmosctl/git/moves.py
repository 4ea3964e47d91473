"""Whether git is moving a work tree's files: a checkout, stash or merge is no save of anybody's."""

from pathlib import Path

from cosmosctl.io.given_path import is_folder, is_there

UNDER_WAY = ("rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "index.lock")
"""While one of these is there, git has not finished what it does to the files (gitrepository-layout(5))."""
MARKS = ("HEAD", "ORIG_HEAD", "stash")
"""What git writes when it has brought other files: in its folder, in logs/ and in refs/."""


def is_under_way(folder: Path | None) -> bool:
    """Whether git is in the middle of something."""
    return folder is not None and any(is_there(folder / name) for name in UNDER_WAY)


def watched(folder: Path) -> list[Path]:
    """The folders in which the marks are written."""
    return [one for one in (folder, folder / "logs", folder / "refs") if is_folder(one)]

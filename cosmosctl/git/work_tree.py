"""The git work tree that a project lies in: what is kept there is as much the project's as the project itself."""

import os
from pathlib import Path

from cosmosctl.git.state import GIT, first_line, git_folder, work_tree


def is_kept_by_git(root: Path, real: str) -> bool:
    """Whether a resolved path lies in the work tree around `root`, or where git keeps that one's objects.

    git-annex keeps its files there. A home folder that is in git is no project: whatever was unpacked in it would reach
    everything of its user.
    """
    top = work_tree(root)
    if top is None or holds_a_home(top):
        return False
    common = _common_folder(top)
    places = [os.path.realpath(place) for place in (top, common) if place is not None]
    return any(os.path.commonpath((real, place)) == place for place in places)


def holds_a_home(top: Path) -> bool:
    """Whether this user's home lies in that folder, or is it."""
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111  # Path's raises for a user without a home
    return Path(home).is_relative_to(os.path.realpath(top))


def _common_folder(top: Path) -> Path | None:
    """The `.git` of the main work tree of a linked one, which git itself made: it names this one's `.git` in turn."""
    dot, folder = top / GIT, git_folder(top)
    if folder is None or folder == dot or os.path.realpath(first_line(folder / "gitdir")) != os.path.realpath(dot):
        return None
    common = first_line(folder / "commondir")
    return folder / common if common else None

"""The git work tree that a project lies in: what is kept there is as much the project's as the project itself."""

import os
from pathlib import Path

from cosmosctl.io.given_path import is_file, is_folder, is_there

MOST_BYTES = 4096


def is_kept_by_git(root: Path, real: str) -> bool:
    """Whether a resolved path lies in the work tree around `root`, or where git keeps that one's objects.

    git-annex keeps its files there. A home folder that is in git is no project: whatever was unpacked in it would reach
    everything of its user.
    """
    top = next((folder for folder in (root, *root.parents) if is_there(folder / ".git")), None)
    if top is None or _holds_a_home(top):
        return False
    places = [str(top), *([str(common)] if (common := _common_folder(top / ".git")) else [])]
    return any(os.path.commonpath((real, os.path.realpath(place))) == os.path.realpath(place) for place in places)


def _holds_a_home(top: Path) -> bool:
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111  # Path's raises for a user without a home
    return Path(home).is_relative_to(os.path.realpath(top))


def _common_folder(dot: Path) -> Path | None:
    """The `.git` of the main work tree of a linked one, which git itself made: it names this `.git` in turn."""
    if is_folder(dot) or not is_file(dot):
        return None
    folder = Path(dot.parent, _first_line(dot).removeprefix("gitdir:").strip())
    if not is_file(folder / "gitdir") or os.path.realpath(_first_line(folder / "gitdir")) != os.path.realpath(dot):
        return None
    return Path(os.path.normpath(folder / _first_line(folder / "commondir"))) if is_file(folder / "commondir") else None


def _first_line(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(MOST_BYTES).decode("utf-8", errors="replace").partition("\n")[0].strip()

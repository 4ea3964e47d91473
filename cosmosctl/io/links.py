"""Links in place of the tool's own files and folders: which a user may allow on this machine, and which are allowed."""

import os
import shlex
from pathlib import Path

from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.io import user_state

LINK_WORDS = "is a symbolic link; the tool's own files and folders have to be files and folders"


_OF_RESULTS = ("preview", "logs", "outputs")
"""Folders of a result: links of these names stay mistakes."""


def may_be_allowed(path: Path) -> bool:
    """Whether a link is one that a user may keep for another disk: it leads to a folder, and is none of the folders
    that have to lie in a project, nor what a result is made of, which is moved about.
    """
    below_runs = path.parent.name == "runs" and (path.parent.parent / CONFIG_FILE).exists()
    of_project = path.name in ("runs", "prompts") and (path.parent / CONFIG_FILE).exists()
    of_result = path.name in _OF_RESULTS and path.parent.name != "batches"
    return path.is_dir() and not (below_runs or of_project or of_result)


def is_allowed_link(path: Path) -> bool:
    """Whether it is one that may be, and the user said on this machine that it is, or a script did for all."""
    is_noted = user_state.allows_all() or user_state.is_noted(user_state.LINKS, link_digest(path))
    return is_noted and may_be_allowed(path)


def is_strange_link(path: Path) -> bool:
    """Whether there is a link in place of the tool's own that nobody allowed here."""
    return path.is_symlink() and not is_allowed_link(path)


def link_digest(path: Path) -> str:
    """What stands for a link and its target in the notes of allowed ones."""
    return user_state.digest_of(str(path).encode(), b"\0", os.fsencode(os.path.realpath(path)))


def link_hint(link: Path) -> str:
    """What to type about a link that nobody allowed."""
    remove = shlex.join(("rm", str(link)))
    return f"{remove}, or {command('host', 'allow', '--link', str(link))}" if may_be_allowed(link) else remove

"""What attempts left in the folders of runs, told by one look at each while the folder stays what it was."""

import os
import time
from collections.abc import Collection

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import LOCAL_RESULT, RESULT
from cosmosctl.io.stat_key import is_settled, stat_key
from cosmosctl.store.index import Index
from cosmosctl.store.run_line import RunLine

MOST_NAMES = 1000

LINK_MARK = "@"
"""Marks the name of a symbolic link among what lies in a run's folder."""

_LEFT = (RESULT, LOCAL_RESULT, "preview", "logs", "history", "outputs")
"""What attempts leave in a run's folder."""

MANIFEST = "manifest.txt"
_INSIDE = (*_LEFT, MANIFEST)
"""What they leave in that of its preview."""

_TOOLS = ("outputs", "logs", "preview")
"""Of these none may be a link; history/ may be one: people keep it on another disk."""


def left_of(index: Index, line: RunLine, folder: str) -> str:
    """The names of those things in a run's folder that an attempt leaves there, links with a mark."""
    status = _status(folder)
    if status is None or line.left_key != stat_key(status):
        before = line.left_key, line.left
        line.left_key, line.left = _looked_into(folder, status, _LEFT)
        _told_anew(index, line, before != (line.left_key, line.left))
    return line.left


def inside_of(index: Index, line: RunLine, folder: str) -> str:
    """What `left_of` tells, of the preview's folder, and whether its manifest is there."""
    status = _status(folder)
    if status is None or line.inside_key != stat_key(status):
        before = line.inside_key, line.inside
        line.inside_key, line.inside = _looked_into(folder, status, _INSIDE)
        _told_anew(index, line, before != (line.inside_key, line.inside))
    return line.inside


def links_in(index: Index, line: RunLine, folder: str, left: str) -> list[str]:
    """The links where the tool keeps results: what is moved or written there would be so wherever they lead."""
    if LINK_MARK in left and (links := _links_among(left.split())):
        return [name if name != "preview" else "preview/" for name in links]
    if "preview" not in left:
        return []
    inside = inside_of(index, line, f"{folder}/preview")
    return [f"preview/{name}" for name in _links_among(inside.split())] if LINK_MARK in inside else []


def strange_in_history(index: Index, line: RunLine, folder: str) -> tuple[list[str], list[str]]:
    """What lies in a run's history/ that no attempt left there: the links, and the names that no batch has.

    Of each at most `MOST_NAMES` are told.
    """
    names, others = index.fact(line.notes, "history", f"{folder}/history", _strange_in) or ([], [])
    return names, others


def _strange_in(folder: str) -> list[list[str]]:
    try:
        names = sorted(name for name in os.listdir(folder) if name[0] != ".")  # noqa: PTH208  # of thousands of folders
    except OSError:
        return [[], []]
    linked = [name for name in names if is_id(name) and _marked(folder, name) != name]
    return [linked[:MOST_NAMES], [name for name in names if not is_id(name)][:MOST_NAMES]]


def _status(folder: str) -> os.stat_result | None:
    try:
        return os.lstat(folder)
    except OSError:
        return None


def _looked_into(folder: str, status: os.stat_result | None, wanted: Collection[str]) -> tuple[str, str]:
    """The folder's key, "" when it is not trusted yet, and which of these names lie in it."""
    now_ns = time.time_ns()
    words = _named_in(folder, wanted)
    return stat_key(status) if status is not None and is_settled(status, now_ns) else "", words


def _told_anew(index: Index, line: RunLine, is_other: bool) -> None:
    if is_other:
        line.state = ""
        index.changed()


def _named_in(folder: str, wanted: Collection[str]) -> str:
    try:
        with os.scandir(folder) as entries:  # asked for ten thousand folders at a time: no status of each name
            found = [(one.name, LINK_MARK if one.is_symlink() else "") for one in entries if one.name in wanted]
    except OSError:
        return ""
    return " ".join(name + mark for name, mark in sorted(found))


def _marked(folder: str, name: str) -> str:
    return name + LINK_MARK if os.path.islink(f"{folder}/{name}") else name  # noqa: PTH114  # Path's raises: no leave


def _links_among(names: list[str]) -> list[str]:
    return [name for name in _TOOLS if name + LINK_MARK in names]

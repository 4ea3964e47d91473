"""The keys under which files are remembered: stat keys, and those of the folders that a prompt names."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from cosmosctl.io.stat_key import is_settled, stat_key

_SEPARATOR = "\x1f"
"""Between paths in a link; no path of a user's holds this control character, and if it does nothing is remembered."""

_NONE = "none"


def file_key(status: os.stat_result, *, outside: bool) -> str:
    """The key of a run or prompt file; what was checked under another `allow_outside_inputs` does not count."""
    return stat_key(status) + ("/outside" if outside else "")


def scene_key(root: Path, watched: Iterable[str]) -> str:
    """The state of a scene folder (which names it holds), or of files named one by one (whether they are there)."""
    return "".join(f"+{_state(f'{root}/{path}')}" for path in watched)


def no_files_key(count: int) -> str:
    """The same of so many files while none of them is there."""
    return f"+{_NONE}" * count


def is_scene_settled(root: Path, watched: Iterable[str], now_ns: int) -> bool:
    """Whether the folders named are old enough for their stat keys to be trusted."""
    statuses = [_status(f"{root}/{path}") for path in watched]
    return all(status is None or not stat.S_ISDIR(status.st_mode) or is_settled(status, now_ns) for status in statuses)


def join_links(paths: Iterable[str]) -> str:
    return _SEPARATOR.join(paths)


def split_link(link: str) -> list[str]:
    return link.split(_SEPARATOR) if link else []


def _state(path: str) -> str:
    status = _status(path)
    if status is None:
        return _NONE
    return stat_key(status) if stat.S_ISDIR(status.st_mode) else "file"


def _status(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None

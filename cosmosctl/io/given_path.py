"""Text that somebody gave where a path belongs. Any text may be asked about: one that can be no path names nothing."""

import errno
import os
from pathlib import Path

from cosmosctl.errors import FileError

_SHOWN_CHARS = 80


def is_file(path: str | Path) -> bool:
    """Whether there is a file of that name. (`Path.is_file` raises for a text that is too long, or holds U+0000.)"""
    return os.path.isfile(path)  # noqa: PTH113  # it takes every text


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder of that name."""
    return os.path.isdir(path)  # noqa: PTH112  # the same


def is_there(path: str | Path) -> bool:
    """Whether there is anything of that name, a link that leads nowhere too."""
    return os.path.lexists(path)


def require_cwd() -> None:
    """Nothing, when the folder that the user is in is still there. Raises: FileError."""
    try:
        Path.cwd()
    except OSError as e:
        raise FileError("the folder that you are in was removed", hint="cd to one that is there") from e


def no_path_words(text: str) -> str:
    """Why `text` can name no file whatever is on the disk; empty when it can."""
    if not text:
        return "an empty text is no path"
    if "\0" in text:
        return "a path cannot hold the character U+0000"
    try:
        os.fsencode(text)
        os.lstat(text)
    except UnicodeEncodeError:
        return f"{shown(text)} is not Unicode: it holds half of a surrogate pair"
    except OSError as error:
        return f"{shown(text)} is too long for a path" if error.errno == errno.ENAMETOOLONG else ""
    return ""


def shown(text: str) -> str:
    """A path in quotes for a message, as `cut` has it."""
    return f"'{cut(text)}'"


def cut(text: str) -> str:
    """A path for a message; of a long text that is none, the beginning, in one line."""
    whole = " ".join(text.split()) if "\n" in text else text
    short = whole if len(whole) <= _SHOWN_CHARS or is_there(text) else f"{whole[:_SHOWN_CHARS]}…"
    return short.encode(errors="backslashreplace").decode()

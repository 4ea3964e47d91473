"""The marked blocks in a project's .gitignore and .gitattributes: made, appended, brought up to date.

Everything outside the marks is the user's and stays as it is, line ends too.
"""

import re
from pathlib import Path

from cosmosctl.git.state import work_tree
from cosmosctl.io import own
from cosmosctl.io.given_path import is_there
from cosmosctl.io.shipped import template

NAMES = {".gitignore": "gitignore", ".gitattributes": "gitattributes"}
"""Where a file of git's lies in a project -> the name of its template."""
MOST_BYTES = 1 << 20

_START, _END = "# >>> cosmosctl", "# <<< cosmosctl"
_BLOCK = re.compile(rf"^{_START}.*?^{_END}[^\n]*\n?", flags=re.M | re.S)
_VIDEOS = "/inputs/videos/"
"""The line of earlier projects that keeps input videos out of git: removed by those who version them."""


def write_git_files(root: Path) -> None:
    """Each with the block of this version. Raises: NotOwn, FileError."""
    for name in NAMES:
        raw = _text(root / name)
        line_end = "\r\n" if "\r\n" in raw else "\n"
        after = brought_up_to_date(name, raw.replace("\r\n", "\n")).replace("\n", line_end)
        if after != raw:
            own.write_bytes(root / name, after.encode("utf-8", errors="surrogateescape"))


def stale(root: Path) -> list[str]:
    """Those of the two files whose block is not this version's, in a project that is in git."""
    if work_tree(root) is None:
        return []
    return [name for name in NAMES if _block_of(_text(root / name).replace("\r\n", "\n")) != _block_of(_template(name))]


def brought_up_to_date(name: str, text: str) -> str:
    """The text of that file with this version's block; lines of the user's stay as they are."""
    whole = _template(name)
    block = _BLOCK.search(whole)
    assert block is not None
    if _BLOCK.search(text):
        return _BLOCK.sub(lambda _: block[0], text, count=1)
    if name == ".gitignore":
        text, is_old = _without_earlier(text)
        if is_old and _VIDEOS not in text.splitlines():
            whole = block[0]  # somebody versions the videos: they removed the line
        text = text.replace(f"\n{_VIDEOS}\n", "\n") if is_old else text
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return f"{text}{gap}{whole}"


def _without_earlier(text: str) -> tuple[str, bool]:
    """The text without the lines that an earlier version wrote with no marks around them, and whether it had them.

    The line of the input videos is left, as it says whether its user wants them out.
    """
    earlier = template("earlier", "gitignore").read_text(encoding="utf-8")
    head, _, videos = earlier.rpartition(_VIDEOS)[0].rpartition("\n\n")
    if head not in text:
        return text, False
    return text.replace(head, "").replace(videos, "\n").lstrip("\n"), True


def _template(name: str) -> str:
    return template("project", NAMES[name]).read_text(encoding="utf-8")


def _block_of(text: str) -> str:
    found = _BLOCK.search(text)
    return found[0].strip() if found else ""


def _text(path: Path) -> str:
    """What the file holds; "" when it is not there. Raises: NotOwn, FileError."""
    if not is_there(path):
        return ""
    return own.read_bytes(path, most=MOST_BYTES).decode("utf-8", errors="surrogateescape")

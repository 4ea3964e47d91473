"""What a program said at last, in one line that fits an event. Pure."""

from __future__ import annotations

import re

DETAIL_CHARS = 300

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x1f\x7f]+")
_EXCEPTION = re.compile(r"(?:\[rank\d+\]: *)?(?:\w+\.)*[A-Z]\w*(?:Error|Exception)(?::|$)")
_LAUNCHERS_OWN = re.compile(r"ChildFailedError|SignalException")


def last_words(text: str) -> str:
    """The exception that ended a program by its log, else the log's last line."""
    lines = [line for line in map(one_line, text.split("\n")) if line]
    return [*lines[-1:], *filter(is_exception, lines)][-1] if lines else ""


def is_exception(line: str) -> bool:
    """Whether a line is the last of a traceback, and not the launcher's report that the program failed."""
    return _EXCEPTION.match(line) is not None and not _LAUNCHERS_OWN.search(line)


def one_line(text: str) -> str:
    """`text` without escape sequences and line ends, cut to what fits an event."""
    line = _ESCAPE.sub(" ", text).strip()
    return line if len(line) <= DETAIL_CHARS else line[: DETAIL_CHARS - 1] + "…"

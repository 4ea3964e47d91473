"""The last lines of logs, as text that a page can show."""

import os
from pathlib import Path

from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.visible import visible_log

LINES, LINE_CHARS, TAIL_BYTES = 12, 300, 16 << 10


def tail(log: Path, lines: int = LINES) -> list[str]:
    """The last lines of a log; none when it cannot be read."""
    try:
        with own.opened(log, os.O_RDONLY) as descriptor:
            size = os.fstat(descriptor).st_size
            data = os.pread(descriptor, TAIL_BYTES, max(0, size - TAIL_BYTES))
    except (FileNotFoundError, FileError):
        return []
    text = visible_log(data.decode(errors="replace"))
    found = [line[:LINE_CHARS] for line in text.splitlines() if line.strip()]
    return found[-lines:]

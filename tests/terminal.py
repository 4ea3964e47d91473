"""A terminal of a given width, and what a command writes to it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from tests.tree import TIMEOUT_S, Tree

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def typed(tree: Tree, *args: str, columns: int = 80, rows: int = 24) -> str:
    """All that `cosmosctl ARGS` wrote to a terminal of that size, escape sequences taken out."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {k: v for k, v in tree.environment({"TERM": "xterm"}).items() if k not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        (sys.executable, "-m", "cosmosctl", *args),
        cwd=tree.root,
        env=environment,
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
    )
    os.close(secondary)
    written = b"".join(iter(lambda: _read(primary), b""))
    process.wait(timeout=TIMEOUT_S)
    os.close(primary)
    return CONTROL.sub("", written.decode("utf-8", errors="replace"))


def _read(primary: int) -> bytes:
    """What comes next; nothing once the last writer is gone, which Linux tells as an error."""
    try:
        return os.read(primary, 65536)
    except OSError:
        return b""

"""A terminal of a given size: what a command writes to it, and what a person types."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping

from tests.support.tree import TIMEOUT_S, Tree

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def typed(tree: Tree, *args: str, columns: int = 80, rows: int = 24) -> str:
    """All that `cosmosctl ARGS` wrote to a terminal of that size, escape sequences taken out."""
    return _at_terminal(tree, args, size=(columns, rows))[1]


def asked(tree: Tree, *args: str, question: str, answer: str, env: Mapping[str, str]) -> tuple[int, str]:
    """(exit code, all that was written) of `cosmosctl ARGS`; `answer` is typed once `question` stands there."""
    return _at_terminal(tree, args, size=(80, 24), question=question, answer=answer, env=env)


def _at_terminal(
    tree: Tree,
    args: tuple[str, ...],
    *,
    size: tuple[int, int],
    question: str = "",
    answer: str = "",
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    full = tree.environment({"TERM": "xterm", **(env or {})})
    process = subprocess.Popen(
        (sys.executable, "-m", "cosmosctl", *args),
        cwd=tree.root,
        env={k: v for k, v in full.items() if k not in ("COLUMNS", "LINES")},
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
    )
    os.close(secondary)
    written, waits = b"", bool(question)
    while piece := _read(primary):
        written += piece
        if waits and question.encode() in written:
            os.write(primary, f"{answer}\n".encode())
            waits = False
    code = process.wait(timeout=TIMEOUT_S)
    os.close(primary)
    return code, CONTROL.sub("", written.decode("utf-8", errors="replace"))


def _read(primary: int) -> bytes:
    """What comes next; nothing once the last writer is gone, which Linux tells as an error."""
    try:
        return os.read(primary, 65536)
    except OSError:
        return b""

"""The one place where tests wait: for what comes about, never for time to go by.

A bound is there so that a test which hangs ends at last. It is far beyond what any machine takes, and no test may be
written so that it matters.
"""

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 300.0
"""Bound of every wait, and of every process that a test starts."""
INSTALL_S = 1800.0
"""The same of what brings programs and packages from other machines, over whatever line there is."""
LOOK_S = 0.01


def wait_until(
    condition: Callable[[], object], what: str = "it", *, look_s: float = LOOK_S, patience_s: float = PATIENCE_S
) -> None:
    """Go on once `condition` holds, which is looked at again and again. Raises: AssertionError when it never does.

    `patience_s`: for what a benchmark waits for.
    """
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(look_s)


def wait_for_line(process: "subprocess.Popen[str]", text: str) -> None:
    """Go on once a line with that text is in what the process prints. Raises: AssertionError when it ends before.

    It is ended when nobody would wait any longer.
    """
    assert process.stdout is not None
    bound = threading.Timer(PATIENCE_S, process.kill)
    bound.start()
    try:
        assert any(text in line for line in process.stdout), f"{text!r} never came"
    finally:
        bound.cancel()


def wait_for_next_tick(folder: Path) -> None:
    """Go on once a file that is written in `folder` gets a later time than one that is written now."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".tick") as file:
        path = Path(file.name)
        before = path.stat().st_mtime_ns

        def is_later() -> bool:
            path.write_bytes(b"x")
            return path.stat().st_mtime_ns > before

        wait_until(is_later, "a tick of the file system's clock", look_s=0.001)


def take(seconds: float) -> None:
    """Let the work of a stand-in take that long. No test may depend on how long it took."""
    time.sleep(seconds)


_BEGUN: dict[str, float] = {}


def is_over(name: str, most_s: float) -> bool:
    """Whether what has that name was asked about for the first time so long ago: how long a soak goes on."""
    return time.monotonic() - _BEGUN.setdefault(name, time.monotonic()) > most_s

"""Gives the supervisor a clock that a test holds in its hands (see tests/support/clock.py).

Python imports it where PYTHONPATH names this folder; every other program is left alone.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any


def hold(folder: Path) -> None:
    """Have time.monotonic() say what the test says, and note each sleep."""
    real, real_sleep = time.monotonic, time.sleep

    def monotonic() -> float:
        try:
            told = (folder / "now").read_text()
        except FileNotFoundError:
            return real()
        return real() + float(told) if told.startswith("+") else float(told)

    def sleep(seconds: Any) -> None:
        with (folder / "sleeps").open("a") as notes:
            notes.write(f"{seconds}\n")
        real_sleep(seconds)

    time.monotonic, time.sleep = monotonic, sleep


if any(part.endswith("/supervise") for part in sys.orig_argv) and "COSMOSCTL_TEST_CLOCK" in os.environ:
    hold(Path(os.environ["COSMOSCTL_TEST_CLOCK"]))

"""What the processes of a test run make once for all of them; tests/conftest.py gives them a folder for it."""

import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

KEPT = "TESTS_KEPT"
"""The variable that names the folder."""


def once(name: str, make: Callable[[Path], object]) -> Path:
    """The file of that name: the first who asks has `make` write it to the path that it is given, others wait."""
    file = Path(os.environ[KEPT], name)
    with FileLock(f"{file}.lock"):
        if not file.exists():
            half = file.with_name(f".{name}")
            make(half)
            half.rename(file)
    return file

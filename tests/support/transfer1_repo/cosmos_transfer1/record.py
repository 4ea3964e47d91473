"""What happened, for tests: no part of the real package."""

import json
import os
from pathlib import Path
from typing import Any

from tests.support.waiting import take, wait_until


def note(**facts: Any) -> None:
    """Append a line to the record."""
    path = os.environ.get("STANDIN_RECORD")
    if path:
        with Path(path).open("a") as stream:
            stream.write(json.dumps({**facts, "pid": os.getpid()}) + "\n")


def pause(name: str) -> None:
    """Take as long as that variable says."""
    take(float(os.environ.get(name, "0")))


def wait_to_be_let_go(prompt: str) -> None:
    """Where STANDIN_GO names a folder: until a file `all` is there, or one named like the prompt."""
    folder = os.environ.get("STANDIN_GO")
    if folder is not None:
        wait_until(lambda: any(Path(folder, one).exists() for one in ("all", prompt)), f"row {prompt} to be let go")


def fault(prompt: str) -> str:
    """What is to happen to a row of that prompt."""
    faults = json.loads(os.environ.get("STANDIN_FAULTS", "{}"))
    return next((kind for text, kind in faults.items() if text in prompt), "")

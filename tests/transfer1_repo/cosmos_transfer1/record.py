"""What happened, for tests: no part of the real package."""

import json
import os
import time
from pathlib import Path
from typing import Any


def note(**facts: Any) -> None:
    """Append a line to the record."""
    path = os.environ.get("STANDIN_RECORD")
    if path:
        with Path(path).open("a") as stream:
            stream.write(json.dumps({**facts, "pid": os.getpid()}) + "\n")


def pause(name: str) -> None:
    """Take as long as that variable says."""
    time.sleep(float(os.environ.get(name, "0")))


def fault(prompt: str) -> str:
    """What is to happen to a row of that prompt."""
    faults = json.loads(os.environ.get("STANDIN_FAULTS", "{}"))
    return next((kind for text, kind in faults.items() if text in prompt), "")

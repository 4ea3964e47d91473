"""Counts what really happened, for tests: model loads and rows, outside of every folder that a batch knows.

`COSMOSCTL_PREVIEW_TALLY=FILE` gets one line per event, appended in one piece, by as many processes as there are:

    load                            a process begins to load its model
    start PROMPT ROW                it begins a row
    done PROMPT ROW                 the row's prompt.txt is written

PROMPT is the sha256 of the prompt's text, ROW that of the row (its JSON, keys sorted), both in hex.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any


def load() -> None:
    """Note the start of a model."""
    _append("load")


def start(row: Mapping[str, Any]) -> None:
    """Note that a row begins."""
    _append(f"start {_names(row)}")


def done(row: Mapping[str, Any]) -> None:
    """Note that a row is whole."""
    _append(f"done {_names(row)}")


def sha256(text: str) -> str:
    """Hex digits that stand for `text`."""
    return hashlib.sha256(text.encode()).hexdigest()


def _names(row: Mapping[str, Any]) -> str:
    return f"{sha256(str(row.get('prompt')))} {sha256(json.dumps(row, sort_keys=True))}"


def _append(line: str) -> None:
    path = os.environ.get("COSMOSCTL_PREVIEW_TALLY")
    if not path:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)

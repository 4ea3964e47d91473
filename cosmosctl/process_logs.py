"""The pulled logs of model processes into batch.log (all of them) and execution.log (a run's own part)."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from cosmosctl.domain.words import counted
from cosmosctl.events import Event
from cosmosctl.io.atomic import replace_with, write_bytes
from cosmosctl.io.moving import link_or_copy

SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""What a host may call a file that comes here: no folder, nothing hidden, nothing that leads out of one."""

LOG_BYTES = 256 << 20
"""Most that a host may send as the log of one process: it is copied to every run of the batch."""


def log_names(processes: Iterable[Event]) -> tuple[str, ...]:
    """logs/NAME of each model process, none twice; names that are not plain are left out."""
    return tuple(dict.fromkeys(name for process in processes if (name := _name(process["log"]))))


def batch_log(pulled: Path, processes: Sequence[Event]) -> str:
    """The logs of all model processes in order of their start; `gpuK| ` before each line where there are several."""
    several = len({process.get("gpu") for process in processes}) > 1
    parts = []
    for process in processes:
        file = pulled / (_name(process["log"]) or "none")
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        mark = f"gpu{process.get('gpu')}| " if several else ""
        parts.append(f"{mark}=== {process['proc']}: {counted(len(process['runs']), 'run')}\n")
        parts.extend(mark + line for line in text.splitlines(keepends=True))
        if text and not text.endswith("\n"):
            parts.append("\n")
    return "".join(parts)


def write_execution_log(pulled: Path, event: Event, target: Path) -> None:
    """The part of its process's log that the event of a run names; nothing when it names none that is here."""
    part = event.get("log")
    if not isinstance(part, dict) or not all(isinstance(part.get(key), int) for key in ("begin", "end")):
        return
    file = pulled / (_name(part.get("file")) or "none")
    if file.is_file():
        with file.open("rb") as log:
            log.seek(max(0, part["begin"]))
            write_bytes(target, log.read(max(0, part["end"] - part["begin"])))


def copy_log(source: Path, target: Path) -> None:
    """`target` is `source` under another name, one file on the disk; a copy where that cannot be.

    A copy that is as long already is left alone. Whoever changes either writes a new file in its place.
    """
    if target.is_file() and (target.samefile(source) or _is_copy_elsewhere(source, target)):
        return
    with replace_with(target, durable=False) as half:
        half.unlink()
        link_or_copy(source, half)


def _is_copy_elsewhere(source: Path, target: Path) -> bool:
    here, there = source.stat(), target.stat()
    return here.st_dev != there.st_dev and here.st_size == there.st_size


def _name(text: object) -> str:
    """`text` if it is logs/NAME, else nothing."""
    folder, _, name = str(text).partition("/")
    return f"logs/{name}" if folder == "logs" and SAFE_NAME.fullmatch(name) else ""

"""The pulled logs of model processes into batch.log (all of them) and execution.log (a run's own part)."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from cosmosctl.domain.ids import is_plain_name
from cosmosctl.domain.plurals import counted
from cosmosctl.events.lines import Event
from cosmosctl.events.progress import PIECE_BYTES
from cosmosctl.io import own
from cosmosctl.io.moving import link_or_copy
from cosmosctl.io.own import replace_with

LOG_BYTES = 256 << 20
"""Most that a host may send as the log of one process."""
LOGS_BYTES = 4 << 30
"""Most that a host may send as the logs of all processes: many of them are smaller each."""
LEAST_LOG_BYTES = 4 << 20
MOST_LOGS = 2000
"""Model processes whose logs are fetched; a batch has about one for each of its groups."""
BATCH_LOG_BYTES = 1 << 30
"""Most of all logs together in batch.log."""
PART_BYTES = 64 << 20
"""Most of a log that is kept as the part of one run."""
PIECE_CHARS = 1 << 16


def log_names(processes: Iterable[Event]) -> tuple[str, ...]:
    """logs/NAME of each model process, none twice; names that are not plain are left out, and what is too many."""
    return tuple(dict.fromkeys(name for process in processes if (name := _name(process["log"]))))[:MOST_LOGS]


def most_bytes(names: Sequence[str]) -> int:
    """Most that each of these logs may have."""
    return min(LOG_BYTES, max(LEAST_LOG_BYTES, LOGS_BYTES // max(1, len(names))))


def batch_log(pulled: Path, processes: Sequence[Event]) -> Iterator[bytes]:
    """The logs of all model processes in order of their start, each once, in pieces; `gpuK| ` before each line where
    there are several. What is beyond `BATCH_LOG_BYTES` is cut off, and the last line says so.
    """
    left = BATCH_LOG_BYTES
    for piece in _told_once(pulled, processes):
        data = piece.encode()
        if len(data) > left:
            yield data[:left] + f"\n=== cut off here: more than {BATCH_LOG_BYTES >> 20} MiB of logs\n".encode()
            return
        left -= len(data)
        yield data


def _told_once(pulled: Path, processes: Sequence[Event]) -> Iterator[str]:
    several, told = len({(process.get("shard"), process.get("gpu")) for process in processes}) > 1, set[str]()
    most_mib = most_bytes(log_names(processes)) >> 20
    for process in processes:
        name = _name(process["log"])
        place = f"gpu{process.get('gpu')}" if process.get("shard") is None else f"job{process['shard']}"
        mark = f"{place}| " if several else ""
        yield f"{mark}=== {process['proc']}: {counted(len(process['runs']), 'run')}\n"
        if name and name not in told and os.path.lexists(pulled / name):
            yield from _lines(pulled / name, mark)
        elif name not in told:
            yield f"{mark}=== its log is not here: it is missing on the host, or larger than {most_mib} MiB\n"
        told.add(name)


def _lines(file: Path, mark: str) -> Iterator[str]:
    """The text of a log with `mark` before each line, of which long ones come in parts; it ends with a newline."""
    before = "\n"
    with own.opened(file, os.O_RDONLY) as descriptor, _as_text(descriptor) as stream:
        while piece := stream.readline(PIECE_CHARS) if mark else stream.read(PIECE_CHARS):
            yield mark + piece if before.endswith(("\n", "\r")) else piece
            before = piece
    if not before.endswith("\n"):
        yield "\n"


def _as_text(descriptor: int) -> TextIO:
    return open(descriptor, encoding="utf-8", errors="replace", newline="", closefd=False)


def write_execution_log(pulled: Path, event: Event, target: Path) -> None:
    """The part of its process's log that the event of a run names; nothing when it names none that is here.

    It is not waited for until the disk has it: batch.log beside it holds the same.
    """
    part = event.get("log")
    if not isinstance(part, dict) or not all(isinstance(part.get(key), int) for key in ("begin", "end")):
        return
    begin, left = max(0, part["begin"]), max(0, part["end"] - part["begin"])
    file = pulled / (_name(part.get("file")) or "none")
    with (
        contextlib.suppress(FileNotFoundError),
        own.opened(file, os.O_RDONLY) as descriptor,
        replace_with(target, durable=False) as t,
    ):
        os.lseek(descriptor, min(begin, os.fstat(descriptor).st_size), os.SEEK_SET)
        with t.open("wb") as sink, open(descriptor, "rb", closefd=False) as source:
            while left > 0 and sink.tell() < PART_BYTES and (data := source.read(min(left, PIECE_BYTES))):
                left -= sink.write(data)
            if sink.tell() >= PART_BYTES and source.read(1):
                sink.write(f"\n=== cut off here: more than {PART_BYTES >> 20} MiB of this run\n".encode())


def copy_log(source: Path, target: Path) -> None:
    """`target` is `source` under another name, one file on the disk; a copy where that cannot be.

    A copy that is as long already is left alone. Whoever changes either writes a new file in its place.
    """
    if own.is_file(target) and (target.samefile(source) or _is_copy_elsewhere(source, target)):
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
    return f"logs/{name}" if folder == "logs" and is_plain_name(name) else ""

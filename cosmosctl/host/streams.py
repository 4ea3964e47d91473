"""Where the bytes go that a host or rsync sends while it runs."""

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.errors import HostError
from cosmosctl.io import own
from cosmosctl.io.os_error import file_error
from cosmosctl.io.own import EVENTS_BYTES
from cosmosctl.io.visible import one_line

PROGRESS = ("--info=progress2", "--no-human-readable")


@dataclass(frozen=True)
class Transfer:
    """How far an rsync is: `share` (0..1) of what there is to send; rate and time left are its own words."""

    bytes: int
    share: float
    rate: str
    left: str


class Sink:
    """Where a stream of the host goes; Invoke hands it text that is latin-1, one character a byte."""

    def write(self, text: str) -> int:
        raise NotImplementedError

    def flush(self) -> None:
        """Nothing is held back."""


class Meter(Sink):
    """Reads what rsync says with --info=progress2, and tells whoever the context was made for."""

    _LINE = re.compile(r"^\s*([0-9]{1,18})\s+([0-9]{1,3})%\s+(\S+B/s)\s+([0-9:]+)")

    def __init__(self, show: Callable[[Transfer], None]) -> None:
        self._show, self._rest = show, ""

    def write(self, text: str) -> int:
        *lines, self._rest = re.split(r"[\r\n]", self._rest + text)
        for found in filter(None, map(self._LINE.match, lines)):
            self._show(Transfer(int(found[1]), int(found[2]) / 100, found[3], found[4]))
        return len(text)


class Teller(Sink):
    """Says each line of a host while it goes on."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._rest = say, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._say(one_line(line.encode("latin-1").decode("utf-8", errors="replace")))
        return len(text)


class Appender(Sink):
    """Bytes into a file, each at its own place: nobody who writes the same bytes there too can spoil it.

    What was written is in the file even when we are killed next.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        self.offset = os.fstat(descriptor).st_size

    def write(self, text: str) -> int:
        data = text.encode("latin-1")
        if self.offset + len(data) > EVENTS_BYTES:
            raise HostError(f"{self._path}: the host sends more than {EVENTS_BYTES >> 20} MiB of events")
        try:
            while data:
                written = os.pwrite(self._descriptor, data, self.offset)
                self.offset, data = self.offset + written, data[written:]
        except OSError as e:
            raise file_error(self._path, e, doing="write") from e
        return len(text)


@contextmanager
def appending(path: Path) -> Iterator[Appender]:
    with own.opened(path, os.O_WRONLY | os.O_CREAT) as descriptor:
        yield Appender(path, descriptor)


@contextmanager
def told_of_full_disk(target: Path) -> Iterator[None]:
    """rsync's word for a disk that is full here, as the error that everything else here raises for it."""
    try:
        yield
    except HostError as e:
        if os.strerror(errno.ENOSPC) not in e.message:
            raise
        raise file_error(target, OSError(errno.ENOSPC, ""), doing="write") from e

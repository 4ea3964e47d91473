"""stdout and stderr that never end a command: closed, without a reader, full, or of an old encoding.

What is written to them is made visible first (`visible`): a host's escape sequences do not reach a terminal, whoever
prints. What we draw ourselves (colours, bars) goes through `trusted`.
"""

import codecs
import contextlib
import errno
import io
import json
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from cosmosctl.io.visible import ENCODE_ERRORS, visible, visible_json, visible_log

_GONE = (errno.EPIPE, errno.EBADF, errno.EIO, errno.ENXIO)
"""Nobody reads it: the pipe has no reader, the stream is closed, the terminal was hung up."""
_OURS = f"\x1b{os.urandom(8).hex()}\x1b"
"""Stands around a control sequence of our own; nobody else can know it."""
_COLORS = {"bold": 1, "red": 31, "green": 32, "yellow": 33, "bright_black": 90}


class SafeText(io.TextIOBase):
    """Writes to `inner` what is fit for a terminal. What it refuses is noted in `error` and told by nobody here."""

    def __init__(self, inner: TextIO | None, *, is_trusted: bool = False) -> None:
        super().__init__()
        self.inner: TextIO = inner if inner is not None else open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  # stays open as long as the process
        self.error: OSError | None = None
        self.is_gone = inner is None
        self.is_trusted = is_trusted
        self._encoding = getattr(self.inner, "encoding", None) or "utf-8"

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has it as an attribute
        """What the terminal reads. click goes around a stream that calls itself ASCII, so such a one does not."""
        return "latin-1" if _is_ascii(self._encoding) else self._encoding

    @property
    def errors(self) -> str:  # type: ignore[override]  # see above
        return ENCODE_ERRORS

    @property
    def buffer(self) -> Any:
        """Bytes as they are, for what a program reads."""
        return self.inner.buffer

    def fileno(self) -> int:
        return self.inner.fileno()

    def isatty(self) -> bool:
        return self.inner.isatty()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        plain = text if self.is_trusted else _visible_but_ours(text)
        self.write_bytes(plain.encode(self._encoding, ENCODE_ERRORS), flush="\n" in text and self.isatty())
        return len(text)

    def write_bytes(self, data: bytes, *, flush: bool = True) -> None:
        """Write `data` as it is."""
        view = memoryview(data)
        while view and not self._is_over:
            try:
                view = view[self.inner.buffer.write(view) or 0 :]
            except BlockingIOError as e:
                view = view[e.characters_written :]
                self._wait()
            except OSError as e:
                self._give_up(e)
        if flush:
            self.flush()

    def flush(self) -> None:
        while not self._is_over:
            try:
                self.inner.flush()
                return
            except BlockingIOError:
                self._wait()
            except OSError as e:
                self._give_up(e)

    @property
    def _is_over(self) -> bool:
        return self.is_gone or self.error is not None

    def _wait(self) -> None:
        """For a terminal or pipe that another program has set not to wait."""
        select.select([], [self.inner.fileno()], [])

    def _give_up(self, error: OSError) -> None:
        if error.errno in _GONE:
            self.is_gone = True
        else:
            self.error = error


def open_closed_descriptors() -> None:
    """Have 0, 1 and 2 lead somewhere: the next file that is opened would take the place of a closed one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free


@contextmanager
def safe_streams() -> Iterator[tuple[SafeText, SafeText]]:
    """stdout and stderr as `SafeText` while this lasts."""
    before = sys.stdout, sys.stderr
    out, err = (stream if isinstance(stream, SafeText) else SafeText(_usable(stream)) for stream in before)
    sys.stdout, sys.stderr = out, err
    try:
        yield out, err
    finally:
        sys.stdout, sys.stderr = before


def trusted(stream: Any) -> Any:
    """`stream` for what we draw ourselves: control sequences pass. Text of others is made `visible` before."""
    if not isinstance(stream, SafeText):
        return stream
    return _Twin(stream)


def write_log(data: bytes) -> None:
    """Part of a log to stdout: made visible on a terminal, to the byte where a program reads it."""
    stream = sys.stdout
    if stream.isatty():
        stream = trusted(stream)
        stream.write(visible_log(data.decode(errors="replace")))
        stream.flush()
    elif isinstance(stream, SafeText):
        stream.write_bytes(data)
    else:
        stream.buffer.write(data)
        stream.flush()


def json_text(value: Any) -> str:
    """`value` as JSON for stdout: reads back exactly in any encoding and holds nothing that a terminal obeys."""
    is_ascii = not (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    return visible_json(json.dumps(value, ensure_ascii=is_ascii, indent=2))


def style(text: str, color: str) -> str:
    """`text`, made visible, in that colour, or bold, where stdout is a terminal that shows it and the user wants it."""
    return painter(color)(text)


def painter(color: str) -> Callable[[str], str]:
    """`style` in one colour, for ten thousand texts."""
    if not color or not isinstance(sys.stdout, SafeText) or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return str
    return lambda text: f"{_OURS}\x1b[{_COLORS[color]}m{_OURS}{visible(text)}{_OURS}\x1b[0m{_OURS}"


def has_reader() -> bool:
    """Whether what is written to stdout can still reach anybody."""
    return not getattr(sys.stdout, "is_gone", False)


class _Twin(SafeText):
    """The same stream, where control sequences pass."""

    def __init__(self, stream: SafeText) -> None:
        super().__init__(stream.inner, is_trusted=True)
        self._stream = stream

    def write_bytes(self, data: bytes, *, flush: bool = True) -> None:
        self._stream.write_bytes(data, flush=flush)

    def flush(self) -> None:
        self._stream.flush()


def _is_ascii(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "ascii"


def _visible_but_ours(text: str) -> str:
    """`visible`, but for what `style` put in."""
    parts = text.split(_OURS)
    return "".join(part if number % 2 else visible(part) for number, part in enumerate(parts))


def _usable(stream: TextIO | None) -> TextIO | None:
    """`stream` if bytes can be written to it."""
    return stream if stream is not None and not stream.closed and hasattr(stream, "buffer") else None

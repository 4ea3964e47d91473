"""A video file opened: who only looks into it needs no library that works on pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.container import InputContainer

THREADS = 2
"""Threads that decode, and threads that filter. More than the cores of a small machine helps nothing (measured)."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
"""Containers that may be opened. Anything else is refused: a playlist could name other files, a text is no video."""

_READABLE: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
"""A title that is not UTF-8 stops no clip. av has no such argument from 19 on, and reads every title."""


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The container of a video file, open for reading. Raises: OSError, av.error.FFmpegError."""
    container: InputContainer
    with av.open(f"file:{path}", "r", options={"format_whitelist": FORMATS}, **_READABLE) as container:
        for stream in container.streams.video:
            stream.thread_type = "AUTO"
            stream.thread_count = THREADS
        yield container


class Ratio(Protocol):
    """A Fraction, which av gave up to 18, or its own AVRational since."""

    @property
    def numerator(self) -> int: ...

    @property
    def denominator(self) -> int: ...


def fraction(ratio: Ratio) -> Fraction:
    """`ratio` as Python's own number, whose text is "30" and not "30/1"."""
    return Fraction(ratio.numerator, ratio.denominator)

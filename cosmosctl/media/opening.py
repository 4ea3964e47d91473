"""A video file opened: who only looks into it needs no library that works on pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cosmosctl.errors import FileError

LOOK = "play it to see whether it is whole, or encode it again with ffmpeg"
THREADS = 2
"""Threads that decode, and threads that filter. More than the cores of a small machine helps nothing (measured)."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
"""Containers that may be opened. Anything else is refused: a playlist could name other files, a text is no video."""

_READABLE: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
"""A title that is not UTF-8 stops no clip. av has no such argument from 19 on, and reads every title."""


class VideoError(FileError):
    """A file that is not there or cannot be read as a video."""


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The container of a video file, open for reading, whatever is done with it in the block.

    Raises: OSError; ValueError for what is no video; VideoError for all else that FFmpeg says (its end of a file and
    its "not yet implemented" are neither).
    """
    container: InputContainer
    try:
        with av.open(f"file:{path}", "r", options={"format_whitelist": FORMATS}, **_READABLE) as container:
            for stream in container.streams.video:
                stream.thread_type = "AUTO"
                stream.thread_count = THREADS
            yield container
    except av.error.FFmpegError as e:
        if isinstance(e, OSError | ValueError):
            raise
        raise VideoError(f"{path} cannot be decoded: {str(e.strerror).lower()}", hint=LOOK) from e


def first_film(container: InputContainer, path: Path) -> VideoStream:
    """The first video stream. Raises: VideoError when there is none, or nothing that decodes it."""
    if not container.streams.video:
        raise VideoError(f"{path} has no video stream")
    return decodable(container.streams.video[0], path)


def decodable(stream: VideoStream, path: Path) -> VideoStream:
    """The stream itself. Raises: VideoError for one of no codec that is known: its header was torn, or is from later.

    av gives such a stream no codec_context, whatever its types say.
    """
    if stream.codec_context is None:
        raise VideoError(f"{path} names no codec that can be decoded here", hint=LOOK)
    return stream


class Ratio(Protocol):
    """A Fraction, which av gave up to 18, or its own AVRational since."""

    @property
    def numerator(self) -> int: ...

    @property
    def denominator(self) -> int: ...


def fraction(ratio: Ratio) -> Fraction:
    """`ratio` as Python's own number, whose text is "30" and not "30/1"."""
    return Fraction(ratio.numerator, ratio.denominator)

"""The one writer of videos: H.264, yuv420p, the index in front, whole or not there at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from cosmosctl.io.os_error import file_error
from cosmosctl.media.frames import Pixels


@dataclass(frozen=True)
class Quality:
    """How x264 works: `crf` 0 (lossless) to 51, `preset` its own word. The same bytes each time with any of them.

    `steps_fast`: a whole picture every 12 frames and none that waits for a later one, so that any frame is near.
    """

    crf: int
    preset: str
    threads: int
    steps_fast: bool = False


@dataclass(frozen=True)
class VideoWriter:
    """An open video; `write` appends one frame."""

    _container: OutputContainer
    _stream: VideoStream
    _target: Path

    def write(self, i420: Pixels) -> None:
        """Append a packed I420 picture (height * 3 / 2 rows) in BT.601, limited range. Raises: FileError."""
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        with _told_of(self._target):
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder holds back, and the index. Raises: FileError."""
        with _told_of(self._target):
            self._container.mux(self._stream.encode(None))
            self._container.close()


@contextmanager
def _told_of(target: Path) -> Iterator[None]:
    """What could not be written as an error of that file, not of one that is read meanwhile."""
    try:
        yield
    except (OSError, av.error.FFmpegError) as e:
        raise file_error(target, OSError(e.errno, e.strerror), doing="write") from e


@contextmanager
def writing(target: Path, *, width: int, height: int, fps: Fraction, quality: Quality) -> Iterator[VideoWriter]:
    """A writer of `target` with even `width` and `height`. The file appears when the block ends without an error.

    Raises: FileError for the target; whatever the block raises.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _told_of(target):
            opened = av.open(f"file:{draft}", "w", format="mp4", options={"movflags": "+faststart"})
        with opened as container:
            writer = VideoWriter(container, _stream(container, width, height, fps, quality), target)
            yield writer
            writer.finish()
        with _told_of(target):
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _stream(container: OutputContainer, width: int, height: int, fps: Fraction, quality: Quality) -> VideoStream:
    # without it x264's AVX-512 code reads memory that nobody wrote (small pictures differ from run to run; measured)
    same_everywhere = {"x264-params": "cpu-independent=1"}
    options = {"crf": str(quality.crf), "preset": quality.preset, **same_everywhere}
    options |= {"g": "12", "bf": "0", "tune": "fastdecode"} if quality.steps_fast else {}
    stream = container.add_stream("libx264", rate=fps, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.color_range = ColorRange.MPEG
    stream.codec_context.colorspace = Colorspace.ITU601
    stream.thread_type = "FRAME"
    stream.thread_count = quality.threads
    return stream

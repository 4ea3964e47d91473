"""A video as pages show it: a small copy that steps fast, a still, a sheet of 25 pictures. One decode makes all three.

Browsers play no HEVC everywhere and step slowly through long groups of pictures (measured: 9 videos of 1280, GOP 250,
5 s a seek; 9 copies 0.16 s), so what moves on a page is always such a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np

from cosmosctl.errors import FileError
from cosmosctl.io.os_error import file_error, is_environment
from cosmosctl.media import frames
from cosmosctl.media.encode import Quality, writing
from cosmosctl.media.frames import Pixels
from cosmosctl.media.probe import VideoError, refuse_too_much

COPY_WIDTH, STILL_WIDTH, TILE_WIDTH, TILES_ACROSS = 640, 480, 240, 5
_JPEG_QUALITY = 82
QUALITY = Quality(crf=20, preset="superfast", threads=1, steps_fast=True)
_MOST_LATE = 0.25
"""Of a frame: who seeks to the middle of one finds it as long as it lies no further from its place."""
_PLAIN = ("yuv420p", "yuvj420p")
"""With these H.264 in mp4 or mov plays in every browser (tried in Chromium and Firefox)."""


@dataclass(frozen=True)
class Facts:
    """Of the video itself: frames that decode, frames per second as "24" or "30000/1001", size in pixels.

    `plays`: browsers play it as it is, and find frame n of it at n / fps.
    """

    frames: int
    fps: str
    width: int
    height: int
    plays: bool


@dataclass(frozen=True)
class Targets:
    """Where the three go."""

    copy: Path
    still: Path
    sheet: Path


def write_look(source: Path, targets: Targets, progress: Callable[[int, int], None]) -> Facts:
    """The three files of a video. `progress` hears (frames done, frames in all).

    Raises: VideoError for what is no video; FileError for one that cannot be read now, and for what cannot be written.
    """
    try:
        refuse_too_much(source)
        return _written(source, targets, progress)
    except FileError:
        raise
    except OSError as e:
        if isinstance(e, av.error.FFmpegError):
            if is_environment(e):
                raise file_error(source, e, doing="read") from e
            raise VideoError(f"{source} cannot be decoded") from e
        raise file_error(Path(e.filename or targets.copy), e, doing="write") from e
    except (ValueError, StopIteration) as e:
        raise VideoError(f"{source} cannot be decoded") from e


def _written(source: Path, targets: Targets, progress: Callable[[int, int], None]) -> Facts:
    announced, fps = max(1, frames.announced(source)), frames.rate(source)
    pictures = frames.decoded(source)
    first = next(pictures)
    width, height = first.width, first.height
    sheet, done, still, is_even = _Sheet(width, height, announced), 0, first, True
    size = fitting(width, height, min(COPY_WIDTH, width))
    with writing(targets.copy, width=size[0], height=size[1], fps=fps, quality=QUALITY) as copy:
        for frame in chain((first,), pictures):
            copy.write(packed(frame, *size))
            sheet.take(done, frame)
            still = frame if done <= announced // 2 else still
            is_even = is_even and frame.time is not None and abs(frame.time * fps - done) <= _MOST_LATE
            done += 1
            progress(done, max(done, announced))
    _write_jpeg(targets.still, _rgb(still, *fitting(width, height, min(STILL_WIDTH, width))))
    _write_jpeg(targets.sheet, sheet.pixels)
    return Facts(done, str(fps), width, height, is_even and _plays(source))


class _Sheet:
    """Pictures from all along a video, in rows."""

    def __init__(self, width: int, height: int, count: int) -> None:
        self._size = fitting(width, height, TILE_WIDTH)
        across = self._size[0] * TILES_ACROSS, self._size[1] * TILES_ACROSS
        self.pixels: Pixels = np.zeros((across[1], across[0], 3), np.uint8)
        total = TILES_ACROSS**2
        self._due = [min(count - 1, (2 * k + 1) * count // (2 * total)) for k in range(total)]

    def take(self, number: int, frame: av.VideoFrame) -> None:
        """Put the frame of that number wherever it belongs."""
        width, height = self._size
        places = [k for k, due in enumerate(self._due) if due == number]
        if not places:
            return
        picture = _rgb(frame, width, height)
        for k in places:
            top, left = k // TILES_ACROSS * height, k % TILES_ACROSS * width
            self.pixels[top : top + height, left : left + width] = picture


def fitting(width: int, height: int, wanted: int) -> tuple[int, int]:
    """Even width and height of about that width and the same shape."""
    even = max(2, wanted - wanted % 2)
    return even, max(2, 2 * round(even * height / width / 2))


def packed(frame: av.VideoFrame, width: int, height: int) -> Pixels:
    """The picture in that size, as a copy is written."""
    return frames.i420(_rgb(frame, width, height))


def _rgb(frame: av.VideoFrame, width: int, height: int) -> Pixels:
    return np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)


def _write_jpeg(target: Path, rgb: Pixels) -> None:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ValueError("no JPEG")
    target.write_bytes(data.tobytes())


def _plays(source: Path) -> bool:
    with frames.opened(source) as container:
        codec = frames.first_film(container, source).codec_context
        return codec.name == "h264" and codec.pix_fmt in _PLAIN and "mp4" in container.format.name

"""Frames of a video, one after the other: decoding, and working on several at once. Length costs no memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange

from cosmosctl.media.opening import THREADS as THREADS  # whoever works on frames finds all of it here
from cosmosctl.media.opening import first_film as first_film
from cosmosctl.media.opening import fraction as fraction
from cosmosctl.media.opening import opened as opened

Pixels = npt.NDArray[np.uint8]
"""Height x width x 3 (RGB), height x width (gray), or a packed I420 picture of height * 3 / 2 rows."""

Planes = tuple[Pixels, Pixels, Pixels]
"""Y, U, V of one picture in limited range; U and V have half the size, rounded up."""

LOOK_AHEAD = 6
"""Frames in work at once: enough to keep `THREADS` busy while the encoder takes its time (measured)."""

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

cv2.setNumThreads(1)  # frames are spread over threads here; OpenCV's own threads would only wait for each other


def decoded(path: Path) -> Iterator[av.VideoFrame]:
    """The frames of the first video stream, in the order in which they are shown."""
    with opened(path) as container:
        yield from container.decode(first_film(container, path))


def size(path: Path) -> tuple[int, int]:
    """Width and height of the frames, as the container has it."""
    with opened(path) as container:
        stream = first_film(container, path)
        return stream.codec_context.width, stream.codec_context.height


def rate(path: Path) -> Fraction:
    """Frames per second on average, as the container has it."""
    with opened(path) as container:
        stream = first_film(container, path)
        return fraction(stream.average_rate or stream.guessed_rate or Fraction(24))


def announced(path: Path) -> int:
    """How many frames the file holds, by its packets: nothing is decoded."""
    with opened(path) as container:
        return sum(1 for packet in container.demux(first_film(container, path)) if packet.size)


def rgb(frame: av.VideoFrame) -> Pixels:
    """`frame` as height x width x 3, its own colour matrix and range obeyed."""
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def planes(frame: av.VideoFrame) -> Planes:
    """Y, U and V of `frame`. They are views: the frame has to outlive them."""
    if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG:
        frame = av.VideoFrame.reformat(frame, format="yuv420p", dst_color_range=ColorRange.MPEG)
    half = (frame.height + 1) // 2, (frame.width + 1) // 2
    y, u, v = frame.planes
    return _view(y, frame.height, frame.width), _view(u, *half), _view(v, *half)


def _view(plane: VideoPlane, height: int, width: int) -> Pixels:
    flat: Pixels = np.frombuffer(memoryview(plane), np.uint8)
    return flat.reshape(-1, plane.line_size)[:height, :width]


def stretched(rgb: Pixels, width: int, height: int) -> Pixels:
    """`rgb` at another size; itself when it has it."""
    if rgb.shape[:2] == (height, width):
        return rgb
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def i420(rgb: Pixels) -> Pixels:
    """A packed I420 picture (BT.601, limited range) from RGB. Odd sizes are stretched to the next even ones, bicubic as
    transfer1's own writer does: the models stretch every video to their own size, where a border would move all of it.
    """
    height, width = rgb.shape[:2]
    if height % 2 or width % 2:
        even = width + width % 2, height + height % 2
        rgb = np.asarray(cv2.resize(rgb, even, interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), np.uint8)


def unpacked(i420: Pixels) -> Planes:
    """Y, U and V as views into a packed I420 picture."""
    rows, width = i420.shape
    height = rows * 2 // 3
    half, luma = (height // 2, width // 2), height * width
    flat = i420.reshape(-1)
    u, v = flat[luma : luma * 5 // 4], flat[luma * 5 // 4 :]
    return i420[:height], u.reshape(half), v.reshape(half)


def mapped(work: Callable[[_Item], _Made], items: Iterable[_Item]) -> Generator[_Made]:
    """`work(item)` of each item, in order; `THREADS` at once and never more than `LOOK_AHEAD` ahead of the reader."""
    with ThreadPoolExecutor(THREADS) as pool:
        pending: deque[Future[_Made]] = deque()
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > LOOK_AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

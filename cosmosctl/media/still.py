"""One picture of a video: its middle, made small."""

from pathlib import Path

import av
import cv2
import numpy as np

from cosmosctl.media import frames
from cosmosctl.media.frames import Pixels
from cosmosctl.media.probe import VideoError


def still(path: Path, most_width: int) -> Pixels:
    """RGB, at most that wide. Raises: VideoError."""
    try:
        wanted, picture = frames.announced(path) // 2, None
        for number, frame in enumerate(frames.decoded(path)):
            picture = frame
            if number >= wanted:
                break
        if picture is None:
            raise VideoError(f"{path}: holds no picture")
        rgb = frames.rgb(picture)
    except (OSError, av.error.FFmpegError) as e:
        raise VideoError(f"{path}: cannot be decoded: {e.strerror}") from e
    height, width = rgb.shape[:2]
    if width <= most_width:
        return rgb
    size = most_width, max(1, round(height * most_width / width))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def png(picture: Pixels) -> bytes:
    """An RGB picture as a PNG."""
    is_written, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert is_written
    return bytes(data.tobytes())

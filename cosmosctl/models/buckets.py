"""The picture sizes that a model works at: every video is stretched or cropped to the one of the nearest shape."""

from collections.abc import Mapping
from enum import Enum

BUCKETS_720 = ((1280, 704), (960, 704), (960, 960), (704, 960), (704, 1280))
"""(width, height) for 16:9, 4:3, 1:1, 3:4, 9:16.

Source: github.com/nvidia-cosmos/cosmos-transfer1 at 5005e82, inference_utils.py VIDEO_RES_SIZE_INFO; the same in
cosmos-transfer2.5 at 2ff49d0 for resolution "720".
"""


class Shape(Enum):
    """Width to height, as cosmos3 writes it."""

    WIDE = "16,9"
    LANDSCAPE = "4,3"
    SQUARE = "1,1"
    PORTRAIT = "3,4"
    TALL = "9,16"


_RATIOS: Mapping[Shape, float] = {
    Shape.WIDE: 16 / 9,
    Shape.LANDSCAPE: 4 / 3,
    Shape.SQUARE: 1.0,
    Shape.PORTRAIT: 3 / 4,
    Shape.TALL: 9 / 16,
}
"""Width to height that each shape stands for: not its bucket's own (1280 / 704 is 20:11).

Source: detect_aspect_ratio in inference_utils.py of transfer1.
"""

_COSMOS3_SIZES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "768": ((1360, 768), (1184, 880), (1024, 1024), (880, 1184), (768, 1360)),
    "720": ((1280, 720), (1104, 832), (960, 960), (832, 1104), (720, 1280)),
    "480": ((832, 480), (736, 544), (640, 640), (544, 736), (480, 832)),
    "256": ((320, 192), (320, 256), (256, 256), (256, 320), (192, 320)),
}
"""Source: github.com/NVIDIA/cosmos-framework at 5eee9ed, data/generator/utils.py VIDEO_RES_SIZE_INFO."""


_TRANSFER25_SIZES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "1080": ((1920, 1056), (1440, 1056), (1024, 1024), (1056, 1440), (1056, 1920)),
    "1024": ((1280, 768), (1280, 1024), (1024, 1024), (1024, 1280), (768, 1280)),
    "720": BUCKETS_720,
    "720p": ((1280, 720), (960, 720), (960, 960), (720, 960), (720, 1280)),
    "512": ((640, 384), (640, 512), (512, 512), (512, 640), (384, 640)),
    "480": ((768, 432), (640, 480), (480, 480), (480, 640), (432, 768)),
    "480p": ((832, 480), (640, 480), (640, 640), (480, 640), (480, 832)),
    "256": ((320, 192), (320, 256), (256, 256), (256, 320), (192, 320)),
}
"""Source: github.com/nvidia-cosmos/cosmos-transfer2.5 at 2ff49d0, VIDEO_RES_SIZE_INFO."""


def nearest_shape(width: int, height: int) -> Shape:
    """The shape of a picture of this size; of two equally near ones the wider."""
    ratio = width / height
    return min(Shape, key=lambda shape: (_RATIOS[shape] - ratio) ** 2)


def nearest_bucket(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the bucket that a picture of this size is stretched to by transfer1 and transfer2.5."""
    return BUCKETS_720[list(Shape).index(nearest_shape(width, height))]


def transfer25_size(resolution: str, shape: Shape) -> tuple[int, int] | None:
    """(width, height) that transfer2.5 stretches to; None for a resolution without a size of its own."""
    sizes = _TRANSFER25_SIZES.get(resolution)
    return None if sizes is None else sizes[list(Shape).index(shape)]


def cosmos3_size(resolution: str, shape: Shape) -> tuple[int, int] | None:
    """(width, height) that cosmos3 crops to; None for a resolution that it does not have."""
    sizes = _COSMOS3_SIZES.get(resolution)
    return None if sizes is None else sizes[list(Shape).index(shape)]

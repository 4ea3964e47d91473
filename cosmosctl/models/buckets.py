"""The picture sizes that a model works at; every video is stretched to the one of the nearest shape."""

BUCKETS_720 = ((1280, 704), (960, 704), (960, 960), (704, 960), (704, 1280))
"""(width, height) for 16:9, 4:3, 1:1, 3:4, 9:16.

Source: github.com/nvidia-cosmos/cosmos-transfer1 at 5005e82, inference_utils.py VIDEO_RES_SIZE_INFO.
"""

_SHAPES = (16 / 9, 4 / 3, 1.0, 3 / 4, 9 / 16)
"""Width to height that each bucket stands for: not its own (1280 / 704 is 20:11). Source: detect_aspect_ratio there."""


def nearest_bucket(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the bucket that a picture of this size is stretched to; of two equally near ones the wider."""
    ratio = width / height
    distances = [(shape - ratio) ** 2 for shape in _SHAPES]
    return BUCKETS_720[distances.index(min(distances))]

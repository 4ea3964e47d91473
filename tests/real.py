"""Real clips for tests: every mp4 in the folder that the environment variable COSMOSCTL_TEST_VIDEOS names."""

import os
from pathlib import Path

import pytest


def real_clips(part: str = "") -> list[Path]:
    """The clips whose name holds `part`; none without the variable."""
    folder = os.environ.get("COSMOSCTL_TEST_VIDEOS")
    return sorted(clip for clip in Path(folder).glob("*.mp4") if part in clip.stem) if folder else []


needs_real_clips = pytest.mark.skipif(not real_clips(), reason="COSMOSCTL_TEST_VIDEOS names no folder with clips")

"""The drawn footage has the traits of the real clips that it stands for."""

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from av.video.reformatter import ColorRange, Colorspace

from cosmosctl.commands.start.init import DEMO_SCENE
from cosmosctl.io.shipped import template
from cosmosctl.media.probe import probe
from tests import clips
from tests.support import footage
from tests.support.footage import Clip

TRAITS = {"street": (640, 480, Fraction(30)), "robot": (1280, 704, Fraction(24))}
HEVC = pytest.mark.skipif(not clips.has_encoder(clips.HEVC), reason="this build of PyAV writes no HEVC")


@pytest.mark.parametrize("clip", footage.every())
def test_footage_has_the_size_rate_codec_and_frames_of_the_real_clips(clip: Clip, tmp_path: Path) -> None:
    info = probe(clip.copied(tmp_path / "clip.mp4"))
    assert (info.width, info.height, info.fps) == TRAITS[clip.part.partition("/")[0]]
    assert (info.frames, info.codec) == (footage.FRAMES, "hevc" if clip.part == "street/color" else "h264")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        video = container.streams.video[0].codec_context
        assert video.has_b_frames
        told = clip.part == "street/color"
        assert (video.color_range == ColorRange.MPEG, video.colorspace == Colorspace.ITU601) == (told, told)


def test_footage_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    first = Clip("drawn", "street/segmentation", 12).copied(tmp_path / "first.mp4").read_bytes()
    assert footage.drawn("street/segmentation", 12) == first


@HEVC
def test_the_street_is_filmed_by_hand_and_has_grain(tmp_path: Path) -> None:
    street = clips.frames_of(Clip("drawn", "street/color").copied(tmp_path / "street.mp4"))
    still = clips.frames_of(template("demo", DEMO_SCENE, "color.mp4"))
    assert np.std(steps(street[:24])) > 5 * np.std(steps(still[:24]))
    assert noise(street[60]) > 1.5 * noise(np.asarray(cv2.resize(still[60], None, fx=1.5, fy=1.5), np.uint8))


@pytest.mark.parametrize("scene", ["street", "robot"])
def test_segmentation_goes_with_the_colours_of_its_scene(scene: str, tmp_path: Path) -> None:
    """Where a label ends, there is an edge in the picture; not so beside a frame of another moment."""
    color, labels = (
        clips.frames_of(Clip("drawn", f"{scene}/{role}").copied(tmp_path / f"{role}.mp4"))
        for role in ("color", "segmentation")
    )
    assert at_borders(color[100], labels[100]) > 1.5 * at_borders(color[100], labels[20])


def steps(frames: list[npt.NDArray[np.uint8]]) -> list[float]:
    """How many pixels each frame has moved since the one before."""
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in frames]
    return [math.hypot(*cv2.phaseCorrelate(one, other)[0]) for one, other in pairwise(gray)]


def noise(frame: npt.NDArray[np.uint8]) -> float:
    """What a median takes out of the sky, in steps of 8 bits."""
    sky = frame[8:72, frame.shape[1] // 2 - 60 : frame.shape[1] // 2 + 60]
    return float(np.abs(sky.astype(int) - cv2.medianBlur(sky, 5)).mean())


def at_borders(color: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> float:
    """Mean strength of the picture's edges where labels meet, beside that of the whole picture."""
    strength = np.abs(cv2.Laplacian(cv2.GaussianBlur(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), (5, 5), 0), cv2.CV_32F))
    borders = cv2.dilate(cv2.Canny(labels, 100, 200), np.ones((3, 3), np.uint8)) > 0
    return float(strength[borders].mean() / strength.mean())

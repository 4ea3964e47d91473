"""Each clip of `clips` really has the defect, or the virtue, that its name says."""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests import clips

MAKERS: tuple[Callable[[Path], Path], ...] = (
    clips.color,
    clips.depth,
    clips.segmentation,
    clips.hevc,
    clips.odd_size,
    clips.with_audio,
    clips.zero_frames,
    clips.truncated,
    clips.damaged,
    clips.variable_frame_rate,
    clips.rotated,
    clips.non_square_pixels,
    clips.interlaced,
    clips.wrong_aspect,
    clips.too_short,
    clips.sound_only,
)


@pytest.mark.parametrize("maker", (clips.color, clips.depth, clips.segmentation))
def test_a_good_clip_holds_what_was_asked_for(maker: Callable[..., Path], tmp_path: Path) -> None:
    path = maker(tmp_path / "clip.mp4", width=80, height=46, frames=7, fps=30)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert (stream.codec_context.name, stream.frames, float(stream.average_rate or 0)) == ("h264", 7, 30)
        assert [(frame.width, frame.height) for frame in frames] == [(80, 46)] * 7
        assert not container.streams.audio


def test_frames_of_a_clip_move(tmp_path: Path) -> None:
    frames = clips.frames_of(clips.color(tmp_path / "clip.mp4"))
    assert all(np.abs(later.astype(int) - earlier).max() > 60 for earlier, later in pairwise(frames))


def test_shades_make_clips_that_differ(tmp_path: Path) -> None:
    plain, shaded = clips.color(tmp_path / "a.mp4"), clips.color(tmp_path / "b.mp4", shade=32)
    assert plain.read_bytes() != shaded.read_bytes()


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: str(maker.__name__))
def test_a_clip_is_the_same_bytes_each_time(maker: Callable[[Path], Path], tmp_path: Path) -> None:
    first = _digest(maker(tmp_path / "first.mp4"))
    _forget()
    assert _digest(maker(tmp_path / "second.mp4")) == first


def test_a_scene_folder_has_the_three_videos(tmp_path: Path) -> None:
    folder = clips.scene(tmp_path / "city", frames=3)
    assert sorted(path.name for path in folder.iterdir()) == ["color.mp4", "depth.mp4", "segmentation.mp4"]


@pytest.mark.skipif(not clips.has_encoder(clips.HEVC), reason="this build of PyAV writes no HEVC")
def test_hevc_is_hevc(tmp_path: Path) -> None:
    with av.open(str(clips.hevc(tmp_path / "clip.mp4"))) as container:
        assert container.streams.video[0].codec_context.name == "hevc"
        assert sum(1 for _ in container.decode(video=0)) == clips.FRAMES


def test_odd_size_is_odd(tmp_path: Path) -> None:
    frames = clips.frames_of(clips.odd_size(tmp_path / "clip.mp4"))
    assert [frame.shape for frame in frames] == [(47, 63, 3)] * clips.FRAMES


def test_with_audio_has_a_sound_track_and_all_frames(tmp_path: Path) -> None:
    with av.open(str(clips.with_audio(tmp_path / "clip.mp4"))) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"]
        assert sum(1 for _ in container.decode(video=0)) == clips.FRAMES


def test_zero_frames_has_a_video_stream_and_no_frame(tmp_path: Path) -> None:
    with av.open(str(clips.zero_frames(tmp_path / "clip.mp4"))) as container:
        assert len(container.streams.video) == 1
        assert list(container.decode(video=0)) == []


def test_truncated_announces_more_frames_than_decode(tmp_path: Path) -> None:
    announced, decoded = _announced_and_decoded(clips.truncated(tmp_path / "clip.mp4"))
    assert (announced, 0 < decoded < announced) == (24, True)


def test_damaged_is_whole_in_size_and_does_not_decode_whole(tmp_path: Path) -> None:
    announced, decoded = _announced_and_decoded(clips.damaged(tmp_path / "clip.mp4"))
    assert announced == 24
    assert decoded < 24


def test_variable_frame_rate_has_unequal_pauses(tmp_path: Path) -> None:
    with av.open(str(clips.variable_frame_rate(tmp_path / "clip.mp4"))) as container:
        times = [Fraction(frame.time).limit_denominator(480) for frame in container.decode(video=0)]
    pauses = {later - earlier for earlier, later in pairwise(times)}
    assert pauses == {Fraction(1, 24), Fraction(1, 12)}


@pytest.mark.parametrize("degrees", (90, 180, 270))
def test_rotated_carries_a_display_matrix(degrees: int, tmp_path: Path) -> None:
    with av.open(str(clips.rotated(tmp_path / "clip.mp4", degrees))) as container:
        rotations = {frame.rotation % 360 for frame in container.decode(video=0)}
    assert rotations == {360 - degrees}  # libavutil counts counterclockwise


def test_pixels_are_not_square(tmp_path: Path) -> None:
    with av.open(str(clips.non_square_pixels(tmp_path / "clip.mp4"))) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_interlaced_frames_say_so(tmp_path: Path) -> None:
    with av.open(str(clips.interlaced(tmp_path / "clip.mp4"))) as container:
        assert [frame.interlaced_frame for frame in container.decode(video=0)] == [True] * clips.FRAMES


def test_wrong_aspect_and_too_short_differ_from_the_colour_clip(tmp_path: Path) -> None:
    upright, short = clips.wrong_aspect(tmp_path / "upright.mp4"), clips.too_short(tmp_path / "short.mp4")
    assert [frame.shape for frame in clips.frames_of(upright)] == [(64, 48, 3)] * clips.FRAMES
    assert len(clips.frames_of(short)) == 4 < clips.FRAMES


def test_sound_only_has_no_picture(tmp_path: Path) -> None:
    with av.open(str(clips.sound_only(tmp_path / "clip.mp4"))) as container:
        assert (len(container.streams.video), len(container.streams.audio)) == (0, 1)


@pytest.mark.parametrize("maker", (clips.text_file, clips.empty_file))
def test_what_is_no_video_cannot_be_opened(maker: Callable[[Path], Path], tmp_path: Path) -> None:
    path = maker(tmp_path / "clip.mp4")
    with pytest.raises(av.error.InvalidDataError, match="Invalid data"):
        av.open(str(path))


def _announced_and_decoded(path: Path) -> tuple[int, int]:
    """Frames by the container's index, and frames that come out when errors are passed over."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoded = 0
        for packet in container.demux(stream):
            try:
                decoded += len(stream.decode(packet))
            except av.error.InvalidDataError:
                continue
        return stream.frames, decoded


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _forget() -> None:
    clips._encoded.cache_clear()
    clips._sound.cache_clear()

"""Probing, decoding and writing video files."""

import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cosmosctl.media import encode, frames
from cosmosctl.media.encode import Quality
from cosmosctl.media.probe import VideoError, probe
from cosmosctl.media.video_info import from_json, problems, remarks, to_json
from cosmosctl.models.buckets import BUCKETS_720, nearest_bucket
from tests import clips
from tests.support import footage
from tests.support.waiting import PATIENCE_S

FAST = Quality(crf=20, preset="veryfast", threads=1)
NAMES = ("a b.mp4", "it's $HOME;.mp4", '"q".mp4', "-dash.mp4", "line\nbreak.mp4", "50%d.mp4", "x:y.mp4", "é城🚀.mp4")


def test_a_clip_is_described_by_what_decodes(tmp_path: Path) -> None:
    info = probe(clips.color(tmp_path / "color.mp4", width=80, height=48, frames=9, fps=Fraction(30000, 1001)))
    assert (info.width, info.height, info.fps, info.frames) == (80, 48, Fraction(30000, 1001), 9)
    assert (info.announced_frames, info.damaged_frames, info.codec, info.pix_fmt) == (9, 0, "h264", "yuv420p")
    assert (info.rotation, info.sample_aspect, info.interlaced) == (0, Fraction(1), False)
    assert (info.variable_frame_rate, info.has_audio) == (False, False)
    assert info.duration_s == pytest.approx(0.3003)


def test_a_good_clip_has_neither_problems_nor_remarks(tmp_path: Path) -> None:
    path = clips.color(tmp_path / "color.mp4")
    assert (problems(probe(path), path), remarks(probe(path))) == ((), ())


@pytest.mark.skipif(not clips.has_encoder(clips.HEVC), reason="this build of PyAV has no HEVC encoder")
def test_an_hevc_clip_is_a_good_clip(tmp_path: Path) -> None:
    path = clips.hevc(tmp_path / "color.mp4")
    info = probe(path)
    assert (info.codec, info.frames, problems(info, path)) == ("hevc", clips.FRAMES, ())


def cover_first(path: Path) -> Path:
    return clips.with_cover(path, first=True)


def pq(path: Path) -> Path:
    return clips.hdr(path, "smpte2084")


def rubbish(path: Path) -> Path:
    """A clip whose second half is no video."""
    whole = clips.color(path, width=160, height=120, frames=30).read_bytes()
    middle = whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 2
    path.write_bytes(whole[:middle] + bytes(255 - byte for byte in whole[middle:]))
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (clips.variable_frame_rate, "has a variable frame rate"),
        (clips.rotated, "is turned by"),
        (clips.non_square_pixels, "has pixels that are not square (4:3)"),
        (clips.interlaced, "is interlaced"),
        (clips.truncated, "announces 24 frames but only"),
        (rubbish, "damaged frames"),
        (clips.late_picture, "starts 12 frames after its sound"),
        (clips.without_edit_list, "starts 2 frames after its sound"),
        (clips.half_indexed, "frames but 48 decode"),
        (cover_first, "has a cover picture before the film"),
        (clips.two_films, "has 2 video streams"),
        (clips.hdr, "has HLG colours"),
        (pq, "has PQ colours"),
    ],
)
def test_a_defect_is_told_with_the_command_that_mends_it(
    make: Callable[[Path], Path], said: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "color.mp4")
    found = problems(probe(path), path)
    assert any(problem.startswith(f"{path} ") and said in problem for problem in found), found
    assert all(f"; normalise it: ffmpeg -i {path} -vf " in problem for problem in found)


def test_a_variable_frame_rate_is_normalised_to_a_whole_number(tmp_path: Path) -> None:
    path = clips.variable_frame_rate(tmp_path / "color.mp4")
    (problem,) = problems(probe(path), path)
    assert f"fps={round(probe(path).fps)} " in problem.replace("'", " ")


@pytest.mark.parametrize("name", NAMES)
def test_the_mending_command_survives_the_shell(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = clips.interlaced(Path(name))
    (problem,) = problems(probe(path), path)
    words = shlex.split(problem.partition("; normalise it: ")[2])
    assert Path(words[words.index("-i") + 1]) == path
    assert Path(words[-1]) == path.with_stem(f"{path.stem}_normalised")
    assert not words[words.index("-i") + 1].startswith("-")
    assert not words[-1].startswith("-")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize(
    "make",
    [
        *(clips.variable_frame_rate, clips.rotated, clips.non_square_pixels, clips.interlaced, clips.truncated),
        *(clips.late_picture, clips.without_edit_list, clips.half_indexed, cover_first, clips.two_films),
    ],
)
def test_the_mending_command_mends(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path / "color.mp4")
    command = problems(probe(path), path)[0].partition("; normalise it: ")[2]
    subprocess.run(shlex.split(command), check=True, capture_output=True, timeout=PATIENCE_S)
    mended = path.with_stem("color_normalised")
    assert problems(probe(mended), mended) == ()


def has_filter(name: str) -> bool:
    """Whether ffmpeg is here and was built with that filter."""
    if shutil.which("ffmpeg") is None:
        return False
    said = subprocess.run(["ffmpeg", "-hide_banner", "-filters"], capture_output=True, text=True, check=False).stdout
    return f" {name} " in said


@pytest.mark.skipif(not has_filter("zscale"), reason="no ffmpeg with the filter zscale is installed")
@pytest.mark.parametrize("make", [clips.hdr, pq])
def test_the_mending_command_makes_ordinary_colours(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path / "color.mp4")
    subprocess.run(shlex.split(problems(probe(path), path)[0].partition("; normalise it: ")[2]), check=True)
    mended = path.with_stem("color_normalised")
    info = probe(mended)
    assert (info.hdr, info.bits, problems(info, mended)) == ("", 8, ())


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize(
    ("make", "repeated"),
    [
        (clips.late_picture, 12),
        (lambda path: clips.late_picture(path, frames_late=1), 1),
        (clips.without_edit_list, 2),
        (clips.with_audio, 0),
        (clips.color, 0),
    ],
)
def test_a_late_picture_is_told_exactly_where_ffmpeg_repeats_it(
    make: Callable[[Path], Path], repeated: int, tmp_path: Path
) -> None:
    """transfer1 reads its videos through ffmpeg, as many frames as fit into the time of the file."""
    path = make(tmp_path / "color.mp4")
    read = ("ffmpeg", "-v", "error", "-i", str(path), "-f", "image2pipe", "-pix_fmt", "rgb24", "-c:v", "rawvideo", "-")
    picture = clips.WIDTH * clips.HEIGHT * 3
    given = len(subprocess.run(read, check=True, capture_output=True).stdout) // picture
    info = probe(path)
    assert (info.late_frames, given) == (repeated, info.frames + repeated)


def test_a_cover_picture_behind_the_film_is_no_matter(tmp_path: Path) -> None:
    path = clips.with_cover(tmp_path / "color.mp4", first=False)
    info = probe(path)
    assert (info.frames, info.films, problems(info, path)) == (clips.FRAMES, 1, ())


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_rate_for_which_there_is_no_time_is_not_believed(tmp_path: Path) -> None:
    """libavformat counts the pictures of such an AVI twice."""
    path = clips.color(tmp_path / "color.mp4", frames=30).with_suffix(".avi")
    subprocess.run(["ffmpeg", "-v", "error", "-i", path.with_suffix(".mp4"), "-c", "copy", path], check=True)
    info = probe(path)
    assert (info.frames, info.fps) == (30, Fraction(clips.FPS))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (clips.zero_frames, "has no frame that decodes"),
        (clips.sound_only, "has no video stream"),
        (clips.text_file, "is not a readable mp4, mov, mkv, webm or avi video"),
        (clips.empty_file, "is an empty file"),
        (clips.lfs_pointer, "is a git-LFS pointer, not the video itself; fetch it: git lfs pull"),
        (clips.cover_alone, "has no video stream, only a cover picture"),
        (lambda path: path, "there is no such file"),
        (lambda path: path.mkdir() or path, "is a folder, not a video"),
    ],
)
def test_what_is_no_video_is_refused_by_name(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=said):
        probe(make(tmp_path / "color.mp4"))


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:10,\n{}\n", "ffconcat version 1.0\nfile '{}'\n"])
def test_a_playlist_cannot_pull_in_another_file(text: str, tmp_path: Path) -> None:
    other = clips.color(tmp_path / "secret.mp4")
    path = tmp_path / "color.mp4"
    path.write_text(text.format(other))
    with pytest.raises(VideoError, match="is not a readable"):
        probe(path)


def test_sound_and_odd_sizes_are_remarked_upon(tmp_path: Path) -> None:
    path = clips.color(tmp_path / "color.mp4", width=63, height=47, audio=True)
    info = probe(path)
    assert problems(info, path) == ()
    assert remarks(info) == (
        "its sound is ignored",
        "its odd size 63x47 is stretched to 64x48 in computed controls",
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (clips.ten_bits, "its 10 bits a colour are cut to 8"),
        (clips.with_alpha, "its transparency (alpha) is ignored: what lies under it shows"),
    ],
)
def test_what_every_reader_drops_is_said(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    path = make(tmp_path / "color.mov")
    info = probe(path)
    assert (problems(info, path), remarks(info)) == ((), (said,))


@pytest.mark.parametrize("make", [clips.color, clips.non_square_pixels, clips.variable_frame_rate, clips.rotated])
def test_what_was_probed_survives_json(make: Callable[[Path], Path], tmp_path: Path) -> None:
    info = probe(make(tmp_path / "color.mp4"))
    assert from_json(to_json(info)) == info


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_can_be_written_and_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path(name), count=3)
    assert (probe(Path(name)).frames, frames.announced(Path(name)), frames.size(Path(name))) == (3, 3, (64, 48))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def write(path: Path, *, count: int, fps: Fraction = Fraction(24), quality: Quality = FAST) -> Path:
    """A clip of gray frames, one a little brighter than the other."""
    with encode.writing(path, width=64, height=48, fps=fps, quality=quality) as video:
        for number in range(count):
            video.write(np.full((72, 64), 40 + 8 * number, np.uint8))
    return path


def test_a_written_video_is_h264_with_its_index_in_front(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", count=7, fps=Fraction(30000, 1001))
    info, data = probe(path), path.read_bytes()
    assert (info.codec, info.pix_fmt, info.frames, info.fps) == ("h264", "yuv420p", 7, Fraction(30000, 1001))
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_frames_give_the_same_bytes(threads: int, tmp_path: Path) -> None:
    quality = Quality(crf=10, preset="veryfast", threads=threads)
    first = write(tmp_path / "one.mp4", count=20, quality=quality).read_bytes()
    assert write(tmp_path / "two.mp4", count=20, quality=quality).read_bytes() == first


def test_a_video_that_fails_midway_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", count=2)
    before = path.read_bytes()
    with (
        pytest.raises(ValueError, match="midway"),
        encode.writing(path, width=64, height=48, fps=Fraction(24), quality=FAST) as video,
    ):
        video.write(np.zeros((72, 64), np.uint8))
        raise ValueError("midway")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_frames_worked_on_at_once_come_out_in_order() -> None:
    assert list(frames.mapped(lambda number: number * number, range(100))) == [n * n for n in range(100)]


def test_work_never_runs_far_ahead_of_the_reader() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    made = frames.mapped(str, items())
    assert [next(made) for _ in range(10)] == [str(number) for number in range(10)]
    assert taken <= 10 + frames.LOOK_AHEAD + 1
    made.close()


def test_an_error_in_the_work_reaches_the_reader_and_ends_its_threads() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="division"):
        list(frames.mapped(lambda number: 1 // (5 - number), range(50)))
    assert threading.active_count() == before


@pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 47), (65, 48)])
def test_rgb_survives_the_way_into_a_video_frame_and_back(width: int, height: int) -> None:
    rows, columns = np.mgrid[0:height, 0:width]
    rgb = np.stack([columns * 2, rows * 3, 200 - columns], axis=2).astype(np.uint8)
    packed = frames.i420(rgb)
    y, u, v = frames.unpacked(packed)
    assert y.shape == (height + height % 2, width + width % 2)
    assert u.shape == v.shape == (y.shape[0] // 2, y.shape[1] // 2)
    back = frames.rgb(av.VideoFrame.from_ndarray(packed, format="yuv420p"))[:height, :width]
    assert np.abs(back.astype(int) - rgb).mean() < 4


@pytest.mark.parametrize(
    ("size", "bucket"),
    [
        ((1280, 704), (1280, 704)),
        ((1920, 1080), (1280, 704)),
        ((640, 480), (960, 704)),
        ((512, 512), (960, 960)),
        ((480, 640), (704, 960)),
        ((1080, 1920), (704, 1280)),
        ((4000, 100), (1280, 704)),
        ((100, 4000), (704, 1280)),
    ],
)
def test_a_clip_falls_into_the_bucket_of_the_nearest_shape(size: tuple[int, int], bucket: tuple[int, int]) -> None:
    assert nearest_bucket(*size) == bucket


def test_every_bucket_is_its_own_nearest() -> None:
    assert [nearest_bucket(*bucket) for bucket in BUCKETS_720] == list(BUCKETS_720)


@pytest.mark.parametrize("clip", footage.every(frames=footage.FEW))
def test_footage_is_made_of_good_clips(clip: footage.Clip, tmp_path: Path) -> None:
    path = clip.copied(tmp_path / "clip.mp4")
    info = probe(path)
    assert (info.frames, info.announced_frames, problems(info, path)) == (clip.frames, clip.frames, ())
    assert (info.width, info.height) in ((640, 480), (1280, 704))


def test_a_name_in_the_file_that_is_not_utf8_stops_no_clip(tmp_path: Path) -> None:
    path = clips.color(tmp_path / "clip.mp4")
    named = path.read_bytes()
    assert b"VideoHandler" in named
    path.write_bytes(named.replace(b"VideoHandler", b"Vid\xe9oHandler"))
    assert probe(path).frames == clips.FRAMES


def test_rates_are_whole_numbers_in_words_whatever_av_calls_them(tmp_path: Path) -> None:
    path = clips.color(tmp_path / "clip.mp4", fps=30)
    assert (str(probe(path).fps), str(frames.rate(path))) == ("30", "30")

"""Edge and vis controls: the documented pixels, the same each time."""

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmosctl.domain.project import PRESETS
from cosmosctl.media import bicubic
from cosmosctl.media.control import BLURS, THRESHOLDS, edge_frame, vis_frame, write_control
from cosmosctl.media.probe import probe
from tests import clips
from tests.support import footage

Pixels = npt.NDArray[np.uint8]


def busy_picture(width: int = 160, height: int = 120) -> Pixels:
    """Coloured rectangles over fine noise: edges of every strength."""
    draw = np.random.default_rng(5)
    picture = draw.integers(90, 130, (height, width, 3), dtype=np.uint8)
    for _ in range(30):
        x, y = (int(draw.integers(0, length - 20)) for length in (width, height))
        picture[y : y + 20, x : x + 20] = draw.integers(0, 256, 3, dtype=np.uint8)
    return picture


def roughness(picture: npt.NDArray[np.generic]) -> float:
    """Mean step from each pixel to its right neighbour."""
    return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())


def test_every_preset_has_its_constants() -> None:
    assert tuple(THRESHOLDS) == tuple(BLURS) == PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_edges_are_what_canny_finds_in_rgb_three_times(preset: str) -> None:
    picture = busy_picture()
    made = edge_frame(picture, preset)
    expected = cv2.Canny(picture, *THRESHOLDS[preset], apertureSize=3, L2gradient=False)
    assert made.shape == picture.shape
    assert all(np.array_equal(made[:, :, channel], expected) for channel in range(3))


def test_edges_of_rgb_are_not_those_of_bgr() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:, 20:] = (120, 60, 20)  # red to blue matter: Canny takes the channel that changes most, ties by order
    picture[20:, :, 2] = 110
    assert edge_frame(picture, "medium").any()


def test_stronger_presets_find_fewer_edges() -> None:
    counts = [int(np.count_nonzero(edge_frame(busy_picture(), preset))) for preset in PRESETS]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_blur_keeps_size_and_leaves_a_plain_picture_alone(preset: str) -> None:
    plain = np.full((47, 63, 3), (10, 128, 250), np.uint8)
    assert np.array_equal(vis_frame(plain, preset), plain)


@pytest.mark.parametrize("preset", PRESETS)
def test_blur_smooths(preset: str) -> None:
    picture = busy_picture()
    assert roughness(vis_frame(picture, preset)) < roughness(picture) / 2


def test_blur_of_medium_is_the_documented_chain() -> None:
    picture = busy_picture(161, 121)
    small = cv2.resize(picture, (80, 60), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(cv2.bilateralFilter(small, 30, 150, 100), (161, 121), interpolation=cv2.INTER_LINEAR)
    coarse = slowly_resized(slowly_resized(smooth, 16, 12), 161, 121)
    assert np.array_equal(vis_frame(picture, "medium"), coarse)


def slowly_resized(picture: npt.NDArray[np.generic], width: int, height: int) -> Pixels:
    """Bicubic with antialias by its definition, pixel by pixel."""
    rows = np.array([slow_weights(picture.shape[0], height, row) for row in range(height)])
    columns = np.array([slow_weights(picture.shape[1], width, column) for column in range(width)])
    made = np.einsum("yr,rcd,xc->yxd", rows, picture.astype(float), columns)
    return np.asarray(np.rint(made.clip(0, 255)), np.uint8)


def slow_weights(size: int, new_size: int, index: int) -> list[float]:
    """What each of `size` pixels gives to the new pixel `index`."""
    scale = size / new_size
    stretch = max(scale, 1.0)
    centre = scale * (index + 0.5)
    first, last = max(0, int(centre - 2 * stretch + 0.5)), min(size, int(centre + 2 * stretch + 0.5))
    given = [cubic((old - centre + 0.5) / stretch) if first <= old < last else 0.0 for old in range(size)]
    return [weight / sum(given) for weight in given]


def cubic(x: float) -> float:
    """Keys' kernel with a = -0.5."""
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_resizing_follows_the_definition(width: int, height: int, new_width: int, new_height: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    made = bicubic.resized(picture, new_width, new_height)
    off = np.abs(made.astype(int) - slowly_resized(picture, new_width, new_height))
    assert off.max() <= 1  # where a sum lies on one half, the order of adding decides
    assert np.count_nonzero(off) <= 0.01 * off.size + 1


@given(st.integers(1, 300), st.integers(1, 300))
def test_weights_of_every_new_pixel_add_up_to_one(size: int, new_size: int) -> None:
    weights = bicubic.axis_weights(size, new_size)
    assert weights.shape == (new_size, size)
    assert np.allclose(weights.sum(axis=1), 1)
    assert np.allclose(weights, weights[::-1, ::-1])


def test_resizing_to_the_same_size_changes_nothing() -> None:
    assert np.array_equal(bicubic.resized(busy_picture(), 160, 120), busy_picture())


@pytest.mark.parametrize("kind", ["edge", "vis"])
def test_a_control_has_the_frames_rate_and_size_of_its_clip(kind: str, tmp_path: Path) -> None:
    source = clips.color(tmp_path / "color.mp4", frames=9, fps=30)
    write_control(kind, "low", source, tmp_path / "control.mp4")
    made, clip = probe(tmp_path / "control.mp4"), probe(source)
    assert (made.width, made.height, made.frames, made.fps) == (clip.width, clip.height, clip.frames, clip.fps)
    assert (made.codec, made.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize("kind", ["edge", "vis"])
def test_a_control_shows_the_filtered_frames(kind: str, tmp_path: Path) -> None:
    source = clips.color(tmp_path / "color.mp4", width=160, height=120)
    write_control(kind, "low", source, tmp_path / "control.mp4")
    work = edge_frame if kind == "edge" else vis_frame
    expected = [work(frame, "low") for frame in clips.frames_of(source)]
    made = clips.frames_of(tmp_path / "control.mp4")
    assert [np.abs(a.astype(int) - b).mean() < 4 for a, b in zip(made, expected, strict=True)] == [True] * len(made)


@pytest.mark.parametrize("kind", ["edge", "vis"])
def test_a_control_has_the_same_bytes_each_time(kind: str, tmp_path: Path) -> None:
    source = clips.color(tmp_path / "color.mp4", width=160, height=120, frames=20)
    for name in ("one.mp4", "two.mp4"):
        write_control(kind, "medium", source, tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_odd_sizes_are_stretched_so_that_nothing_moves_where_the_model_looks(tmp_path: Path) -> None:
    """What transfer1 makes of its own edges of such a clip: stretched to its bucket. A border would move every edge."""
    source = clips.odd_size(tmp_path / "color.mp4", width=641, height=361)
    write_control("edge", "low", source, tmp_path / "control.mp4")
    made = clips.frames_of(tmp_path / "control.mp4")[0]
    assert made.shape == (362, 642, 3)
    own = edge_frame(clips.frames_of(source)[0], "low")
    bucket = [cv2.resize(picture, (1280, 704), interpolation=cv2.INTER_LINEAR).astype(float) for picture in (made, own)]
    assert 10 * np.log10(255**2 / np.mean((bucket[0] - bucket[1]) ** 2)) > 22


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    source = clips.color(tmp_path / "color.mp4", frames=9)
    write_control("edge", "low", source, tmp_path / "control.mp4", progress=lambda *step: heard.append(step))
    assert heard == [(done, 9) for done in range(1, 10)]


def test_a_clip_that_breaks_off_leaves_no_control(tmp_path: Path) -> None:
    source = clips.color(tmp_path / "color.mp4", width=160, height=120, frames=30)
    whole = source.read_bytes()
    middle = whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 2
    source.write_bytes(whole[:middle] + bytes(255 - byte for byte in whole[middle:]))
    before = set(tmp_path.iterdir())
    with pytest.raises(av.error.InvalidDataError, match="Invalid data"):
        write_control("edge", "low", source, tmp_path / "control.mp4")
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("kind", "preset"), [("depth", "low"), ("edge", "strong")])
def test_only_known_controls_and_presets_are_computed(kind: str, preset: str, tmp_path: Path) -> None:
    source = clips.color(tmp_path / "color.mp4")
    with pytest.raises(KeyError, match=kind if kind == "depth" else preset):
        write_control(kind, preset, source, tmp_path / "control.mp4")


@pytest.mark.parametrize("clip", footage.every("color", frames=footage.FEW))
@pytest.mark.parametrize("kind", ["edge", "vis"])
def test_controls_of_footage_show_the_filtered_frames(kind: str, clip: footage.Clip, tmp_path: Path) -> None:
    path = clip.copied(tmp_path / "color.mp4")
    write_control(kind, "low", path, tmp_path / "control.mp4")
    made = clips.frames_of(tmp_path / "control.mp4")
    source = clips.frames_of(path)
    assert len(made) == len(source) == clip.frames
    work = edge_frame if kind == "edge" else vis_frame
    shown = (0, clip.frames // 2, clip.frames - 1)
    assert all(np.abs(made[n].astype(int) - work(source[n], "low")).mean() < 3 for n in shown)

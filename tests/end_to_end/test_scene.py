"""The demo scene: its geometry is exact, its files are whole, it is the same each time, and the one that is shipped."""

import hashlib
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from cosmosctl.commands.start.init import DEMO_SCENE
from cosmosctl.io.shipped import template
from cosmosctl.media.probe import probe
from tests import clips
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S
from tools.city import scene
from tools.city.light import light_of
from tools.city.plan import Label, build_city, camera_at
from tools.city.rays import Camera, Hits, cast, rays
from tools.city.scene import View, draw_scene, label_colors, view_at

SIZE, FRAMES, SEED = (192, 112), 9, 5

Corner = tuple[float, float, float]
Doubles = npt.NDArray[np.float64]


def test_depth_of_a_wall_ahead_is_its_distance() -> None:
    camera = Camera((0.0, 0.0, 2.0), width_rad=1.0)
    hits = see((10, -3, 0), (12, 3, 5), camera, (65, 33))
    assert hits.depth_m[16, 32] == pytest.approx(10.0, rel=1e-6)
    assert set(np.unique(hits.depth_m[hits.surface == 0])) == {np.float32(10.0)}


def test_a_wall_covers_the_pixels_that_its_size_and_distance_say() -> None:
    camera = Camera((0.0, 0.0, 2.0), width_rad=2 * float(np.arctan(1.0)))
    hits = see((10, -5, 0), (12, 5, 9), camera, (80, 80))
    rows, columns = np.nonzero(hits.surface == 0)
    assert (columns.min(), columns.max()) == (20, 59)
    assert (rows.min(), rows.max()) == (12, 47)


def test_depth_of_the_ground_is_height_over_slope() -> None:
    camera = Camera((0.0, 0.0, 3.0), width_rad=1.2)
    hits = see((1, 90, 0), (2, 91, 1), camera, (40, 31))
    slope = (np.arange(31) + 0.5 - 31 / 2) / camera.focal_px(40)
    below = slope > 1e-6
    assert hits.depth_m[below, 20] == pytest.approx(3.0 / slope[below], rel=1e-5)
    assert np.isinf(hits.depth_m[slope < -1e-6]).all()
    assert (hits.surface[slope < -1e-6] == hits.sky).all()


def test_depth_is_along_the_axis_when_the_camera_is_turned() -> None:
    camera = Camera((1.0, 2.0, 4.0), yaw_rad=0.4, pitch_rad=-0.2)
    hits = see((20, 4, 0), (24, 14, 6), camera, (64, 48))
    seen = hits.surface < hits.ground
    places = np.array(camera.position)[:, None, None] + rays(camera, (64, 48)) * hits.depth_m
    on_wall = seen & (hits.surface % 3 == 0)
    assert places[0][on_wall] == pytest.approx(20.0, abs=1e-4)
    assert seen.any()


def test_the_nearer_of_two_walls_is_seen() -> None:
    low = np.array([(20, -5, 0), (10, -1, 0)], np.float32)
    high = np.array([(21, 5, 8), (11, 1, 2)], np.float32)
    hits = cast(low, high, Camera((0.0, 0.0, 1.0)), (33, 17))
    assert (hits.surface[8, 16], hits.depth_m[8, 16]) == (3, np.float32(10.0))
    assert (hits.surface[8, 10], hits.depth_m[8, 10]) == (0, np.float32(20.0))


@pytest.mark.parametrize("time_s", (0.0, 1.7, 3.1, 5.0))
def test_every_pixel_of_the_city_sees_what_a_single_ray_finds(time_s: float) -> None:
    city, camera = build_city(SEED, 5.0), camera_at(time_s)
    boxes = city.standing + city.moving(time_s)
    hits = cast(boxes.low, boxes.high, camera, SIZE)
    depth = np.full(hits.depth_m.shape, np.inf)
    down = rays(camera, SIZE)[2].astype(np.float64)
    depth[down < 0] = -camera.position[2] / down[down < 0]
    for low, high in zip(boxes.low.astype(np.float64), boxes.high.astype(np.float64), strict=True):
        depth = np.minimum(depth, _slab(low, high, camera))
    assert _share_of_different(hits, depth) < 2e-4  # rays that graze an edge may fall on either side of it


def test_the_scene_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = (draw(tmp_path / name) for name in ("first", "second"))
    assert [_digest(path) for path in first] == [_digest(path) for path in second]


def test_another_seed_draws_another_city(tmp_path: Path) -> None:
    first, second = draw(tmp_path / "first"), draw_scene(tmp_path / "second", seed=SEED + 1, frames=2, size=SIZE)
    assert np.abs(clips.frames_of(first[0])[0].astype(int) - clips.frames_of(second[0])[0]).mean() > 10


def test_the_files_have_the_size_rate_and_frames_asked_for(tmp_path: Path) -> None:
    paths = draw(tmp_path)
    assert [path.name for path in paths] == ["color.mp4", "depth.mp4", "segmentation.mp4"]
    for path in paths:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            shapes = [(frame.width, frame.height) for frame in container.decode(stream)]
            assert (stream.codec_context.name, stream.pix_fmt, float(stream.average_rate or 0)) == (
                "h264",
                "yuv420p",
                24,
            )
            assert shapes == [SIZE] * FRAMES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["color.mp4", "depth.mp4", "segmentation.mp4"]


def test_progress_hears_every_frame(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    draw_scene(tmp_path, seed=SEED, frames=3, size=SIZE, progress=lambda done, frames: heard.append((done, frames)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_the_depth_video_is_nearness_stretched_over_the_whole_video(tmp_path: Path) -> None:
    paths = draw(tmp_path)
    nearness = np.stack([1 / view.depth_m for view in views()])
    expected = (nearness - nearness.min()) / (nearness.max() - nearness.min()) * 255
    frames = np.stack(clips.frames_of(paths[1])).astype(int)
    assert np.abs(frames[..., 0] - frames[..., 2]).max() <= 1
    assert np.abs(frames[..., 0] - expected).mean() < 1.0
    assert (frames.min(), frames.max()) == (0, 255)


def test_the_segmentation_video_keeps_its_colours_flat(tmp_path: Path) -> None:
    paths = draw(tmp_path)
    colors = label_colors(build_city(SEED, FRAMES / 24).labels).astype(int)
    for frame, view in zip(clips.frames_of(paths[2]), views(), strict=True):
        off = np.abs(frame.astype(int) - colors[view.label]).max(axis=2)[_inside(view)]
        assert np.percentile(off, 98) < 20


def test_colours_of_labels_are_far_apart() -> None:
    colors = label_colors(140).astype(int)
    gaps = np.linalg.norm(colors[:, None] - colors[None], axis=2) + 999 * np.eye(140)
    assert gaps.min() > 35


def test_labels_name_sky_road_and_single_houses() -> None:
    label = views()[0].label
    assert {Label.SKY, Label.ROAD, Label.PAVEMENT, Label.TREE} <= set(np.unique(label).tolist())
    assert (np.unique(label) >= Label.FIRST_THING).sum() > 10


def test_cars_and_camera_move() -> None:
    first, last = views()[0], views()[-1]
    assert np.abs(first.color.astype(int) - last.color).mean() > 3
    assert (first.label != last.label).mean() > 0.02


SHIPPED = {
    "color.mp4": "711b44e7cf2332c7aec0ab9a47899b3c92d1164b1037a999712d52647bbf6042",
    "depth.mp4": "5af630dc512777b5cd2cc0b767c6826adad2363e908821e15b9f43e253222ed0",
    "segmentation.mp4": "4e1e75b74dddfd4837c8583d04ffbaaa61f199498987054ce0f7ba35faf10729",
}
"""What projects hold since they were made with --demo, and hosts in their pools, named by these digests."""
SHIPPED_BYTES = 2_000_000
LATE = 60


def test_the_shipped_clips_are_the_ones_that_were_drawn_once() -> None:
    folder = template("demo", DEMO_SCENE)
    assert {path.name: _digest(path) for path in folder.iterdir()} == SHIPPED
    assert sum(path.stat().st_size for path in folder.iterdir()) < SHIPPED_BYTES


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_clips_have_the_size_rate_and_frames_that_are_drawn(name: str) -> None:
    info = probe(template("demo", DEMO_SCENE, name))
    assert ((info.width, info.height), info.frames, info.fps) == (scene.SIZE, scene.FRAMES, Fraction(scene.FPS))
    assert (info.codec, info.announced_frames) == ("h264", scene.FRAMES)


def test_a_frame_that_is_drawn_today_is_the_shipped_one() -> None:
    city = build_city(scene.SEED, scene.FRAMES / scene.FPS)
    view = view_at(city, light_of(city.standing), LATE / scene.FPS, scene.SIZE)
    color, depth, flat = (clips.frames_of(template("demo", DEMO_SCENE, name))[LATE].astype(float) for name in SHIPPED)
    nearness = 1 / view.depth_m.astype(float)
    scale = (nearness * depth[..., 0]).sum() / (nearness**2).sum()  # from the nearest point of the whole video
    inside = _inside(view)
    assert _psnr(color, view.color) > 31
    assert _psnr(depth[..., 0], nearness * scale) > 44
    assert _psnr(flat[inside], label_colors(city.labels)[view.label][inside]) > 36


def test_a_frame_a_moment_later_is_not_the_shipped_one() -> None:
    city = build_city(scene.SEED, scene.FRAMES / scene.FPS)
    view = view_at(city, light_of(city.standing), (LATE + 3) / scene.FPS, scene.SIZE)
    assert _psnr(clips.frames_of(template("demo", DEMO_SCENE, "color.mp4"))[LATE].astype(float), view.color) < 22


def test_the_command_draws_clips_like_the_shipped_ones(tmp_path: Path) -> None:
    argv = (sys.executable, "-m", "tools.city", str(tmp_path / "scene"), "--frames", "2")
    printed = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    paths = [tmp_path / "scene" / name for name in SHIPPED]
    assert [line.split()[0] for line in printed.stdout.splitlines()] == [str(path) for path in paths]
    for path in paths:
        info = probe(path)
        assert ((info.width, info.height), info.frames, info.fps) == (scene.SIZE, 2, Fraction(scene.FPS))


def see(low: Corner, high: Corner, camera: Camera, size: tuple[int, int]) -> Hits:
    """What `camera` sees of a single box."""
    return cast(np.array([low], np.float32), np.array([high], np.float32), camera, size)


def draw(folder: Path) -> tuple[Path, Path, Path]:
    return draw_scene(folder, seed=SEED, frames=FRAMES, size=SIZE)


def views() -> list[View]:
    """The frames of `draw` before they are encoded."""
    city = build_city(SEED, FRAMES / 24)
    light = light_of(city.standing)
    return [view_at(city, light, number / 24, SIZE) for number in range(FRAMES)]


def _slab(low: Doubles, high: Doubles, camera: Camera) -> Doubles:
    """Depth at which each ray enters one box, by the textbook's slab method; infinite for a miss."""
    directions = rays(camera, SIZE).astype(np.float64)
    origin = np.array(camera.position)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [((corner - origin)[:, None, None] / directions) for corner in (low, high)]
    enter, leave = np.minimum(*ends).max(axis=0), np.maximum(*ends).min(axis=0)
    return np.where((enter <= leave) & (enter > 0), enter, np.inf)


def _share_of_different(hits: Hits, depth: Doubles) -> float:
    same = np.isclose(hits.depth_m, depth, rtol=1e-4) | (np.isinf(hits.depth_m) & np.isinf(depth))
    return float(1 - same.mean())


def _inside(view: View) -> npt.NDArray[np.bool_]:
    """Pixels whose neighbours all have their label."""
    label = view.label.astype(np.float32)
    kernel = np.ones((5, 5), np.uint8)
    return np.asarray(cv2.erode(label, kernel) == cv2.dilate(label, kernel), np.bool_)


def _psnr(one: Doubles, other: npt.NDArray[np.generic]) -> float:
    """How alike two pictures of 8 bits are, in dB: above 30 the eye takes them for one."""
    return float(10 * np.log10(255**2 / np.mean((one - other.astype(float)) ** 2)))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""Several videos as one: paired by time, labelled, and each layout what it says."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from cosmosctl.media import frames
from cosmosctl.media.frames import Pixels
from cosmosctl.media.montage import AMPLIFIED, DIFF, GRID, SHEET, SIDE, WIPE, Side, write_picture, write_video
from tests import clips

WIDTH, HEIGHT = 320, 180
LABEL = 76
NEAR = 4
"""What encoding may do to an even gray."""


def grays(levels: list[int]) -> Iterator[Pixels]:
    return (np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in levels)


def film(path: Path, levels: list[int], fps: int = 24) -> Path:
    path.write_bytes(clips.film(grays(levels), fps=fps, codec="libx264", tagged=True))
    return path


def shown(file: Path) -> Pixels:
    picture = cv2.imread(str(file))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def level(picture: Pixels, column: int, row: int = 0, cell: tuple[int, int] = (WIDTH, HEIGHT)) -> int:
    """The gray in the middle of a cell."""
    return int(picture[row * (cell[1] + LABEL) + cell[1] // 2, column * cell[0] + cell[0] // 2].mean())


def test_videos_of_other_rates_show_the_same_moment(tmp_path: Path) -> None:
    one = film(tmp_path / "a.mp4", [8 * number for number in range(30)], fps=24)
    other = film(tmp_path / "b.mp4", [8 * number for number in range(31)], fps=30)
    write_picture(tmp_path / "out.png", [Side(one, "a"), Side(other, "b")], SIDE, 1.0)
    picture = shown(tmp_path / "out.png")
    assert picture.shape == (HEIGHT + LABEL, 2 * WIDTH, 3)
    assert abs(level(picture, 0) - 24 * 8) <= NEAR
    assert abs(level(picture, 1) - 30 * 8) <= NEAR


def test_a_video_lasts_as_long_as_the_longest_and_one_that_has_ended_is_dimmed(tmp_path: Path) -> None:
    short, long = film(tmp_path / "a.mp4", [200] * 12, fps=24), film(tmp_path / "b.mp4", [100] * 30, fps=30)
    write_video(tmp_path / "out.mp4", [Side(short, "a"), Side(long, "b")], SIDE)
    assert frames.announced(tmp_path / "out.mp4") == 30
    assert float(frames.rate(tmp_path / "out.mp4")) == 30
    pictures = [frames.rgb(frame) for frame in frames.decoded(tmp_path / "out.mp4")]
    first, last = pictures[0], pictures[-1]
    assert [abs(level(first, at) - want) <= NEAR for at, want in enumerate((200, 100))] == [True, True]
    assert [abs(level(last, at) - want) <= NEAR for at, want in enumerate((100, 100))] == [True, True]


def test_a_difference_is_black_where_nothing_differs_and_amplified_where_it_does(tmp_path: Path) -> None:
    one, other = film(tmp_path / "a.mp4", [120] * 3), film(tmp_path / "b.mp4", [130] * 3)
    for second, wanted in ((one, 0), (other, 10 * AMPLIFIED)):
        write_picture(tmp_path / "out.png", [Side(one, "a"), Side(second, "b")], DIFF, None)
        assert abs(level(shown(tmp_path / "out.png"), 2) - wanted) <= 2 * AMPLIFIED


def test_a_wipe_shows_the_first_left_of_the_line_and_the_second_right_of_it(tmp_path: Path) -> None:
    one, other = film(tmp_path / "a.mp4", [60] * 24), film(tmp_path / "b.mp4", [180] * 24)
    sides = [Side(one, "a"), Side(other, "b")]
    write_picture(tmp_path / "out.png", sides, WIPE, None)
    row = shown(tmp_path / "out.png")[HEIGHT // 2, :, 0].astype(int)
    assert abs(row[WIDTH // 2 - 20] - 60) <= NEAR
    assert abs(row[WIDTH // 2 + 20] - 180) <= NEAR
    assert row[WIDTH // 2 - 2 : WIDTH // 2 + 2].max() == 255
    write_video(tmp_path / "out.mp4", sides, WIPE)
    lines = [int(np.argmax(frames.rgb(one)[HEIGHT // 2, :, 0])) for one in frames.decoded(tmp_path / "out.mp4")]
    assert max(lines) - min(lines) > WIDTH // 2, "the line goes over the picture"


def test_a_grid_leaves_what_is_over_black_and_a_sheet_has_stills_from_all_along(tmp_path: Path) -> None:
    films = [film(tmp_path / f"{number}.mp4", [40 * number + 40] * 5) for number in range(3)]
    write_picture(tmp_path / "grid.png", [Side(one, one.stem) for one in films], GRID, None)
    grid = shown(tmp_path / "grid.png")
    assert grid.shape == (2 * (HEIGHT + LABEL), 2 * WIDTH, 3)
    found = [level(grid, column, row) for row in range(2) for column in range(2)]
    assert [abs(one - want) <= NEAR for one, want in zip(found, (40, 80, 120, 0), strict=True)] == [True] * 4
    rising = film(tmp_path / "rising.mp4", [10 * number for number in range(25)])
    write_picture(tmp_path / "sheet.png", [Side(rising, "rising")], SHEET, None)
    sheet = shown(tmp_path / "sheet.png")
    levels = [int(sheet[LABEL + HEIGHT // 2, WIDTH * still + WIDTH // 2].mean()) for still in range(5)]
    assert [abs(one - want) <= NEAR for one, want in zip(levels, (20, 70, 120, 170, 220), strict=True)] == [True] * 5


def test_other_shapes_keep_theirs_and_words_stand_below(tmp_path: Path) -> None:
    tall = tmp_path / "tall.mp4"
    pictures = (np.full((320, 180, 3), 200, np.uint8) for _ in range(2))
    tall.write_bytes(clips.film(pictures, fps=24, codec="libx264", tagged=True))
    wide = film(tmp_path / "wide.mp4", [200] * 2)
    write_picture(tmp_path / "out.png", [Side(wide, "rs_wide", "guidance=7"), Side(tall, "rs_tall")], SIDE, None)
    picture = shown(tmp_path / "out.png")
    height = picture.shape[0] - LABEL
    column = picture[:height, WIDTH // 2].mean(axis=1)
    assert (column < 10).sum() > height // 3, "the wide one has black above and below"
    named, bare = picture[height:, :WIDTH], picture[height:, WIDTH:]
    assert (named > 150).sum() > (bare > 150).sum() > 0


@pytest.mark.parametrize("layout", [SIDE, DIFF, WIPE])
def test_the_bytes_are_the_same_each_time(tmp_path: Path, layout: str) -> None:
    one, other = film(tmp_path / "a.mp4", [60, 70, 80]), film(tmp_path / "b.mp4", [90, 80, 70])
    for name in ("1", "2"):
        write_video(tmp_path / f"{name}.mp4", [Side(one, "a"), Side(other, "b")], layout)
    assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()

"""`show --open` and `--still`: the system's player, and a picture in a terminal that shows some."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest

from cosmosctl.cli.draw.still import KITTY, iterm, kitty, protocol_of, sixel
from cosmosctl.media.still import png, still
from tests import clips
from tests.support.tree import Tree
from tests.support.waiting import wait_until

QUICK = {"COSMOSCTL_PREVIEW_ROW_S": "0.01"}


def test_a_runs_video_is_opened_in_the_systems_player_and_shown_as_a_still(quick_tree: Tree, tmp_path: Path) -> None:
    quick_tree.run("rs_a")
    assert "rs_a has no video here" in quick_tree.cli("show", "rs_a", "--open", expect=2).err
    quick_tree.cli("batch", env=QUICK)
    player = tmp_path / "bin/xdg-open"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\nprintf %s "$1" >"{tmp_path}/half"; mv "{tmp_path}/half" "{tmp_path}/opened"\n')
    player.chmod(0o755)
    env = {"PATH": f"{player.parent}:{quick_tree.environment()['PATH']}"}
    video = quick_tree.run_paths("rs_a").preview.outputs / "output.mp4"
    assert quick_tree.cli("show", "rs_a", "--open", env=env).out == f"{video}\n"
    wait_until(lambda: (tmp_path / "opened").exists())
    assert (tmp_path / "opened").read_text() == str(video)
    assert "stdout is no terminal" in quick_tree.cli("show", "rs_a", "--still", expect=2).err
    shown = quick_tree.cli("show", "rs_a", "--still", "--as", "kitty").out
    assert shown.startswith("\x1b_Ga=T,f=100,m=")


@pytest.mark.parametrize(
    ("env", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app", "TERM": "xterm-256color"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color"}, ""),
        ({}, ""),
    ],
)
def test_a_terminal_is_known_by_what_it_says_of_itself(env: dict[str, str], protocol: str) -> None:
    assert protocol_of(env) == protocol


def test_a_still_is_the_middle_of_a_video_and_arrives_whole(tmp_path: Path) -> None:
    picture = still(clips.color(tmp_path / "a.mp4", width=640, height=360), 480)
    assert picture.shape == (270, 480, 3)
    data = png(picture)
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", kitty(data))
    assert [head[-3:] for head, _ in parts] == ["m=1"] * (len(parts) - 1) + ["m=0"]
    assert max(len(chunk) for _, chunk in parts) <= 4096
    assert base64.b64decode("".join(chunk for _, chunk in parts)) == data
    assert base64.b64decode(iterm(data).partition(":")[2].rstrip("\x07")) == data
    assert KITTY == "kitty"


def test_sixels_drawn_again_are_the_picture_in_216_colours() -> None:
    picture = np.zeros((13, 9, 3), np.uint8)
    picture[2:9, 3:] = (255, 102, 0)
    picture[12] = (51, 51, 255)
    assert np.array_equal(drawn(sixel(picture), 13, 9), picture)


def drawn(text: str, height: int, width: int) -> np.ndarray:
    """What a terminal makes of sixels: the registers, then bands of six rows."""
    body = text.removeprefix(f'\x1bPq"1;1;{width};{height}').removesuffix("\x1b\\")
    registers = {int(n): [int(part) * 255 // 100 for part in (r, g, b)] for n, r, g, b in REGISTER.findall(body)}
    canvas = np.zeros((height, width, 3), np.uint8)
    for top, band in enumerate(REGISTER.sub("", body).split("-")):
        for line in band.split("$"):
            number, rest = re.match(r"#(\d+)(.*)", line).groups()  # type: ignore[union-attr]
            columns = re.sub(r"!(\d+)(.)", lambda run: run[2] * int(run[1]), rest)
            for column, char in enumerate(columns):
                for row in (row for row in range(6) if (ord(char) - 63) >> row & 1):
                    canvas[top * 6 + row, column] = registers[int(number)]
    return canvas


REGISTER = re.compile(r"#(\d+);2;(\d+);(\d+);(\d+)")

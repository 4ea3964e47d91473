"""Videos that git-annex or DVC keeps: what is not here is named with what brings it, and seen as soon as it is here."""

import os
from pathlib import Path

import pytest

from tests.support.git_world import Work, world


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    return world(tmp_path, monkeypatch).works["one"]


def given_to_annex(work: Work) -> Path:
    """Where the colour video lies since; in its place a link is left, as git-annex does."""
    color = work.root / "inputs/videos/s/color.mp4"
    kept = work.root / ".git/annex/objects/a/color.mp4"
    kept.parent.mkdir(parents=True)
    color.rename(kept)
    color.symlink_to("../../../.git/annex/objects/a/color.mp4")
    return kept


def test_a_video_that_annex_has_dropped_since_is_named_with_what_brings_it(one: Work) -> None:
    kept = given_to_annex(one)
    for _ in range(2):  # the second time nothing is read again
        one.cli("check")
    kept.unlink()
    assert "git annex get color.mp4, in its folder" in one.cli("check", expect=3)


def test_a_video_that_annex_has_not_brought_yet_is_no_mistake_of_a_file_and_is_seen_once_it_is_here(one: Work) -> None:
    kept = given_to_annex(one)
    away = kept.rename(one.made.folder / "color.mp4")
    for folder in (one.root / "inputs/videos/s", *(one.root / name for name in ("prompts", "runs/rs_a"))):
        os.utime(folder, (0, 0))  # old enough to be remembered
    for _ in range(2):
        assert "git annex get color.mp4, in its folder" in one.cli("check", expect=3)
        assert "no mistakes in 2 runs" in one.cli("check", "--files-only")
    away.rename(kept)
    one.cli("check")


def test_a_video_that_dvc_keeps_is_named_with_what_brings_it(one: Work) -> None:
    color = one.root / "inputs/videos/s/color.mp4"
    one.cli("check")
    color.unlink()
    color.with_name("color.mp4.dvc").write_text("outs: []\n")
    assert "dvc pull color.mp4.dvc, in its folder" in one.cli("check", expect=3)


def test_a_scene_that_dvc_keeps_is_named_with_what_brings_it(one: Work) -> None:
    scene = one.root / "inputs/videos/s"
    scene.rename(one.made.folder / "s")
    scene.with_name("s.dvc").write_text("outs: []\n")
    assert "there is no folder 'inputs/videos/s'; DVC keeps it: dvc pull s.dvc, in its folder" in one.cli(
        "check", expect=3
    )

"""`fetch --inputs`: source videos that git took away, back from the host that had them."""

import shutil

import pytest

from tests.support.tree import Tree


@pytest.fixture
def done(quick_tree: Tree) -> Tree:
    """A run with its result; the sources are on its host too."""
    quick_tree.run("rs_a", controls="{depth: 0.5}")
    quick_tree.cli("batch")
    return quick_tree


def test_source_videos_come_back_as_they_were(done: Tree) -> None:
    before = contents(done)
    assert set(before) >= {"color.mp4", "depth.mp4"}
    shutil.rmtree(done.root / "inputs")
    printed = done.cli("fetch", "--inputs").lines
    assert sorted(printed) == ["inputs/videos/city/color.mp4", "inputs/videos/city/depth.mp4"]
    after = contents(done)
    assert after == {name: before[name] for name in after}
    done.cli("check")
    assert "no source video is lacking" in done.cli("fetch", "--inputs", "rs_a").err


def test_what_is_there_is_left_alone(done: Tree) -> None:
    color, depth = (done.root / f"inputs/videos/city/{name}.mp4" for name in ("color", "depth"))
    color.write_bytes(b"mine")
    depth.unlink()
    assert done.cli("fetch", "--inputs").lines == ["inputs/videos/city/depth.mp4"]
    assert color.read_bytes() == b"mine"


def test_only_what_the_runs_own_files_name_below_inputs_is_written(done: Tree) -> None:
    receipt = done.run_paths("rs_a").preview.receipt
    shutil.rmtree(done.root / "inputs")
    (done.root / "prompts/ps_a.yaml").write_text(
        "text: a street\nvideo: {color: elsewhere/color.mp4, depth: ../d.mp4}\n"
    )
    done.cli("fetch", "--inputs", expect=None)
    assert not (done.root / "elsewhere").exists()
    assert not (done.root.parent / "d.mp4").exists()
    assert receipt.exists()


def test_another_file_under_its_name_is_not_taken(done: Tree) -> None:
    shutil.rmtree(done.root / "inputs")
    for video in done.home.rglob("inputs/*/video.mp4"):
        video.write_bytes(b"another")
    told = done.cli("fetch", "--inputs", expect=1).err
    assert "what its host local has under its name is another file" in told
    assert not (done.root / "inputs/videos/city/color.mp4").exists()


def test_a_host_that_has_it_no_more_is_told(done: Tree) -> None:
    shutil.rmtree(done.root / "inputs")
    for folder in done.home.rglob("cosmosctl/inputs"):
        shutil.rmtree(folder)
    assert "its host local has it no more" in done.cli("fetch", "--inputs", expect=1).err


def contents(tree: Tree) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tree.root / "inputs/videos/city").iterdir()}

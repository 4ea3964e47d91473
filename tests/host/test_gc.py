"""`gc`: what leaves a host, and what stays there."""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from tests.sshd import Sshd, needs_sshd
from tests.support.tree import Tree
from tests.support.waiting import wait_until

DAYS_AGO = time.time() - 3 * 86_400


@pytest.fixture
def dir(tmp_path: Path) -> Path:
    return tmp_path / "host's\ndir\t; $HOME"


@pytest.fixture
def lab(tree: Tree, dir: Path) -> Tree:
    """A project with a host on this machine whose preview does nothing, quickly."""
    tree.config(config_of(dir))
    return tree


def config_of(dir: Path, project: str = "5f3a91c2", block: str = "") -> str:
    env = {"COSMOSCTL_PREVIEW_ROW_S": "0.05"}
    host = f"    dir: {json.dumps(str(dir))}\n    engine: preview\n    env: {json.dumps(env)}\n"
    return f"project: {project}\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n{block}{host}"


def age(dir: Path) -> None:
    """Everything there was touched three days ago."""
    for path in (dir, *dir.rglob("*")):
        os.utime(path, (DAYS_AGO, DAYS_AGO))


def left(dir: Path) -> tuple[int, int]:
    """(batches, inputs) on the host."""
    return len(list((dir / "batches").iterdir())), len(list((dir / "inputs").iterdir()))


def test_gc_removes_what_is_here_and_was_left_alone_for_a_day(lab: Tree, dir: Path) -> None:
    lab.run("rs_a")
    lab.cli("batch")
    batches, inputs = left(dir)
    age(dir)
    told = lab.cli("gc", "lab", "--dry-run")
    assert left(dir) == (batches, inputs)
    said = lab.cli("gc", "lab")
    assert left(dir) == (0, 0)
    assert said.out == told.out
    assert [line.split()[0] for line in said.lines] == ["batch", *["input"] * inputs]
    assert lab.states() == {"rs_a": "done"}
    lab.run("rs_b")
    lab.cli("batch")
    assert lab.states() == {"rs_a": "done", "rs_b": "done"}


def test_what_was_touched_within_a_day_stays(lab: Tree, dir: Path) -> None:
    lab.run("rs_a")
    lab.cli("batch")
    before = left(dir)
    assert lab.cli("gc", "lab").out == ""
    assert left(dir) == before


def test_an_unfetched_batch_and_its_inputs_stay(lab: Tree, dir: Path) -> None:
    lab.run("rs_a")
    lab.cli("batch", "--detach")
    wait_for_ends(dir, 1)
    age(dir)
    before = left(dir)
    said = lab.cli("gc", "lab")
    assert left(dir) == before
    assert "stays: its results are not fetched" in said.err


def test_a_batch_whose_video_is_damaged_here_stays(lab: Tree, dir: Path) -> None:
    lab.run("rs_a")
    lab.cli("batch")
    age(dir)
    video = lab.run_paths("rs_a").preview.outputs / "output.mp4"
    data = bytearray(video.read_bytes())
    data[-1] ^= 1
    video.write_bytes(data)
    before = left(dir)
    assert "the videos of rs_a are not here" in lab.cli("gc", "lab").err
    assert left(dir) == before


def test_batches_of_other_projects_and_clones_and_the_inputs_they_name_stay(
    lab: Tree, dir: Path, tmp_path: Path
) -> None:
    lab.run("rs_a")
    lab.cli("batch", "--batch-name", "mine")
    other = Tree(tmp_path / "other", lab.home, lab.env)
    shutil.copytree(lab.root, other.root, ignore=shutil.ignore_patterns("batches", "runs"))
    other.config(config_of(dir, "0123abcd"))
    other.run("rs_a", more="seed: 7\n")
    other.cli("batch", "--batch-name", "theirs")
    batches, inputs = left(dir)
    age(dir)
    lab.cli("gc", "lab")
    assert left(dir) == (batches - 1, inputs)
    assert [path.name.split("_")[0] for path in (dir / "batches").iterdir()] == ["theirs"]
    clone = Tree(tmp_path / "clone", lab.home, lab.env)
    shutil.copytree(other.root, clone.root, ignore=shutil.ignore_patterns("batches", ".cosmosctl"))
    clone.cli("gc", "lab")
    assert left(dir) == (batches - 1, inputs)


def test_inputs_of_a_batch_that_is_being_sent_stay(lab: Tree, dir: Path) -> None:
    lab.run("rs_a")
    lab.cli("batch")
    sending = dir / "batches/other-1a2b3c4d/incoming/bundle"
    sending.mkdir(parents=True)
    batch = next(path for path in (dir / "batches").iterdir() if path.name != "other-1a2b3c4d")
    shutil.copy(batch / "inputs.txt", sending)
    age(dir)
    inputs = left(dir)[1]
    lab.cli("gc", "lab")
    assert left(dir) == (1, inputs)
    assert sending.is_dir()


def test_gc_during_a_push_makes_the_launch_ask_for_the_videos_again(lab: Tree, dir: Path) -> None:
    lab.run("rs_a")
    lab.cli("batch")
    lab.run("rs_b")
    name = lab.cli("batch", "rs_b", "--detach").out.strip()
    wait_for_ends(dir, 2)
    folder = next((dir / "batches").glob(f"{name}-*"))
    for path in (dir / "inputs").iterdir():
        shutil.rmtree(path)
    (folder / "events.jsonl").unlink()
    lab.cli("attach", name)
    assert lab.states() == {"rs_a": "done", "rs_b": "done"}


def test_half_a_batch_that_was_left_here_is_removed(lab: Tree, dir: Path) -> None:
    half = lab.paths.batches / "half_20260101_000000"
    half.mkdir(parents=True)
    (half / "plan.json").write_text("{}")
    assert lab.cli("gc", "lab").out == ""
    os.utime(half, (DAYS_AGO, DAYS_AGO))
    assert lab.cli("gc", "lab").lines == ["leftover batches/half_20260101_000000 0 KiB"]
    assert not half.exists()


def test_a_folder_of_another_owner_is_left_alone(lab: Tree, dir: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give folders away")
    (dir / "batches").mkdir(parents=True)
    os.chown(dir, 12345, 12345)
    refused = lab.cli("gc", "lab", expect=4)
    assert "belongs to another user" in refused.err


@needs_sshd
def test_gc_works_over_ssh(lab: Tree, box: Sshd, dir: Path) -> None:
    lab.config(config_of(dir, block=box.block()))
    lab.run("rs_a")
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as sockets:
        lab.cli("batch", env={"XDG_RUNTIME_DIR": sockets})
        age(dir)
        lab.cli("gc", "lab", env={"XDG_RUNTIME_DIR": sockets})
    assert left(dir) == (0, 0)


def wait_for_ends(dir: Path, count: int) -> None:
    """Until that many batches have ended on the host."""

    def ended() -> int:
        return sum("batch_done" in file.read_text() for file in dir.glob("batches/*/events.jsonl"))

    wait_until(lambda: ended() >= count, "a batch to end")


def test_source_videos_that_only_the_host_has_stay(lab: Tree, dir: Path) -> None:
    lab.run("rs_a", controls="{depth: 0.5}")
    lab.cli("batch")
    age(dir)
    color, depth = (lab.root / f"inputs/videos/city/{name}.mp4" for name in ("color", "depth"))
    depth.unlink()
    lab.cli("gc", "lab")
    assert left(dir) == (0, 1)
    assert lab.cli("fetch", "--inputs").lines == ["inputs/videos/city/depth.mp4"]
    assert color.exists()
    age(dir)
    lab.cli("gc", "lab")
    assert left(dir) == (0, 0)

"""Parts of a project on another disk, and one file under many names."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmosctl.errors import FileError
from cosmosctl.events import process_logs
from cosmosctl.io.atomic import write_text
from cosmosctl.io.moving import move_aside
from tests.support.disks import mounted
from tests.support.tree import Tree, on_this_machine

SHM = Path("/dev/shm")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = on_this_machine(tmp_path, {"COSMOSCTL_PREVIEW_ROW_S": "0.02"})
    tree.run("rs_one")
    tree.run("rs_two")
    return tree


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another disk."""
    if not SHM.is_dir() or SHM.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm")
    folder = SHM / f"cosmosctl-test-{os.getpid()}-{tmp_path.name}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("part", ["batches", ".cosmosctl"])
def test_a_folder_of_the_tool_may_lie_on_another_disk(tree: Tree, elsewhere: Path, part: str) -> None:
    (tree.root / part).symlink_to(elsewhere)
    tree.cli("batch")
    assert tree.states() == {"rs_one": "done", "rs_two": "done"}
    assert [path.name for path in tree.paths.batches.iterdir() if path.name.startswith(".")] == []


def test_history_may_lie_on_another_disk(tree: Tree, elsewhere: Path) -> None:
    tree.cli("batch")
    [first] = (batch.name for batch in tree.batches())
    video = tree.run_paths("rs_one").preview.outputs / "output.mp4"
    data = video.read_bytes()
    tree.run_paths("rs_one").history.symlink_to(elsewhere)
    tree.run("rs_one", controls="{edge: 0.7}")
    tree.cli("batch", "--changed")
    assert tree.states() == {"rs_one": "done", "rs_two": "done"}
    assert (elsewhere / first / "outputs/output.mp4").read_bytes() == data
    assert sorted(path.name for path in (elsewhere / first).iterdir()) == [
        "logs",
        "manifest.txt",
        "outputs",
        "result.yaml",
    ]


def test_a_move_to_another_disk_that_was_cut_off_before_all_was_removed_goes_on(
    tmp_path: Path, elsewhere: Path
) -> None:
    source, target = tmp_path / "outputs", elsewhere / "outputs"
    for folder in (source, target):
        folder.mkdir()
        (folder / "output.mp4").write_bytes(b"a video")
    (target / "prompt.txt").write_bytes(b"removed here already")
    move_aside(source, target)
    assert not source.exists()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["outputs"]


def test_what_differs_from_what_lies_there_gets_a_name_of_its_own(tmp_path: Path, elsewhere: Path) -> None:
    source, target = tmp_path / "outputs", elsewhere / "outputs"
    for folder, data in ((source, b"mine"), (target, b"another")):
        folder.mkdir()
        (folder / "output.mp4").write_bytes(data)
    move_aside(source, target)
    assert (elsewhere / "outputs.1" / "output.mp4").read_bytes() == b"mine"
    assert (target / "output.mp4").read_bytes() == b"another"


def test_the_log_of_a_batch_is_one_file_on_the_disk_however_many_runs_have_it(tree: Tree) -> None:
    tree.cli("batch")
    log = tree.batches()[0].log
    copies = [tree.run_paths(run).preview.batch_log for run in ("rs_one", "rs_two")]
    assert all(copy.samefile(log) for copy in copies)
    assert log.stat().st_nlink == 3


def test_where_no_link_can_be_made_each_run_has_a_copy_of_the_log(tmp_path: Path, elsewhere: Path) -> None:
    log, copy = tmp_path / "batch.log", elsewhere / "logs/batch.log"
    log.write_bytes(b"loading\n")
    for _ in range(2):
        process_logs.copy_log(log, copy)
        assert copy.read_bytes() == b"loading\n"
    assert not copy.samefile(log)


def test_a_log_that_was_written_anew_is_linked_anew(tmp_path: Path) -> None:
    log, link = tmp_path / "batch.log", tmp_path / "logs/batch.log"
    log.write_bytes(b"one\n")
    process_logs.copy_log(log, link)
    log.unlink()
    log.write_bytes(b"two\n")
    process_logs.copy_log(log, link)
    assert link.read_bytes() == b"two\n"
    assert link.samefile(log)


def test_a_disk_without_inodes_is_told_as_that_and_named_by_a_folder_that_is_there(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "nr_inodes=2", "tmpfs", at=disk):
        (disk / "full").touch()
        with pytest.raises(FileError, match=r"cannot write: the disk holds as many files as it can") as caught:
            write_text(disk / "logs/batch.log", "text")
        assert caught.value.hint == f"df -i {disk}"

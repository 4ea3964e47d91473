"""A batch that somebody else runs: exported into a folder, started by one command, sent back, taken in."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S, wait_until


@pytest.fixture
def exported(quick_tree: Tree, tmp_path: Path) -> tuple[Path, str]:
    """The folder of an exported batch of three runs, and the command that starts it."""
    for number in (1, 2, 3):
        quick_tree.prompt(f"ps_{number}", f"prompt number {number}")
        quick_tree.run(f"rs_{number}", f"ps_{number}")
    told = quick_tree.cli("batch", "--export", str(tmp_path / "it's out"))
    return tmp_path / "it's out", next(line.strip() for line in told.lines if "launch.sh" in line)


def ran(tree: Tree, out: Path, command: str, *, faults: str = "") -> Path:
    """The batch's folder on the `host`, after somebody without cosmosctl ran it to its end."""
    shutil.copytree(out, tree.home / "cosmosctl", dirs_exist_ok=True)
    env = tree.environment({"COSMOSCTL_PREVIEW_FAULTS": faults})
    subprocess.run(command, shell=True, check=True, env=env, timeout=PATIENCE_S, stdout=subprocess.DEVNULL)
    folder = tree.home / "cosmosctl/batches" / next((out / "batches").iterdir()).name
    events = folder / "events.jsonl"
    wait_until(lambda: events.is_file() and '"ev":"batch_done"' in events.read_text(), "the end of the batch")
    return folder


def test_what_somebody_else_ran_comes_home_with_its_logs(
    quick_tree: Tree, exported: tuple[Path, str], tmp_path: Path
) -> None:
    folder = ran(quick_tree, *exported, faults="block:number 2")
    back = shutil.copytree(folder, tmp_path / "mail" / folder.name)
    assert set(quick_tree.states().values()) == {"queued"}
    told = quick_tree.cli("fetch", "--from", str(back), expect=1).out
    assert quick_tree.states() == {"rs_1": "done", "rs_2": "blocked", "rs_3": "done"}
    assert "rs_2" in told
    preview = quick_tree.run_paths("rs_3").preview
    assert (preview.outputs / "prompt.txt").read_text(encoding="utf-8") == "prompt number 3"
    assert "Saved prompt to" in preview.execution_log.read_text(encoding="utf-8")
    assert quick_tree.batches()[0].log.exists()
    assert sorted(path.name for path in back.iterdir()) == sorted(path.name for path in folder.iterdir())


def test_a_copy_that_was_damaged_on_its_way_is_refused(
    quick_tree: Tree, exported: tuple[Path, str], tmp_path: Path
) -> None:
    folder = ran(quick_tree, *exported)
    (folder / "done/rs_2/output.mp4").write_bytes(b"half")
    quick_tree.cli("fetch", "--from", str(folder.parent), expect=None)
    assert quick_tree.states() == {"rs_1": "done", "rs_2": "bad-output", "rs_3": "done"}


def test_an_exported_batch_holds_everything_and_a_readme(exported: tuple[Path, str]) -> None:
    out, command = exported
    folder = next((out / "batches").iterdir())
    assert command in (folder / "README.txt").read_text(encoding="utf-8")
    names = {path.relative_to(folder / "incoming").parts[0] for path in (folder / "incoming").rglob("*")}
    assert names == {"bundle", "inputs"}
    assert not any(path.is_symlink() for path in out.rglob("*"))


def test_a_folder_without_a_batch_of_ours_is_an_error(
    quick_tree: Tree, exported: tuple[Path, str], tmp_path: Path
) -> None:
    told = quick_tree.cli("fetch", "--from", str(tmp_path / "home"), expect=3).err
    assert "holds no unfinished batch of this project" in told

"""A clone of a hundred thousand folders is looked at within ten seconds of a processor and half a gigabyte."""

import os
import resource
import subprocess
import sys
from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.state import batch_list, states

FOLDERS = 100_000
CPU_S = 10
KIB = 500 << 10


def _project(root: Path) -> Path:
    (root / "batches").mkdir(parents=True)
    (root / "cosmosctl.yaml").write_text("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
    return root


def _status(root: Path) -> str:
    """What `status` says, which the kernel ends when it takes longer than it may."""
    limited = f"ulimit -t {CPU_S}; exec {sys.executable} -m cosmosctl status"
    told = subprocess.run(["sh", "-c", limited], cwd=root, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= KIB
    return told.stdout


def test_status_looks_once_at_folders_that_are_no_batches(tmp_path: Path) -> None:
    root = _project(tmp_path / "project")
    for number in range(FOLDERS):
        os.mkdir(f"{root}/batches/b{number}")  # noqa: PTH102  # a hundred thousand of them
    assert "no runs yet" in _status(root)


def test_status_says_how_many_batches_it_does_not_look_into(tmp_path: Path) -> None:
    root = _project(tmp_path / "project")
    for number in range(batch_list.MOST + 3):
        folder = root / f"batches/b{number}_20260101_120000"
        folder.mkdir()
        (folder / "batch.yaml").write_text("number: 1\n")
    assert f"3 batches beyond {batch_list.MOST} are not looked at" in _status(root)


def test_a_foreign_batch_whose_plan_is_cut_off_holds_nothing_and_is_shown(tmp_path: Path) -> None:
    root = _project(tmp_path / "project")
    folder = root / "batches/b_20260101_120000"
    folder.mkdir()
    (folder / "batch.yaml").write_text("number: 1\n")
    (folder / "plan.json").write_text('{"batch": "b_2026')
    (folder / "rows.txt").write_text("5f3a91c2 rs_a abc\n")
    assert states.open_batches(ProjectPaths(root)) == ()
    told = _status(root)
    assert "Made elsewhere, so that they hold no run here:" in told
    assert "\tb_20260101_120000\n" in told

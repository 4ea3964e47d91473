"""tools/gpu_trial.py with tiny weights on this CPU: the table that a rented GPU is to fill."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.real


def test_the_trial_prints_a_table_and_stores_its_figures(python: Path, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path
    sizes = ("--size", "64x48", "--frames", "9", "--chunk", "9", "--steps", "2")
    argv = (str(python), "-B", str(REPOSITORY / "tools/gpu_trial.py"), "--models", str(tiny / "transfer25"))
    done = subprocess.run(
        (*argv, "--out", str(out), *sizes, "--memory", "full,group"),
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["memory", "full", "group"]
    full, group = json.loads((out / "gpu_trial.json").read_text())
    assert full["sha256"] == group["sha256"], "another way to lay the networks changes no pixel"
    assert Path(out / "full/first/output.mp4").read_bytes() != Path(out / "full/between/output.mp4").read_bytes()

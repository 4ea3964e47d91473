"""The task file of an export, as SkyPilot's own parser takes it. It is not installed here: that takes minutes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.test_job_files import exported
from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S

PYTHON = Path(sys.prefix) / "share/skypilot/bin/python"
TASK = """
import json, sys, sky
task = sky.Task.from_yaml(sys.argv[1])
(resources,) = task.resources
print(json.dumps([task.name, dict(resources.accelerators), task.run, dict(task.file_mounts)]))
"""

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not PYTHON.exists(),
        reason=f"needs SkyPilot: python3 -m venv {PYTHON.parents[1]}; {PYTHON.with_name('pip')} install skypilot",
    ),
]


def test_skypilot_reads_the_task(quick_tree: Tree, tmp_path: Path) -> None:
    job = exported(quick_tree, tmp_path / "out", "skypilot")
    argv = (str(PYTHON), "-c", TASK, str(job))
    env = {**quick_tree.environment(), "HOME": str(tmp_path), "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}
    read = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, cwd=job.parent, env=env)
    assert read.returncode == 0, read.stderr
    assert '{"H100": 1}' in read.stdout and "run.sh" in read.stdout

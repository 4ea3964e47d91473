"""What `make release` does before it tags: builds both packages, installs each afresh, runs the demo from it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import REPOSITORY

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="this is no clone"),
]


def test_both_packages_of_a_clone_run_the_demo(tmp_path: Path) -> None:
    subprocess.run(("git", "clone", "-q", str(REPOSITORY), str(tmp_path / "clone")), check=True)
    argv = ("sh", ".ci/release", sys.executable, "--no-tag")
    done = subprocess.run(argv, cwd=tmp_path / "clone", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.partition(": ")[2] for line in done.stdout.splitlines()] == ["installed, its demo made 5 videos"] * 2
    packages = sorted(path.name for path in (tmp_path / "clone/dist").iterdir())
    assert [name.rpartition(".")[2] for name in packages] == ["whl", "gz"]

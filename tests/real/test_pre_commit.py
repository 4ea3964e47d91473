"""The hook that projects name, run by pre-commit itself out of this repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import REPOSITORY
from tests.support.waiting import INSTALL_S

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (REPOSITORY / ".git").exists(), reason="no git repository, out of which pre-commit runs hooks"
    ),
]


@pytest.fixture(scope="module")
def pre_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, in an environment of its own."""
    folder = tmp_path_factory.mktemp("pre-commit")
    run(sys.executable, "-m", "venv", str(folder / "venv"), cwd=folder)
    run(str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", "pre-commit", cwd=folder)
    return folder / "venv/bin/pre-commit"


def test_the_hook_takes_what_is_well_and_refuses_what_is_not(pre_commit: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "prompts").mkdir(parents=True)
    (root / "runs/rs_a").mkdir(parents=True)
    (root / "cosmosctl.yaml").write_text("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
    (root / "prompts/ps_a.yaml").write_text("text: a street\nvideo: inputs/videos/city\n")
    run_file = root / "runs/rs_a/run.yaml"
    run_file.write_text("prompt: ps_a\ncontrols: {edge: 0.5}\n")
    run("git", "init", "-q", cwd=root)
    run("git", "add", "-A", cwd=root)
    head = run("git", "rev-parse", "HEAD", cwd=REPOSITORY).strip()
    tried = (str(pre_commit), "try-repo", str(REPOSITORY), "cosmosctl-check", "--ref", head, "--all-files", "--verbose")
    env = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}
    assert "no mistakes in 1 run" in run(*tried, cwd=root, env=env)
    run_file.write_text("prompt: ps_a\ncontrols: {edge: 7}\n")
    run("git", "add", "-A", cwd=root)
    said = run(*tried, cwd=root, env=env, expect=1)
    assert "runs/rs_a/run.yaml:2:18: controls.edge must be between 0 and 1, got 7" in said


def run(*argv: str, cwd: Path, env: dict[str, str] | None = None, expect: int = 0) -> str:
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == expect, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout

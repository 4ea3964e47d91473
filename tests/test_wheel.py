"""The wheel carries everything: installed in a fresh environment, the demo runs from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tree import REPOSITORY, TIMEOUT_S


def run(*argv: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command printed; its messages in the failure when it fails."""
    result = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert result.returncode == 0, f"{argv}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment in which nothing but the wheel, and what it asks for, is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=REPOSITORY)
    run(sys.executable, "-m", "venv", str(folder / "venv"), cwd=folder)
    wheel = next(folder.glob("cosmosctl-*.whl"))
    run(str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", str(wheel), cwd=folder)
    return folder / "venv/bin"


def test_the_demo_runs_from_an_installed_wheel(installed: Path, tmp_path: Path) -> None:
    env = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "home"), "COSMOSCTL_PREVIEW_ROW_S": "0.1"}
    env.pop("PYTHONPATH", None)
    cosmosctl = str(installed / "cosmosctl")
    where = run(str(installed / "python"), "-c", "import cosmosctl; print(cosmosctl.__file__)", cwd=tmp_path)
    assert where.startswith(str(installed.parent))
    run(cosmosctl, "init", "demo", "--demo", cwd=tmp_path, env=env)
    printed = run(cosmosctl, "batch", cwd=tmp_path / "demo", env=env)
    videos = [line for line in printed.splitlines() if line.endswith("output.mp4")]
    assert len(videos) == 5
    assert all((tmp_path / "demo" / video).is_file() for video in videos)

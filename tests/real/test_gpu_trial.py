"""tools/gpu_trial.py with tiny weights on this CPU: the table that a rented GPU is to fill."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cv2
import pytest

from cosmosctl import models
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.real

SIZES = ("--size", "64x48", "--frames", "9", "--chunk", "9", "--steps", "2")
FOLDERS = {"transfer2.5": "transfer25", "cosmos3": "cosmos3"}


def tried(python: Path, *args: str) -> str:
    """What the trial prints."""
    argv = (str(python), "-B", str(REPOSITORY / "tools/gpu_trial.py"), *args, *SIZES)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=8 * PATIENCE_S, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("family", FOLDERS)
def test_the_trial_prints_a_table_and_stores_its_figures(python: Path, tiny: Path, tmp_path: Path, family: str) -> None:
    modes = {"transfer2.5": ("full", "small+tiled"), "cosmos3": ("group+tiled",)}[family]
    place = ("--models", str(tiny / FOLDERS[family]), "--out", str(tmp_path), "--locks", str(tmp_path / "locks"))
    lines = tried(python, "--family", family, *place, "--memory", ",".join(modes)).splitlines()
    assert [line.split()[0] for line in lines] == ["memory", *modes, "lock:", "docker:", "podman:"]
    stored = json.loads((tmp_path / "gpu_trial.json").read_text())
    assert stored["checks"]["lock"].startswith("yes")
    for one in stored["modes"]:
        assert (one["videos"], one["after_oom"], one["same_bytes"]) == (3, True, True)
        assert one["made_with"]["memory"] == one["memory"].removesuffix("+tiled")
        assert len(set(one["sha256"].values())) == 2, "all controls make another video than one"


def test_with_weights_it_renders_three_clips_and_a_sheet(python: Path, tiny: Path, tmp_path: Path) -> None:
    place = ("--weights", "--models", str(tiny / "transfer25"), "--out", str(tmp_path), "--memory", "full")
    *videos, sheet = tried(python, *place).splitlines()
    assert [Path(video).is_file() for video in videos] == [True, True, True]
    picture = cv2.imread(sheet)
    assert picture is not None and picture.shape == (3 * 48, 5 * 64, 3)


def test_the_networks_it_makes_have_the_published_sizes(python: Path) -> None:
    argv: Sequence[str] = (str(python), "-B", str(REPOSITORY / "tools/random_cosmos.py"), "--count")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S)
    parts = json.loads(done.stdout)
    for family, names in (
        ("transfer2.5-diffusers", ("transformer", *["control net"] * 4, "encoder", "text encoder")),
        ("cosmos3-diffusers", ("cosmos3", "cosmos3 encoder")),
    ):
        told = models.get(family).HOME.weights_gib["full"]
        assert abs(sum(parts[name] for name in names) - told) < 0.5, family
    assert parts["text encoder"] == models.get("transfer2.5-diffusers").HOME.weights_gib["offload"]

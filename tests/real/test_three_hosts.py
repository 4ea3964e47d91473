"""One project on three hosts: nothing changes but `--host`, and a preview has the same bytes on each."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import Engine, needs_podman
from tests.host.test_containers import decoded
from tests.sshd import Sshd, needs_sshd, running_sshd
from tests.support import apptainer
from tests.support.apptainer import Apptainer
from tests.support.slurm_bed import Bed
from tests.support.tree import Tree

pytestmark = [pytest.mark.real, needs_sshd, needs_podman]
RUNS = ("rs_edge", "rs_vis")
OUTPUT = "outputs/output.mp4"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Apptainer:
    return apptainer.with_image(tmp_path_factory.mktemp("apptainer"))


@pytest.fixture(scope="module")
def login(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A login node of that Slurm."""
    with running_sshd(tmp_path_factory.mktemp("login"), env=bed.env) as server:
        yield server


@pytest.fixture
def project(tree: Tree, box: Sshd, engine: Engine, login: Sshd, program: Apptainer, tmp_path: Path) -> Iterator[Tree]:
    """Its hosts, beside `local`: a podman behind ssh, and a Slurm with Apptainer behind another."""
    sif = program.block(dir=tmp_path / "the site's dir", row_s="", image=program.sif, more="    scheduler: slurm\n")
    podman = engine.block(dir=tmp_path / "box", row_s="")
    memory = f"    nodes: 2\n    extra: {json.dumps(['--mem=1G'])}\n"
    hosts = f"  pod:\n{box.block()}{podman}  site:\n{login.block()}{sif}{memory}"
    tree.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: local\nhosts:\n{hosts}")
    tree.run("rs_edge", controls="{edge: {weight: 0.4, preset: low}}")
    tree.run("rs_vis", controls="{vis: 0.3, depth: 0.2}")
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as sockets:
        yield Tree(tree.root, tree.home, {"XDG_RUNTIME_DIR": sockets})


def test_the_same_runs_have_the_same_bytes_here_in_podman_behind_ssh_and_in_apptainer_on_slurm(
    project: Tree, bed: Bed
) -> None:
    before = {path: path.read_bytes() for path in sorted(project.root.rglob("*.yaml")) if "batches" not in path.parts}
    project.cli("batch", "--host", "local")
    here = {run: project.run_paths(run).preview.root / OUTPUT for run in RUNS}
    wanted = {run: decoded(video) for run, video in here.items()}
    assert all(wanted.values()) and wanted["rs_edge"] != wanted["rs_vis"]
    for host in ("pod", "site"):
        project.cli("batch", "--all", "--host", host)
        found = {run: project.run_paths(run).result.root / OUTPUT for run in RUNS}
        assert {run: decoded(video) for run, video in found.items()} == wanted, host
        assert {run: video.read_bytes() for run, video in found.items()} == {
            run: video.read_bytes() for run, video in here.items()
        }, host
        assert project.states("--host", host) == dict.fromkeys(RUNS, "done")
    starts = [event for event in project.events() if event["ev"] == "batch_start"]
    assert {start["shard"] for start in starts} == {0, 1} and all(start["job"] for start in starts)
    assert all(path.read_bytes() == text for path, text in before.items())
    bed.until_empty()

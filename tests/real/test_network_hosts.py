"""Real networks in a container that ssh reaches: the very bytes of the same rows without one."""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmosctl.results.receipts import read_receipt
from tests.containers import IMAGE, Engine, needs_podman
from tests.sshd import Sshd, needs_sshd
from tests.support import network_batch
from tests.support.network_batch import SMALL, video
from tests.support.tree import Tree

pytestmark = [pytest.mark.real, needs_podman, needs_sshd]

FAMILY = "transfer2.5-diffusers"


@pytest.fixture
def lab(bare_tree: Tree, box: Sshd, engine: Engine, python: Path, tiny: Path, tmp_path: Path) -> Iterator[Tree]:
    """A project with two hosts for the same networks: `gpu`, this machine, and `lab`, podman behind ssh.

    Its image has this machine's Python; the environment with PyTorch, too large for an image here, is mounted.
    """
    models = tiny / "transfer25"
    tree = network_batch.prepared(bare_tree, python, {FAMILY: models})
    environment = python.parent.parent
    if python.resolve() != Path(getattr(sys, "_base_executable", sys.executable)).resolve():
        pytest.skip(f"SKIPPED: real networks in a container: its image has another Python than {python}")
    block = {"image": IMAGE, "python": str(python), "checkpoints": str(models)}
    lines = {
        "dir": str(tmp_path / "there"),
        "engine": engine.name,
        "engine_command": engine.command,
        "engine_args": ["--network=host"],
        "models": {FAMILY: block},
        "mounts": [f"{environment}:{environment}:ro"],
        "env": {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COSMOSCTL_GPU_LOCKS": "/cosmosctl/locks"},
    }
    text = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in lines.items())
    tree.config((tree.root / "cosmosctl.yaml").read_text() + f"  lab:\n{box.block()}{text}")
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as sockets:
        yield Tree(tree.root, tree.home, {"XDG_RUNTIME_DIR": sockets})


def test_a_container_behind_ssh_computes_the_bytes_of_the_bare_machine(lab: Tree, engine: Engine) -> None:
    lab.run("rs_1", "ps_s", "{edge: 0.5, vis: {weight: 0.5, preset: low}}", SMALL)
    lab.run("rs_2", "ps_s", "{edge: 1}", f"{SMALL}seed: 7\n")
    lab.cli("batch", "--host", "gpu")
    near = {run: video(lab, run) for run in ("rs_1", "rs_2")}
    lab.cli("batch", "--all", "--host", "lab")
    assert {run: video(lab, run) for run in near} == near
    receipt = read_receipt(lab.run_paths("rs_1").result.report)
    assert receipt is not None
    assert (receipt.host, receipt.made_with["checkpoint"]) == ("lab", "/checkpoints")
    assert receipt.image.startswith("sha256:")
    assert engine.containers() == []

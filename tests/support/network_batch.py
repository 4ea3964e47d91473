"""A project whose host, this machine, runs the tiny models: 33 frames of 64x48 in chunks of 17."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests import clips
from tests.support import network_python
from tests.support.tree import REPOSITORY, Tree

TINY = REPOSITORY / "tools/random_cosmos.py"
FRAMES, CHUNK, STEPS = 33, 17, 3
SMALL = f"resolution: input\nchunk_frames: {CHUNK}\nnum_steps: {STEPS}\n"


def tiny_models(python: Path, folder: Path) -> Path:
    """The folder of the tiny models, made there."""
    done = subprocess.run(
        (str(python), "-B", str(TINY), str(folder)), capture_output=True, text=True, timeout=network_python.INSTALL_S
    )
    assert done.returncode == 0, done.stderr
    return folder


def prepared(tree: Tree, python: Path, checkpoints: Mapping[str, Path], keys: str = "") -> Tree:
    """The project with a scene of its own and the host `gpu`; `keys` are more of each model's block."""
    folder = tree.root / "inputs/videos/small"
    clips.scene(folder, frames=FRAMES, fps=10)
    models = {
        name: f"{{python: {json.dumps(str(python))}, checkpoints: {json.dumps(str(place))}{keys}}}"
        for name, place in checkpoints.items()
    }
    blocks = "".join(f"      {name}: {block}\n" for name, block in models.items())
    tree.config(
        f"project: 5f3a91c2\nmodel: {next(iter(checkpoints))}\nhost: gpu\nhosts:\n  gpu:\n    engine: bare\n"
        f"    models:\n{blocks}    env: {{OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1'}}\n"
    )
    for name, text in (
        ("ps_s", "a street"),
        ("ps_no", "a forbidden street"),
        ("ps_oom", "a starved street"),
        ("ps_bad", "an unseemly street"),
    ):
        tree.prompt(name, text, scene="inputs/videos/small")
    return tree


def steps_of(tree: Tree) -> int:
    """How many steps of denoising the newest batch computed, by its logs."""
    return len(re.findall(r"^diffusers_rows: step \d+/\d+$", whole_log(tree), flags=re.M))


def whole_log(tree: Tree) -> str:
    """All logs of the newest batch."""
    return tree.cli("logs", tree.batches()[-1].name).out


def video(tree: Tree, run: str) -> bytes:
    """The video of a run's result."""
    return (tree.run_paths(run).root / "outputs/output.mp4").read_bytes()

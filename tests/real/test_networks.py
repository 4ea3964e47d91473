"""Real networks with tiny random weights on this CPU: `cosmosctl batch` over a host that is this machine."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosmosctl.io.shipped import template
from cosmosctl.results.receipts import read_receipt
from tests import clips
from tests.support import network_batch
from tests.support.network_batch import FRAMES, SMALL, STEPS, steps_of, video
from tests.support.tree import Tree, loads
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.real

TWO = "{edge: 0.5, vis: {weight: 0.5, preset: low}}"
OTHER = {
    "transfer2.5-diffusers": "{edge: {weight: 1, preset: high}, depth: 0.3}",
    "cosmos3-diffusers": "{edge: {weight: 1, preset: high}, depth: 1}",
}
WEIGHTS = {"transfer2.5-diffusers": "transfer25", "cosmos3-diffusers": "cosmos3"}
"""Family -> the folder of its tiny model."""
SAID = {
    "transfer2.5": "<|im_start|>system\nYou are a helpful assistant who will provide prompts to an image generator."
    "<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n",
    "cosmos3": "<|im_start|>system\nYou are a helpful assistant that generates images or videos following the user's "
    "instructions and control signals (edge maps, blur, depth, or segmentation).<|im_end|>\n<|im_start|>user\n{prompt}"
    "<|im_end|>\n<|im_start|>assistant\n<|im_end|><|vision_start|>",
}
"""What each network is given of a prompt, word for word."""
UNFIT = [
    "there is no network for lidar; cosmosctl check",
    "the pipeline of diffusers takes no control_strength; cosmosctl host setup HOST",
    "there is no hint for lidar; cosmosctl check",
    "the blocks of diffusers declare no control_strength; cosmosctl host setup HOST",
]


@pytest.fixture
def project(bare_tree: Tree, python: Path, tiny: Path) -> Tree:
    """A project whose host runs them."""
    return network_batch.prepared(bare_tree, python, _checkpoints(tiny))


def test_tiny_models_are_tiny(tiny: Path) -> None:
    sizes = {folder.name: sum(file.stat().st_size for file in folder.rglob("*")) for folder in tiny.iterdir()}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > 1_500_000} == {}


@pytest.mark.parametrize("family", WEIGHTS)
def test_rows_of_any_settings_share_a_load_and_have_the_same_bytes_whatever_came_before(
    project: Tree, python: Path, tiny: Path, family: str
) -> None:
    small, other = f"model: {family}\n{SMALL}", f"model: {family}\n{SMALL}seed: 7\nguidance: 1\n"
    project.run("rs_1", "ps_s", TWO, small)
    project.run("rs_2", "ps_no", TWO, small)
    project.run("rs_3", "ps_s", OTHER[family], other)
    project.run("rs_4", "ps_oom", TWO, small)
    project.run("rs_5", "ps_s", TWO, small)
    project.run("rs_6", "ps_s", TWO, small.replace("chunk_frames: 17", f"chunk_frames: {FRAMES}"))
    project.run("rs_7", "ps_bad", TWO, small.replace("chunk_frames: 17", f"chunk_frames: {FRAMES}"))
    project.cli("batch", expect=1)
    ends = {"rs_1": "done", "rs_2": "blocked", "rs_3": "done", "rs_4": "gpu-oom", "rs_5": "done", "rs_6": "done"}
    assert project.states() == {**ends, "rs_7": "blocked"}
    for run, what in (("rs_2", "prompt"), ("rs_7", "video")):
        assert f"the guardrail refused the {what}" in json.loads(project.cli("show", run, "--json").out)["detail"]
    assert loads(project.events()) == 1
    computed = steps_of(project)
    print(f"\n{family}: real denoising steps computed: {computed}")
    assert computed == 2 * STEPS * 3 + 2 * STEPS, "three videos of two chunks, two of one; the others begin none"
    assert video(project, "rs_1") == video(project, "rs_5") != video(project, "rs_6")
    frames = clips.frames_of(project.run_paths("rs_1").root / "outputs/output.mp4")
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * FRAMES
    assert all(float(np.std(frame)) > 1 for frame in frames), "no picture of one colour"
    receipt = read_receipt(project.run_paths("rs_1").result.report)
    assert receipt is not None and receipt.model == family
    told = {"diffusers": "0.42.1", "gpu": "none: CPU", "memory": "full", "checkpoint": str(_checkpoints(tiny)[family])}
    assert told.items() <= receipt.made_with.items()
    assert {"torch", "transformers"} <= receipt.made_with.keys()

    network_batch.prepared(project, python, _checkpoints(tiny), ", memory: small")
    project.run("rs_0", "ps_s", OTHER[family], other)
    project.run("rs_9", "ps_s", TWO, small)
    project.cli("batch", "--detach", "rs_0", "rs_9")
    wait_until(lambda: _has(project, "row_start", "rs_9"), "the second row")
    os.kill(_pid(project), signal.SIGKILL)
    project.cli("attach")
    assert loads(project.events()) == 2
    assert video(project, "rs_0") == video(project, "rs_3"), "another place in another process"
    assert video(project, "rs_9") == video(project, "rs_1"), "after a process was killed over it, and in less memory"
    receipt = read_receipt(project.run_paths("rs_9").result.report)
    assert receipt is not None and receipt.made_with["memory"] == "small"


def test_a_cancel_ends_a_row_within_a_step(project: Tree) -> None:
    project.run("rs_1", "ps_s", TWO, "resolution: input\nchunk_frames: 17\nnum_steps: 1000\n")
    project.cli("batch", "--detach")
    wait_until(lambda: _has(project, "progress", "rs_1"), "the first step")
    project.cli("cancel", expect=None)
    assert project.states() == {"rs_1": "cancelled"}
    assert steps_of(project) < 1000


def test_weights_that_came_half_are_told_in_a_sentence_and_a_command(project: Tree, tiny: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(tiny / "transfer25", half)
    weights = half / "diffusers/general/transformer/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    project.run("rs_1", "ps_s", TWO, f"{SMALL}checkpoint: {json.dumps(str(half))}\n")
    done = project.cli("batch", expect=1)
    assert f"cannot start: {half}/diffusers/general cannot be loaded: " in " ".join(done.out.split())
    assert "cosmosctl host setup gpu --weights" in " ".join(done.out.split())


def test_pictures_words_and_schedule_are_those_of_the_native_programs(python: Path, tiny: Path) -> None:
    program = (str(template("launch", "diffusers_rows")), str(tiny))
    argv = (str(python), "-B", str(Path(network_batch.__file__).with_name("network_facts.py")), *program)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=2 * PATIENCE_S)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert len(facts["differ"]) == 24
    assert {name: count for name, count in facts["differ"].items() if count} == {}
    assert facts["unfit"] == UNFIT
    assert facts["texts"] == {family: said.format(prompt=facts["prompt"]) for family, said in SAID.items()}
    unshifted = np.linspace(0.999, 0, 36)[:-1]
    native = 5 * unshifted / (1 + 4 * unshifted)
    assert round(float(np.abs(native - np.array(facts["sigmas"])).max()), 3) <= 0.004


def _checkpoints(tiny: Path) -> dict[str, Path]:
    """Family -> where its tiny model lies."""
    return {family: tiny / name for family, name in WEIGHTS.items()}


def _has(tree: Tree, event: str, run: str) -> bool:
    """Whether the host's newest batch tells of that event of a run."""
    return any(one["ev"] == event and one.get("run") == run for one in _host_events(tree))


def _pid(tree: Tree) -> int:
    return int(next(one["pid"] for one in reversed(_host_events(tree)) if one["ev"] == "process_start"))


def _host_events(tree: Tree) -> list[dict[str, Any]]:
    found = (tree.home / "cosmosctl/batches").glob("*/events.jsonl")
    newest = max(found, key=lambda file: file.parent.stat().st_ctime_ns)
    return [json.loads(line) for line in newest.read_text().splitlines() if line.endswith("}")]

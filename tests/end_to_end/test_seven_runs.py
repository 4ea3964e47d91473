"""Seven runs over two scenes in one batch: provided and automatic depth and seg, presets, two seeds.

Over footage and over tiny clips, HEVC among both. On the built-in host the whole result is each run's preview/; with
the preview program as the command of engine `bare` it is the run's own.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cosmosctl.domain.layout import ResultPaths
from cosmosctl.media.probe import probe
from tests import clips
from tests.conftest import CONFIG
from tests.support import footage
from tests.support.tree import Tree, loads

BARE = f"""{CONFIG}hosts:
  gpu:
    engine: bare
    models:
      transfer1: {{command: ["{sys.executable}", -m, cosmosctl.preview.transfer1]}}
"""

ALL = "{vis: {weight: %s, preset: low}, edge: {weight: %s, preset: low}, depth: %s, seg: %s}"
TWO = "{edge: {weight: %s, preset: low}, seg: %s}"
RUNS: Mapping[str, tuple[str, str, str]] = {
    "rs_street_all": ("ps_street", ALL % (0.25, 0.25, 0.25, 0.25), ""),
    "rs_street_bold": ("ps_street", ALL % (0.4, 0.4, 0.1, 0.1), "seed: 2\n"),
    "rs_street_auto": ("ps_street", "{depth: {weight: 0.5, input: auto}, seg: {weight: 0.5, input: auto}}", ""),
    "rs_robot_edge": ("ps_robot", TWO % (0.8, 0.2), ""),
    "rs_robot_seg": ("ps_robot", TWO % (0.2, 0.8), ""),
    "rs_robot_seed": ("ps_robot", TWO % (0.8, 0.2), "seed: 2\n"),
    "rs_robot_depth": ("ps_robot", "{vis: {weight: 0.4, preset: low}, depth: {weight: 0.6, input: auto}}", ""),
}
"""Run -> prompt, controls, settings."""

SIZES = {"street": (960, 704), "robot": (1280, 704)}


@dataclass(frozen=True)
class Kind:
    """Where the clips come from, and how long they are."""

    copy: Callable[[Path], None]
    frames: int


def _footage(source: str, folder: Path) -> None:
    for part in footage.REAL:
        footage.Clip(source, part, footage.FEW).copied(folder / f"{part}.mp4")


def _draw(folder: Path) -> None:
    clips.hevc(folder / "street/color.mp4", width=128, height=96, frames=24, fps=30)
    clips.depth(folder / "street/depth.mp4", width=128, height=96, frames=24, fps=30)
    clips.segmentation(folder / "street/segmentation.mp4", width=128, height=96, frames=24, fps=30)
    clips.color(folder / "robot/color.mp4", width=160, height=88, frames=24)
    clips.segmentation(folder / "robot/segmentation.mp4", width=160, height=88, frames=24)


def _kind_of(source: str) -> Kind:
    return Kind(partial(_footage, source), footage.FEW)


KINDS = [
    pytest.param(Kind(_draw, 24), id="tiny"),
    *(pytest.param(_kind_of(str(one.values[0])), id=one.id, marks=one.marks) for one in footage.sources()[-1:]),
]
"""Clips of a few pixels, and footage: real where there is some, else drawn like it."""
HOSTS = [pytest.param("local", id="preview"), pytest.param("gpu", id="bare")]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The controls that the projects here have computed so far, named by what they were computed from."""
    return tmp_path_factory.mktemp("controls")


@pytest.mark.parametrize("host", HOSTS)
def test_one_batch_brings_each_of_seven_runs_its_own_whole_result(
    bare_tree: Tree, kind: Kind, host: str, computed: Path
) -> None:
    tree = _project(bare_tree, kind)
    shutil.copytree(computed, tree.paths.controls, dirs_exist_ok=True)

    tree.cli("batch", "--host", host, "--batch-name", "seven")

    shutil.copytree(tree.paths.controls, computed, dirs_exist_ok=True)
    assert set(tree.states("--host", host).values()) == {"done"}
    assert tree.states("--host", "gpu") == dict.fromkeys(RUNS, "done" if host == "gpu" else "pending")
    assert loads(tree.events()) == len(_groups(tree))
    results = {run: _result(tree, run, host) for run in RUNS}
    assert {result.batch_log.read_bytes() for result in results.values()} == {tree.batches()[0].log.read_bytes()}
    for run, result in results.items():
        _assert_whole(result, run, kind)
    _assert_frames_follow_weights({run: result.outputs / "output.mp4" for run, result in results.items()})
    assert tree.git("status", "--porcelain", "--untracked-files=all").split()[1::2] == sorted(_versioned(tree, host))


def _project(tree: Tree, kind: Kind) -> Tree:
    tree.cli("init", ".")
    tree.config(BARE)
    kind.copy(tree.root / "inputs/videos")
    tree.prompt("ps_street", "A wet street at dusk, neon signs 夜", "inputs/videos/street")
    tree.prompt("ps_robot", 'A robot in a "wooden" kitchen,\nmorning light', "inputs/videos/robot")
    for run, (prompt, controls, more) in RUNS.items():
        tree.run(run, prompt, controls, more)
    tree.git("init", "--quiet")
    tree.git("add", ".")
    tree.git("commit", "--quiet", "-m", "specs")
    return tree


def _groups(tree: Tree) -> list[str]:
    plan = json.loads(tree.batches()[0].plan.read_text(encoding="utf-8"))
    groups = {group["name"][3:] + str(json.loads(group["files"]["controlnet_spec.json"])["seed"]): group["rows"]
              for group in plan["groups"]}  # fmt: skip
    assert {name: len(rows) for name, rows in groups.items()} == {
        "vis-edge-depth-seg1": 1,
        "vis-edge-depth-seg2": 1,
        "depth-seg1": 1,
        "edge-seg1": 2,
        "edge-seg2": 1,
        "vis-depth1": 1,
    }
    return list(groups)


def _result(tree: Tree, run: str, host: str) -> ResultPaths:
    paths = tree.run_paths(run)
    return paths.preview if host == "local" else paths.result


def _assert_whole(result: ResultPaths, run: str, kind: Kind) -> None:
    scene = RUNS[run][0].removeprefix("ps_")
    video = probe(result.outputs / "output.mp4")
    assert (video.width, video.height) == SIZES[scene]
    assert (video.frames, float(video.fps), video.codec) == (kind.frames, 24.0, "h264")
    text = "A wet street" if scene == "street" else "A robot"
    assert (result.outputs / "prompt.txt").read_text(encoding="utf-8").startswith(text)
    own = result.execution_log.read_text(encoding="utf-8")
    assert own.count("Saved video to ") == own.count("Saved prompt to ") == 1
    assert own in result.batch_log.read_text(encoding="utf-8")
    for line in result.manifest.read_text(encoding="utf-8").splitlines()[1:]:
        digest, size, _, name = line.split()
        data = (result.root / name).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (digest, int(size))


def _assert_frames_follow_weights(videos: Mapping[str, Path]) -> None:
    """More edge weight shows more edges, more seg weight more flat colour; another seed another tint."""
    edge, seg, seed = (_middle(videos[f"rs_robot_{name}"]) for name in ("edge", "seg", "seed"))
    assert _edge_energy(edge) > 1.2 * _edge_energy(seg)
    assert _colorfulness(seg) > _colorfulness(edge)
    assert np.abs(edge.astype(int) - seed.astype(int)).mean() > 0.5


def _middle(video: Path) -> "np.typing.NDArray[np.uint8]":
    """The picture part of the middle frame, RGB: without the captions at its borders."""
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    frame = np.asarray(frames[len(frames) // 2], dtype=np.uint8)
    height, width = frame.shape[:2]
    return frame[height // 8 : height * 7 // 8, : width * 3 // 4]


def _edge_energy(frame: "np.typing.NDArray[np.uint8]") -> float:
    return float(np.abs(cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.CV_32F)).mean())


def _colorfulness(frame: "np.typing.NDArray[np.uint8]") -> float:
    return float(cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)[..., 1].mean())


def _versioned(tree: Tree, host: str) -> list[str]:
    receipts = [f"runs/{run}/result.yaml" for run in RUNS] if host == "gpu" else []
    return [f"batches/{tree.batches()[0].name}/batch.yaml", *receipts]

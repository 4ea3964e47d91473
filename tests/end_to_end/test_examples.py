"""The examples run as they stand, and their golden bundles are what the code writes today."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cosmosctl.commands import prepare
from cosmosctl.commands.audience import unseen
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.io.shipped import template
from cosmosctl.plan import bundle
from cosmosctl.plan.planner import Plan
from cosmosctl.store import load_all
from cosmosctl.yaml.file import load_tool
from tests.support.tree import REPOSITORY, TIMEOUT_S, Tree

EXAMPLES = REPOSITORY / "examples"
DEMO = EXAMPLES / "demo"
CONTAINER = Host(
    "lab",
    "bare",
    "/cosmosctl",
    models={"transfer1": HostModel(repo="/workspace", checkpoints="/workspace/checkpoints")},
)
"""A host whose paths are those that a process in a container sees."""

MOMENT = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
CLIP_BYTES = 50_000
"""What a checked-in clip may weigh."""


def golden(project: ProjectPaths) -> dict[str, str]:
    """path -> text of the bundle of all runs, keys and times and what depends on library versions masked."""
    snapshot = load_all(project.root)
    checked = prepare.check(project, snapshot, snapshot.run_ids)
    plan = prepare.plans(project, checked, CONTAINER, progress=unseen)[0]
    files = bundle.bundle_files(
        plan, name="demo_TIME", key="KEY", project_id="demo", moment=MOMENT, warnings=checked.warning_lines
    )
    masks = dict(_masks(project, plan))
    return {path: _masked(text, masks) for path, text in files}


def _masks(project: ProjectPaths, plan: Plan) -> Iterator[tuple[str, str]]:
    """Computed controls are encoded by whatever x264 is installed: their names say how they were made instead."""
    for video in plan.inputs:
        if video.file.is_relative_to(project.controls):
            kind = "-".join(video.file.stem.split("-")[1:3])
            yield video.sha256, f"<sha256 of the computed {kind}>"
            yield video.pool_name, f"<computed {kind}>/video.mp4"
            yield video.path, f"<computed {kind}>"


def _masked(text: str, masks: dict[str, str]) -> str:
    for found, mask in masks.items():
        text = text.replace(found, mask)
    text = re.sub(r"(<computed [a-z_-]+>/video\.mp4) \d+", r"\1 BYTES", text)
    text = re.sub(r'("bytes": )\d+(,\s+"sha256": "<sha256)', r'\1"BYTES"\2', text)
    return text.replace("2026-01-01T12:00:00Z", "TIME")


def test_the_demos_bundle_is_the_golden_one(tmp_path: Path) -> None:
    """To write it anew after a wanted change: python -m tests.support.golden, then read the difference."""
    project = ProjectPaths(shutil.copytree(DEMO, tmp_path / "demo"))
    expected = {
        path.relative_to(DEMO / "expected").as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((DEMO / "expected").rglob("*"))
        if path.is_file()
    }
    assert golden(project) == expected


def test_golden_lines_read_back_as_the_runs_values() -> None:
    """The golden files themselves are looked at with an eye that knows only the model's contract."""
    weights = {}
    for rows in sorted((DEMO / "expected").glob("*/batch.jsonl")):
        base = json.loads((rows.parent / "controlnet_spec.json").read_text(encoding="utf-8"))
        hints = {name for name, value in base.items() if isinstance(value, dict)}
        for line in rows.read_text(encoding="utf-8").splitlines():
            overrides = json.loads(line)["control_overrides"]
            assert set(overrides) == hints
            weights[tuple(overrides[name]["control_weight"] for name in sorted(hints))] = rows.parent.name
    assert (0.25, 0.25, 0.25, 0.25) in weights
    assert len(weights) == 5


def test_the_example_is_the_demo_that_init_makes() -> None:
    """But for the line that leads editors to the schemas, which only `init` writes."""
    for kind in ("prompts", "runs"):
        there = template("demo")
        shipped = {path.relative_to(there): path.read_text() for path in (there / kind).rglob("*.yaml")}
        heads = {text.partition(" $")[0] for text in shipped.values()}
        assert heads == {"# yaml-language-server:"}
        checked_in = {path.relative_to(DEMO): path.read_text() for path in (DEMO / kind).rglob("*.yaml")}
        rests = [{path: text.partition("\n")[2] for path, text in one.items()} for one in (checked_in, shipped)]
        assert rests[0] == rests[1]


def test_no_example_names_a_schema_that_is_not_in_it() -> None:
    """An editor says of such a file that it cannot be loaded, in every text."""
    lines = {path: path.read_text().partition("\n")[0] for path in EXAMPLES.rglob("*.yaml")}
    named = {path.parent / line.partition("$schema=")[2] for path, line in lines.items() if "$schema=" in line}
    assert [path for path in named if not path.is_file()] == []


def test_checked_in_clips_are_small() -> None:
    found = list(EXAMPLES.rglob("*.mp4"))
    assert found
    assert [clip for clip in found if clip.stat().st_size > CLIP_BYTES] == []


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq: apt-get install jq")
def test_the_shell_loop_makes_a_prompt_and_a_run_for_each_scene_and_batches_them(quick_tree: Tree) -> None:
    quick_tree.scene("plaza")
    quick_tree.scene("tunnel")
    script = EXAMPLES / "scene-folders/batch-scenes.sh"
    printed = _program(quick_tree, "bash", str(script), "inputs/videos", "a rainy evening", "urban_scenes")
    lines = [line.split("\t") for line in printed.splitlines()]
    assert sorted(line[1] for line in lines) == ["city", "plaza", "tunnel"]
    assert all((quick_tree.root / line[2]).is_file() for line in lines)
    assert [path.name.startswith("urban_scenes_") for path in quick_tree.batches()] == [True]


def test_a_python_script_drives_the_command_line(quick_tree: Tree) -> None:
    printed = _program(quick_tree, sys.executable, str(EXAMPLES / "drive-cli/drive.py"), "inputs/videos/city", "snow")
    shown = json.loads(printed)
    assert shown["status"] == "done"
    assert (quick_tree.root / shown["preview"]["video"]).is_file()


def test_the_workflow_checks_a_clone_without_videos_and_tells_mistakes_at_their_lines(tree: Tree) -> None:
    workflow = load_tool((EXAMPLES / "ci/check.yml").read_text(encoding="utf-8"))
    assert isinstance(workflow, dict)
    (job,) = workflow["jobs"].values()
    install, *steps = [step["run"] for step in job["steps"] if "run" in step]
    assert install == "pip install cosmosctl"
    commands = [shlex.split(step) for step in steps]
    assert [words[:2] for words in commands] == [["cosmosctl", "check"]]
    tree.run("rs_a")
    shutil.rmtree(tree.root / "inputs")
    for words in commands:
        assert "no mistakes" in tree.cli(*words[1:]).out
    tree.run("rs_a", controls="{edge: 7}")
    for words in commands:
        told = tree.cli(*words[1:], expect=3).out
        assert told.startswith("::error file=runs/rs_a/run.yaml,line=2,col=18")


def _program(tree: Tree, *argv: str) -> str:
    result = subprocess.run(
        argv, cwd=tree.root, env=tree.environment(), capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert result.returncode == 0, result.stderr
    return result.stdout

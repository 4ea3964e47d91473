"""What `init` puts into a project: git sees just what is versioned, and the demo's data is what it says."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from cosmosctl.commands.init import init_project
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import CONTROLS
from tests import clips
from tests.tree import Tree
from tests.waiting import PATIENCE_S

WRITTEN_BY_INIT = (".gitignore", "cosmosctl.yaml", "tasks.py")
VERSIONED = ("prompts/ps_a.yaml", "runs/rs_a/run.yaml", "runs/rs_a/result.yaml", "batches/b_1/batch.yaml")
UNSEEN = (
    "runs/rs_a/manifest.txt",
    "runs/rs_a/outputs/output.mp4",
    "runs/rs_a/logs/batch.log",
    "runs/rs_a/logs/failure.yaml",
    "runs/rs_a/preview/result.yaml",
    "runs/rs_a/preview/outputs/output.mp4",
    "runs/rs_a/history/b_0/result.yaml",
    "runs/rs_a/.cosmosctl-1a2b3c4d.tmp",
    "runs/notes.txt",
    "batches/b_1/plan.json",
    "batches/b_1/events.jsonl",
    "batches/b_1/batch.log",
    "batches/b_1/end.yaml",
    "batches/b_1/01-vis-edge/batch.jsonl",
    "batches/b_1/01-vis-edge/batch.yaml",
    "prompts/.cosmosctl-1a2b3c4d.tmp",
    "prompts/deeper/ps_b.yaml",
    "inputs/videos/city/color.mp4",
    ".cosmosctl/schema/run.json",
    ".cosmosctl/lock",
    ".cosmosctl-1a2b3c4d.tmp",
)


@pytest.fixture
def demo(tmp_path: Path) -> Tree:
    """The demo project, with a small clip in place of the drawn scene."""
    root = tmp_path / "demo"
    clips.scene(root / "inputs/videos/city", width=64, height=36)
    return Tree(init_project(root, demo=True), tmp_path / "home")


def test_git_sees_the_versioned_files_and_no_other(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    for name in (*VERSIONED, *UNSEEN):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    assert seen_by_git(root) == sorted((*WRITTEN_BY_INIT, *VERSIONED))


def test_git_sees_a_users_own_files(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    for name in ("README.md", "scripts/all.sh"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x\n")
    assert set(seen_by_git(root)) - set(WRITTEN_BY_INIT) == {"README.md", "scripts/all.sh"}


def test_input_videos_are_seen_once_their_line_is_removed(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    clips.color(root / "inputs/videos/city/color.mp4")
    ignore = root / ".gitignore"
    ignore.write_text(ignore.read_text().replace("\n/inputs/videos/\n", "\n"))
    assert set(seen_by_git(root)) - set(WRITTEN_BY_INIT) == {"inputs/videos/city/color.mp4"}


def test_the_config_names_its_schema_and_has_an_id(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    lines = ProjectPaths(root).config.read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=.cosmosctl/schema/project.json"
    assert [line for line in lines if line.startswith("project:")] != ['project: ""']
    assert (root / ".cosmosctl/schema/project.json").is_file()


def test_the_hosts_of_the_config_are_valid_once_uncommented(bare_tree: Tree) -> None:
    root = init_project(bare_tree.root / "new", demo=False)
    config = ProjectPaths(root).config
    before, example = config.read_text().split("#\n# hosts:\n")
    config.write_text(before + "hosts:\n" + "".join(line.removeprefix("# ") + "\n" for line in example.splitlines()))
    tree = Tree(root, bare_tree.home)
    tree.cli("check")
    assert json.loads(tree.cli("list", "runs", "--json").out) == []


def test_the_demo_has_three_prompts_and_five_runs_that_check_well(demo: Tree) -> None:
    demo.cli("check")
    assert len(json.loads(demo.cli("list", "prompts", "--json").out)) == 3
    runs = json.loads(demo.cli("list", "runs", "--json").out)
    assert [run["status"] for run in runs] == ["pending"] * 5
    assert {run["prompt_id"] for run in runs} == {"ps_future", "ps_sunset", "ps_winter"}
    weights = {run["id"]: [run["weights"].get(name) for name in CONTROLS] for run in runs}
    assert weights == {
        "rs_depths": [0.2, 0.2, 0.4, 0.2],
        "rs_evenly": [0.25, 0.25, 0.25, 0.25],
        "rs_noseg0": [0.4, 0.3, 0.3, 0],
        "rs_sketch": [None, 0.6, 0.4, None],
        "rs_visual": [0.4, 0.4, 0.1, 0.1],
    }


def test_the_demo_makes_two_groups(demo: Tree) -> None:
    plan = demo.cli("batch", "--dry-run").out
    assert "01-vis-edge-depth-seg: 4 runs" in plan
    assert "02-edge-depth: 1 run" in plan


def test_prompts_of_the_demo_differ_in_their_first_words(demo: Tree) -> None:
    prompts = json.loads(demo.cli("list", "prompts", "--json").out)
    assert len({prompt["prompt"][:20] for prompt in prompts}) == 3


def seen_by_git(root: Path) -> list[str]:
    """Files that `git add` would take."""
    git = ("git", "-C", str(root))
    none = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run((*git, "init", "-q"), check=True, env=none, timeout=PATIENCE_S)
    listed = subprocess.run(
        (*git, "ls-files", "--others", "--exclude-standard", "-z"),
        check=True,
        env=none,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return sorted(name for name in listed.stdout.split("\0") if name)

"""What `init` puts into a project: git sees just what is versioned, and the demo's data is what it says."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cosmosctl import models
from cosmosctl.commands.start.init import DEMO_SCENE, init_project
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.io.shipped import template
from cosmosctl.schema.editors.versioned import KINDS
from tests import clips
from tests.support.tree import REPOSITORY, Tree, git
from tests.support.waiting import PATIENCE_S

SCHEMAS = tuple(f"schemas/cosmosctl/{kind}.json" for kind in sorted(KINDS))
WRITTEN_BY_INIT = (".gitattributes", ".gitignore", ".vscode/settings.json", "cosmosctl.yaml", *SCHEMAS, "tasks.py")
VERSIONED = ("prompts/ps_a.yaml", "runs/rs_a/run.yaml", "runs/rs_a/result.yaml", "batches/b_1/batch.yaml")
LATER = (
    *("runs/rs_a/ratings.yaml", "sweeps/sw_a.yaml", "inputs/videos/city/scene.yaml", "inputs/videos/city.dvc"),
    *("inputs/videos/.gitignore", "inputs/videos/deep/city/scene.yaml"),
)
"""What is versioned where there is such a thing."""
UNSEEN = (
    "runs/rs_a/manifest.txt",
    "runs/rs_a/outputs/output.mp4",
    "runs/rs_a/logs/batch.log",
    "runs/rs_a/logs/failure.yaml",
    "runs/rs_a/preview/result.yaml",
    "runs/rs_a/result.local.yaml",
    "batches/b_1/batch.local.yaml",
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
    """The demo project, with a small clip in place of its scene."""
    root = tmp_path / "demo"
    clips.scene(root / "inputs/videos/city", width=64, height=36)
    return Tree(init_project(root, demo=True), tmp_path / "home")


def test_git_sees_the_versioned_files_and_no_other(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    for name in (*VERSIONED, *LATER, *UNSEEN):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("" if name.endswith(".gitignore") else "x\n")
    assert seen_by_git(root) == sorted((*WRITTEN_BY_INIT, *VERSIONED, *LATER))


def test_an_ignore_file_further_up_swallows_no_runs(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("runs/\nbatches\nschemas\n*.log\n*.json\n!settings.json\n")
    root = init_project(tmp_path / "project", demo=False)
    for name in VERSIONED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    seen = {name.removeprefix("project/") for name in seen_by_git(tmp_path)}
    assert seen == {".gitignore", *WRITTEN_BY_INIT, *VERSIONED}


def test_a_link_in_place_of_the_input_videos_is_not_seen(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    (tmp_path / "disk").mkdir()
    (root / "inputs/videos").rmdir()
    (root / "inputs/videos").symlink_to(tmp_path / "disk")
    assert seen_by_git(root) == sorted(WRITTEN_BY_INIT)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_an_ignore_file_holds_already_stays_above_our_block(tmp_path: Path, line_end: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (root / ".gitignore").write_bytes(f"*.pyc{line_end}/notes/".encode())
    init_project(root, demo=False)
    held = (root / ".gitignore").read_bytes()
    assert held.startswith(f"*.pyc{line_end}/notes/{line_end}".encode())
    assert (b"\r\n" in held) == (line_end == "\r\n")
    for name in (*VERSIONED, *UNSEEN, "notes/a", "a.pyc"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    assert seen_by_git(root) == sorted((*WRITTEN_BY_INIT, *VERSIONED))
    init_project(root, demo=False)
    assert (root / ".gitignore").read_bytes() == held


def test_an_older_projects_files_are_brought_up_to_date(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    new, old = (root / ".gitignore").read_text(), (REPOSITORY / "templates/earlier/gitignore").read_text()
    (root / ".gitignore").write_text(f"*.pyc\n{old}/mine/\n")
    (root / ".gitattributes").unlink()
    init_project(root, demo=False)
    held = (root / ".gitignore").read_text()
    assert held.split() == f"*.pyc /mine/ {new}".split()
    (root / ".gitignore").write_text(held.replace("!/sweeps/*.yaml\n", ""))
    init_project(root, demo=False)
    assert (root / ".gitignore").read_text() == held


def test_who_versioned_videos_in_an_older_project_goes_on_doing_so(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    old = (REPOSITORY / "templates/earlier/gitignore").read_text()
    (root / ".gitignore").write_text(old.replace("\n/inputs/videos/\n", "\n"))
    init_project(root, demo=False)
    clips.color(root / "inputs/videos/city/color.mp4")
    assert "inputs/videos/city/color.mp4" in seen_by_git(root)


def test_check_says_that_the_block_is_of_an_older_version_where_git_reads_it(bare_tree: Tree) -> None:
    bare_tree.cli("init", ".")
    ignore = bare_tree.root / ".gitignore"
    ignore.write_text(ignore.read_text().replace("!/sweeps/*.yaml\n", ""))
    assert bare_tree.cli("check").err == ""
    seen_by_git(bare_tree.root)
    assert (
        "note: .gitignore is not that of this version: cosmosctl init brings it up to date"
        in bare_tree.cli("check").err
    )
    bare_tree.cli("init", ".")
    assert bare_tree.cli("check").err == ""


def test_a_projects_own_tasks_are_kept_and_the_line_that_inv_needs_is_said(bare_tree: Tree) -> None:
    (bare_tree.root / "tasks.py").write_text("mine = 1\n")
    told = bare_tree.cli("init", ".").err
    assert "for inv add this line to it: from cosmosctl.tasks import namespace" in told
    assert (bare_tree.root / "tasks.py").read_text() == "mine = 1\n"


def test_no_project_is_made_within_another(bare_tree: Tree) -> None:
    bare_tree.cli("init", ".")
    (bare_tree.root / "runs/x").mkdir()
    told = bare_tree.cli("-C", "runs/x", "init", ".", expect=2).err
    assert f"lies in the project {bare_tree.root}" in told
    assert list((bare_tree.root / "runs/x").iterdir()) == []


def test_a_copy_gets_an_id_of_its_own(bare_tree: Tree) -> None:
    bare_tree.cli("init", ".")
    before = bare_tree.paths.config.read_text()
    name = bare_tree.cli("init", "--new-id").out.strip()
    after = bare_tree.paths.config.read_text()
    assert name in after
    assert [one for one, other in zip(before.splitlines(), after.splitlines(), strict=True) if one != other] == [
        next(line for line in before.splitlines() if line.startswith("project:"))
    ]


def test_receipts_of_two_branches_merge_into_a_whole_one(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    receipt = root / "runs/rs_a/result.yaml"
    receipt.parent.mkdir()
    git(root, "init", "-qb", "main")
    for branch, text in (("main", "a: 0\n"), ("look", "a: 1\n"), ("main", "a: 2\n")):
        if text != "a: 0\n":
            git(root, "checkout", "-q", *(("-b", branch) if branch == "look" else (branch,)))
        receipt.write_text(text)
        git(root, "add", "-A")
        git(root, "commit", "-qm", branch)
    git(root, "merge", "-q", "look", expect=1)
    assert receipt.read_text() == "a: 2\n"
    git(root, "checkout", "-q", "--theirs", "runs/rs_a/result.yaml")
    assert receipt.read_text() == "a: 1\n"


def test_git_sees_a_users_own_files(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    for name in ("README.md", "scripts/all.sh"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x\n")
    assert set(seen_by_git(root)) - set(WRITTEN_BY_INIT) == {"README.md", "scripts/all.sh"}


def test_input_videos_are_seen_once_their_lines_are_removed(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    clips.color(root / "inputs/videos/city/color.mp4")
    ignore = root / ".gitignore"
    ignore.write_text(ignore.read_text().split("# <<< cosmosctl\n")[0] + "# <<< cosmosctl\n")
    assert set(seen_by_git(root)) - set(WRITTEN_BY_INIT) == {"inputs/videos/city/color.mp4"}


def test_the_config_names_its_schema_and_has_an_id(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    lines = ProjectPaths(root).config.read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=schemas/cosmosctl/project.json"
    assert [line for line in lines if line.startswith("project:")] != ['project: ""']
    assert (root / "schemas/cosmosctl/project.json").is_file()


def test_the_hosts_of_the_config_are_valid_once_uncommented(bare_tree: Tree) -> None:
    root = init_project(bare_tree.root.parent / "new", demo=False)
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
    weights = {run["id"]: [run["weights"].get(name) for name in models.controls()] for run in runs}
    assert weights == {
        "rs_depths": [0.2, 0.2, 0.4, 0.2],
        "rs_evenly": [0.25, 0.25, 0.25, 0.25],
        "rs_noseg0": [0.4, 0.3, 0.3, 0],
        "rs_sketch": [None, 0.6, 0.4, None],
        "rs_visual": [0.4, 0.4, 0.1, 0.1],
    }


def test_the_demos_scene_is_the_shipped_one(tmp_path: Path) -> None:
    root = init_project(tmp_path / "demo", demo=True)
    for clip in template("demo", DEMO_SCENE).iterdir():
        assert (root / DEMO_SCENE / clip.name).read_bytes() == clip.read_bytes()


def test_a_demo_that_was_interrupted_gets_the_rest_of_its_scene(tmp_path: Path) -> None:
    color = template("demo", DEMO_SCENE, "color.mp4")
    scene = tmp_path / "demo" / DEMO_SCENE
    scene.mkdir(parents=True)
    shutil.copyfile(color, scene / color.name)
    init_project(tmp_path / "demo", demo=True)
    assert sorted(path.name for path in scene.iterdir()) == ["color.mp4", "depth.mp4", "segmentation.mp4"]


def test_the_demos_depth_is_not_put_beside_somebodys_own_colour_clip(tmp_path: Path) -> None:
    color = clips.color(tmp_path / "demo" / DEMO_SCENE / "color.mp4")
    before = color.read_bytes()
    init_project(tmp_path / "demo", demo=True)
    assert [path.name for path in color.parent.iterdir()] == ["color.mp4"]
    assert color.read_bytes() == before


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

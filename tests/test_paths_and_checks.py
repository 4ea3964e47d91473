"""Paths where an id is taken; `check` where the videos are not, and for programs."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.tree import REPOSITORY, Tree
from tests.waiting import PATIENCE_S


@pytest.fixture
def clone(tree: Tree) -> Tree:
    """A project as a clone has it: no videos."""
    tree.run("rs_a")
    shutil.rmtree(tree.root / "inputs/videos")
    return tree


@pytest.mark.parametrize(
    "path", ["runs/rs_a", "runs/rs_a/", "./runs/rs_a/run.yaml", "{root}/runs/rs_a", "prompts/../runs/rs_a"]
)
def test_a_path_of_a_run_is_taken_for_its_id(tree: Tree, path: str) -> None:
    tree.run("rs_a")
    shown = json.loads(tree.cli("show", path.replace("{root}", str(tree.root)), "--json").out)
    assert shown["run"] == "rs_a"


def test_paths_of_prompts_and_batches_are_taken_too(tree: Tree) -> None:
    tree.run("rs_a")
    tree.cli("batch", "prompts/ps_a.yaml", "--dry-run")
    tree.cli("batch", "runs/rs_a/")
    batch = tree.batches()[0].name
    assert json.loads(tree.cli("show", f"batches/{batch}/batch.yaml", "--json").out)["id"] == batch
    assert tree.cli("logs", f"batches/{batch}").out == tree.cli("logs", batch).out


def test_a_path_is_one_of_the_folder_that_the_command_is_in(tree: Tree) -> None:
    tree.run("rs_a")
    argv = (sys.executable, "-m", "cosmosctl", "show", "run.yaml", "--json")
    folder = tree.root / "runs/rs_a"
    done = subprocess.run(argv, cwd=folder, env=tree.environment(), capture_output=True, text=True, timeout=PATIENCE_S)
    assert json.loads(done.stdout)["run"] == "rs_a"


@pytest.mark.parametrize("path", ["../other/runs/rs_a", "inputs/videos/city", "prompts/deeper/ps_a.yaml"])
def test_a_path_of_nothing_that_is_meant_is_told(tree: Tree, path: str) -> None:
    tree.run("rs_a")
    assert "is no path" in tree.cli("diff", path, expect=2).err


def test_well_formed_files_pass_where_the_videos_are_not(clone: Tree) -> None:
    assert "there is no folder" in clone.cli("check", expect=3).err
    assert clone.cli("check", "--files-only").out == "no mistakes in 1 run\n"


def test_what_the_files_say_is_checked_without_videos(clone: Tree) -> None:
    clone.run("rs_b", more="distilled: yes please\n")
    clone.run("rs_c", more="guidance: 900\n")
    told = clone.cli("check", "--files-only", expect=3).err
    assert "runs/rs_b/run.yaml:" in told
    assert "runs/rs_c/run.yaml:" in told
    assert "there is no folder" not in told


def test_named_files_alone_are_checked_with_what_belongs_to_them(clone: Tree) -> None:
    clone.run("rs_b", more="colour: 1\n")
    assert clone.cli("check", "--files-only", "runs/rs_a/run.yaml", "cosmosctl.yaml").out == "no mistakes in 1 run\n"
    assert "rs_b" in clone.cli("check", "--files-only", "prompts/ps_a.yaml", expect=3).err


def test_check_tells_programs_each_mistake_with_its_place(clone: Tree) -> None:
    clone.run("rs_b", more="colour: 1\n")
    found = json.loads(clone.cli("check", "--files-only", "--json", expect=3).out)
    (mistake,) = found["mistakes"]
    assert (mistake["file"], mistake["line"] > 1, mistake["column"]) == ("runs/rs_b/run.yaml", True, 1)
    assert "unknown key 'colour'" in mistake["message"]
    assert found["runs"] == 2
    assert json.loads(clone.cli("check", "--files-only", "--json", "rs_a").out)["mistakes"] == []


def test_annotations_cannot_be_ended_by_what_a_file_holds(clone: Tree) -> None:
    clone.run("rs_b", more='"a\\n::error::b,c:d%": 1\n')
    lines = clone.cli("check", "--files-only", "--format", "github", expect=3).out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("::error file=runs/rs_b/run.yaml,line=")
    assert "%25" in lines[0]


def test_the_hook_of_pre_commit_takes_what_a_project_versions() -> None:
    text = (REPOSITORY / ".pre-commit-hooks.yaml").read_text()
    assert "entry: cosmosctl check --files-only" in text
    pattern = re.compile(text.split("files: ")[1].strip())
    taken = ("cosmosctl.yaml", "prompts/ps_a.yaml", "runs/rs_a/run.yaml")
    assert all(pattern.search(name) for name in taken)
    assert not any(map(pattern.search, ("runs/rs_a/result.yaml", "batches/b/batch.yaml", "sub/cosmosctl.yaml")))


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("show", "rs"), "plain,rs_a"),
        (("show", "runs/"), "file,runs/"),
        (("batch", "--host", ""), "plain,local"),
        (("batch", "--model", "transfer2"), "plain,transfer2.5"),
        (("list", "runs", "--status", "pen"), "plain,pending"),
        (("gc", "l"), "plain,local"),
    ],
)
def test_tab_offers_ids_paths_hosts_models_and_states(tree: Tree, words: tuple[str, ...], offered: str) -> None:
    tree.run("rs_a")
    env = {"_COSMOSCTL_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("cosmosctl", *words))}
    env |= {"COMP_CWORD": str(len(words))}
    assert offered in tree.cli(env=env, expect=None).lines

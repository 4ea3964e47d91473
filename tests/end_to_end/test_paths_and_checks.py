"""Paths where an id is taken; `check` where the videos are not, and for programs."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.newcomer import newcomer
from tests.support.tree import REPOSITORY, Tree
from tests.support.waiting import PATIENCE_S


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


def test_the_place_of_a_mistake_is_not_read_out_of_its_words(tree: Tree) -> None:
    (tree.root / "prompts/a:3:4: b.yaml").write_text("text: a street\n")
    tree.run("rs_a")
    (tree.root / "inputs/videos/city/color.mp4").write_text("no video")
    found = json.loads(tree.cli("check", "--json", expect=3).out)["mistakes"]
    places = {(mistake["file"], mistake["line"], mistake["column"]) for mistake in found}
    assert places == {("prompts/a:3:4: b.yaml", 0, 0), ("inputs/videos/city/color.mp4", 0, 0)}


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


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("runs/rs_a/run (conflicted copy).yaml", "runs/rs_a/run.yaml"),
        ("runs/rs_a/run (Eve's conflicted copy 2026-11-28).yaml", "runs/rs_a/run.yaml"),
        ("cosmosctl (conflicted copy 2).yaml", "cosmosctl.yaml"),
        ("prompts/ps_a.sync-conflict-20261128-101500-ABCDEFG.yaml", "prompts/ps_a.yaml"),
        ("prompts/ps_a_BACKUP_1234.yaml", "prompts/ps_a.yaml"),
    ],
)
def test_a_copy_that_another_program_left_is_named_in_one_line(tree: Tree, name: str, of: str) -> None:
    tree.run("rs_a")
    (tree.root / name).write_text("text: a street\nvideo: inputs/videos/city\n")
    assert f"note: {name} is a copy of {of} that another program left: remove it" in tree.cli("check").err.splitlines()


def test_ids_that_differ_by_case_alone_are_not_made(tree: Tree) -> None:
    tree.run("rs_a")
    assert "'RS_A' and 'rs_a' would be one file" in tree.cli("create", "run", "ps_a", "--id", "RS_A", expect=2).err
    told = tree.cli("create", "prompt", "a street", "inputs/videos/city", "--id", "PS_A", expect=2).err
    assert "'PS_A' and 'ps_a' would be one file" in told


def test_what_is_there_already_is_not_computed_where_only_the_needed_is_wanted(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    quick_tree.run("rs_b")
    assert quick_tree.cli("list", "runs", "--ids").lines == ["rs_a", "rs_b"]
    quick_tree.cli("batch", "rs_a")
    quick_tree.cli("batch", "--if-needed", "rs_a", "rs_b")
    assert [len(batch_runs(quick_tree, at)) for at in (0, 1)] == [1, 1]
    again = quick_tree.cli("batch", "--if-needed", "rs_a", "rs_b")
    assert "nothing to do: no named run needs a batch" in again.err
    quick_tree.run("rs_a", controls="{edge: 0.6}")
    quick_tree.cli("batch", "--if-needed", "rs_a", "rs_b")
    assert batch_runs(quick_tree, 2) == ["rs_a"]


def test_ids_are_read_from_another_command_and_none_means_nothing(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    quick_tree.run("rs_b")
    assert "no run is named, so that nothing is done" in quick_tree.cli("batch", "--stdin").err
    assert not quick_tree.paths.batches.exists()
    ids = quick_tree.cli("list", "runs", "rs_b", "--ids").out
    argv = (sys.executable, "-m", "cosmosctl", "batch", "--stdin")
    env = quick_tree.environment()
    subprocess.run(argv, cwd=quick_tree.root, env=env, input=ids, text=True, check=True, timeout=PATIENCE_S)
    assert batch_runs(quick_tree, 0) == ["rs_b"]


def test_the_example_for_make_computes_everything_once(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    quick_tree.run("rs_b")
    shutil.copy(REPOSITORY / "examples/make/Makefile", quick_tree.root)
    env = {**newcomer(quick_tree.root.parent), **quick_tree.environment()}
    env["PATH"] = f"{quick_tree.root.parent}/bin:{os.environ['PATH']}"
    for target in ("videos", "videos", "retry"):
        (quick_tree.root / "runs/rs_a/run.yaml").touch()
        subprocess.run(("make", target), cwd=quick_tree.root, env=env, check=True, timeout=PATIENCE_S)
    assert len(quick_tree.batches()) == 1
    assert batch_runs(quick_tree, 0) == ["rs_a", "rs_b"]


def batch_runs(tree: Tree, number: int) -> list[str]:
    """The runs of the project's batch of that number, in order of time."""
    return [
        row["run"] for group in json.loads(tree.batches()[number].plan.read_text())["groups"] for row in group["rows"]
    ]

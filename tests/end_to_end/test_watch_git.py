"""`watch` in a git work tree: a checkout is no save, and no save is overlooked."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cosmosctl.commands.run.watch import watch_project
from cosmosctl.errors import Interrupted
from cosmosctl.git import moves
from cosmosctl.git.state import git_folder
from tests.support.tree import TIMEOUT_S, Tree, git
from tests.support.waiting import wait_for_line, wait_until


@pytest.fixture
def branches(quick_tree: Tree) -> Tree:
    """A project in git, on main; rs_look is on another branch only."""
    quick_tree.cli("init", ".")
    quick_tree.git("init", "-qb", "main")
    quick_tree.git("add", "-A")
    quick_tree.git("commit", "-qm", "base")
    quick_tree.git("checkout", "-qb", "look")
    quick_tree.run("rs_look")
    quick_tree.git("add", "-A")
    quick_tree.git("commit", "-qm", "look")
    quick_tree.git("checkout", "-q", "main")
    return quick_tree


@pytest.fixture
def watching(branches: Tree) -> Iterator["subprocess.Popen[str]"]:
    process = branches.start("watch", "--batch")
    wait_for_line(process, "no mistakes")
    yield process
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)


def settled(tree: Tree, watching: "subprocess.Popen[str]") -> None:
    """Go on once all that git did is seen: a save that comes with the last of it is taken for git's own."""
    tree.prompt("ps_more")
    wait_for_line(watching, "prompts/ps_more.yaml: no mistakes")


def test_a_run_that_a_checkout_brings_is_left_alone(branches: Tree, watching: "subprocess.Popen[str]") -> None:
    branches.git("checkout", "-q", "look")
    wait_for_line(watching, "rs_look came with another branch or stash and is left alone")
    settled(branches, watching)
    branches.run("rs_mine")
    wait_for_line(watching, "output.mp4")
    assert branches.states() == {"rs_look": "pending", "rs_mine": "done"}


def test_a_run_that_a_stash_brings_back_is_left_alone(branches: Tree, watching: "subprocess.Popen[str]") -> None:
    branches.run("rs_new", controls="{edge: 7}")
    wait_for_line(watching, "must be between 0 and 1, got 7")
    branches.git("stash", "-qu")
    wait_for_line(watching, "no mistakes")
    branches.git("stash", "pop", "-q")
    wait_for_line(watching, "must be between 0 and 1, got 7")
    settled(branches, watching)
    branches.run("rs_new")
    wait_for_line(watching, "output.mp4")


AT_ODDS = {
    "merge": ("merge", "theirs"),
    "rebase": ("rebase", "theirs"),
    "apply": ("rebase", "--apply", "theirs"),
    "pick": ("cherry-pick", "theirs"),
    "revert": ("revert", "--no-edit", "HEAD~1"),
}
"""What git stops in the middle of, as two branches say something else in a file that is none of the project's."""


@pytest.fixture
def at_odds(branches: Tree) -> Tree:
    """Two commits on main that change one line, and another one on branch theirs."""
    branches.git("branch", "theirs")
    for branch, word in (("main", "first"), ("main", "second"), ("theirs", "third")):
        branches.git("checkout", "-q", branch)
        (branches.root / "notes.txt").write_text(f"{word}\n")
        branches.git("add", "notes.txt")
        branches.git("commit", "-qm", word)
    branches.git("checkout", "-q", "main")
    return branches


def test_nothing_is_run_while_git_waits_for_somebody_to_finish_what_it_began(
    at_odds: Tree, watching: "subprocess.Popen[str]"
) -> None:
    for name, words in AT_ODDS.items():
        git(at_odds.root, *words, expect=1)
        at_odds.run(f"rs_{name}")
        wait_for_line(watching, "git is in the middle of something: waiting until it is done")
        at_odds.git(words[0], "--abort")
        wait_for_line(watching, f"rs_{name} came with another branch or stash and is left alone")
    assert at_odds.states() == {f"rs_{name}": "pending" for name in AT_ODDS}


def test_nothing_is_run_while_a_command_of_git_has_the_index(branches: Tree, watching: "subprocess.Popen[str]") -> None:
    pipe, hook = branches.root / ".git/go-on", branches.root / ".git/hooks/pre-commit"
    os.mkfifo(pipe)
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nread word <"{pipe}"\n')
    hook.chmod(0o755)
    (branches.root / "cosmosctl.yaml").open("a").write("# more\n")
    wait_for_line(watching, "cosmosctl.yaml: no mistakes")
    with ThreadPoolExecutor() as beside:
        commit = beside.submit(branches.git, "commit", "-qam", "more")
        wait_until((branches.root / ".git/index.lock").exists, "git to begin")
        branches.run("rs_new")
        wait_for_line(watching, "git is in the middle of something: waiting until it is done")
        pipe.write_text("word\n")
        commit.result()
    wait_for_line(watching, "rs_new came with another branch or stash and is left alone")
    settled(branches, watching)
    branches.run("rs_mine")
    wait_for_line(watching, "output.mp4")
    assert branches.states() == {"rs_new": "pending", "rs_mine": "done"}


def test_a_second_work_tree_is_in_the_middle_of_its_own_merge_alone(at_odds: Tree, tmp_path: Path) -> None:
    second = tmp_path / "second"
    at_odds.git("worktree", "add", "-q", "-b", "ours", str(second))
    git(second, *AT_ODDS["merge"], expect=1)
    assert [moves.is_under_way(git_folder(root)) for root in (at_odds.root, second)] == [False, True]


def test_a_run_that_is_written_while_another_one_is_checked_has_its_turn_too(quick_tree: Tree) -> None:
    quick_tree.cli("init", ".")
    ran: list[str] = []

    def say(line: str) -> None:
        if line.startswith("watching"):
            quick_tree.run("rs_first")
        if line.startswith("runs/rs_first"):
            quick_tree.run("rs_second")

    def run_pending(runs: Sequence[str]) -> None:
        ran.extend(runs)
        if "rs_second" in runs:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        watch_project(quick_tree.root, host=None, say=say, run_pending=run_pending)
    assert ran == ["rs_first", "rs_second"]

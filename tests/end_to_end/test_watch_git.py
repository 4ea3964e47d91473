"""`watch` in a git work tree: a checkout is no save, and no save is overlooked."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from cosmosctl.commands.run.watch import watch_project
from cosmosctl.errors import Interrupted
from tests.support.tree import TIMEOUT_S, Tree
from tests.support.waiting import wait_for_line


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


def test_nothing_is_run_while_git_waits_for_a_merge_to_be_finished(
    branches: Tree, watching: "subprocess.Popen[str]"
) -> None:
    (branches.root / ".git/MERGE_HEAD").touch()
    branches.run("rs_new")
    wait_for_line(watching, "git is in the middle of something: waiting until it is done")
    assert branches.states() == {"rs_new": "pending"}
    (branches.root / ".git/MERGE_HEAD").unlink()
    wait_for_line(watching, "rs_new came with another branch or stash and is left alone")


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

"""`watch` in a git work tree: a checkout is no save."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

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


def test_a_run_that_a_checkout_brings_is_left_alone(branches: Tree, watching: "subprocess.Popen[str]") -> None:
    branches.git("checkout", "-q", "look")
    wait_for_line(watching, "rs_look came with another branch or stash and is left alone")
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

"""Fixtures: a fresh project, with or without a scene, on the built-in host; a machine and an engine."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.containers import Engine, running_podman
from tests.sshd import Sshd, running_sshd
from tests.support import aftermath, counts
from tests.support.counts import tell_count as tell_count  # a fixture
from tests.support.examples import IS_SOAK, SPEED
from tests.support.surroundings import own_surroundings
from tests.support.tree import Tree

# make soak draws other examples each time
settings.register_profile("ours", derandomize=not IS_SOAK, deadline=None, suppress_health_check=SPEED)
settings.load_profile("ours")

signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, we would hand on "ignored"

own_surroundings()

LONG = (
    *("test_wheel", "test_containers", "test_git_histories", "test_fault_matrix", "test_seven_runs", "test_strangers"),
    *("test_client_killed", "test_host_commands", "test_preview", "test_families", "test_attach", "test_damaged"),
)
"""Files that take longest: the others of a run go on beside them."""

CONFIG = "project: 5f3a91c2\nmodel: transfer1\nhost: local\n"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    turns = {name: turn for turn, name in enumerate(LONG)}
    items.sort(key=lambda item: turns.get(item.path.stem, len(LONG)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was counted stands in the last lines."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())]
    if words := counts.said(reports):
        terminalreporter.write_line(f"ran {words}")


@pytest.fixture
def bare_tree(tmp_path: Path) -> Iterator[Tree]:
    """A project with nothing in it. What was started for it and lives on when the test is over is ended."""
    root = tmp_path / "project"
    root.mkdir()
    tree = Tree(root, tmp_path / "home")
    tree.config(CONFIG)
    yield tree
    aftermath.end_processes(tree)


@pytest.fixture
def tree(bare_tree: Tree) -> Tree:
    """A project with one small scene (`inputs/videos/city`) and one prompt (`ps_a`)."""
    bare_tree.scene()
    bare_tree.prompt("ps_a")
    return bare_tree


@pytest.fixture
def quick_tree(tree: Tree) -> Tree:
    """The same, where the preview does nothing for a tenth of a second a row and counts what it does in a tally."""
    tally = tree.home / "tally"
    tree.home.mkdir()
    return Tree(tree.root, tree.home, {"COSMOSCTL_PREVIEW_ROW_S": "0.1", "COSMOSCTL_PREVIEW_TALLY": str(tally)})


@pytest.fixture
def three(tree: Tree) -> Tree:
    """The project with the three runs of `aftermath.PROMPTS`."""
    aftermath.write_runs(tree)
    return aftermath.swift(tree)


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd on this machine."""
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A podman with an image and GPUs that are only names."""
    with running_podman(tmp_path_factory.mktemp("podman")) as podman:
        yield podman

"""What pages are told of runs is kept while nothing changed, and never a moment longer."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.shown.memory import Memory
from cosmosctl.shown.project import Shown, shown
from tests.support.tree import Tree, on_this_machine
from tests.support.waiting import wait_until

OPENED: list[str] = []
"""Names of the files that are opened while somebody listens."""
LISTENING: list[bool] = []


def note(event: str, words: tuple[Any, ...]) -> None:
    if LISTENING and event == "open":
        OPENED.append(str(words[0]))


sys.addaudithook(note)


@contextmanager
def listening() -> Iterator[list[str]]:
    OPENED.clear()
    LISTENING.append(True)
    try:
        yield OPENED
    finally:
        LISTENING.clear()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = on_this_machine(tmp_path_factory.mktemp("memory"), {"COSMOSCTL_PREVIEW_ROW_S": "0.01"})
    tree.run("rs_a", controls="{edge: {weight: 0.5, preset: low}}")
    tree.run("rs_b", more="seed: 2\n")
    tree.run("rs_c", more="seed: 3\n")
    tree.run("rs_copied", more="seed: 4\n")
    tree.cli("batch", "rs_a", "rs_b", "rs_copied", "--batch-name", "one")
    tree.cli("batch", "rs_a", "--batch-name", "two")
    return tree


def edits(tree: Tree) -> Iterator[tuple[str, Callable[[], object]]]:
    home = tree.run_paths
    log = next((home("rs_b").preview.root / "logs").glob("*.log"))
    yield "a rating", lambda: tree.cli("rate", "--stars", "4", "rs_a")
    yield "a tag", lambda: tree.run("rs_b", more="seed: 2\ntags: [new]\n")
    yield "a setting", lambda: tree.run("rs_c", more="seed: 3\nguidance: 6\n")
    yield "words of the prompt", lambda: tree.prompt("ps_a", "another street")
    yield (
        "a setting of the project",
        lambda: tree.config("project: 5f3a91c2\nmodel: transfer1\nhost: local\ntransfer1: {guidance: 4}\n"),
    )
    yield "a line in a log", lambda: log.write_text("other words\n", encoding="utf-8")
    yield "a run that comes", lambda: tree.run("rs_d")
    yield "a copy of a folder", lambda: shutil.copytree(home("rs_b").root, home("rs_e").root)
    yield "a copy whose original goes", lambda: shutil.move(home("rs_copied").root, home("rs_f").root)
    yield "a mistake", lambda: tree.run("rs_d", more="guidance: much\n")
    yield "an earlier result that goes", lambda: shutil.rmtree(next(home("rs_a").history.iterdir()))
    yield "a video that goes", lambda: (home("rs_b").preview.outputs / "output.mp4").unlink()
    yield "a receipt that goes", lambda: home("rs_a").preview.receipt.unlink()
    yield "computed controls that go", lambda: shutil.rmtree(tree.paths.controls)
    yield "an input that goes", lambda: (tree.root / "inputs/videos/city/color.mp4").unlink()


def told(tree: Tree, memory: Memory) -> Shown:
    return shown(tree.paths, (), memory, with_logs=True)


def test_what_stays_is_not_read_again_and_what_changes_is_told_at_once(project: Tree, tmp_path: Path) -> None:
    def reads_nothing() -> bool:
        with listening() as opened:
            told(project, Memory(project.paths, with_logs=True))  # as of another command
        return not any(name.endswith(("result.yaml", "run.yaml", ".log")) for name in opened)

    wait_until(reads_nothing, "a reading of what was written a while ago", look_s=0.2)
    memory = Memory(project.paths, with_logs=True)
    for number, (what, edit) in enumerate(edits(project)):
        told(project, memory)
        edit()
        anew = Memory(ProjectPaths(tmp_path / str(number)), with_logs=True)
        assert told(project, memory) == told(project, anew), what


def test_what_came_with_a_project_is_not_believed(project: Tree) -> None:
    file = project.paths.shown_index(with_logs=True)
    told(project, Memory(project.paths, with_logs=True))
    lie = file.read_text(encoding="utf-8").replace("rs_c", "rs_x")
    file.write_text(lie, encoding="utf-8")
    assert "rs_c" in {run["id"] for run in told(project, Memory(project.paths, with_logs=True)).facts["runs"]}

"""A project as commit 2018003 left it, whose marks were the files that git versions, in the hands of this version."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from cosmosctl.results.receipts import read_receipt
from tests.support import earlier
from tests.support.git_world import made_from
from tests.support.tree import Tree

STATES = {"rs_a": "done", "rs_b": "done", "rs_c": "done"}


@pytest.fixture
def left(tmp_path: Path) -> Tree:
    """rs_a was done twice and has a preview, rs_b was done; the host has finished rs_c, which nobody fetched."""
    tree = earlier.restored(tmp_path, earlier.FINISHED)
    (tree.home / "model").mkdir()
    return tree


def test_what_is_there_is_read_and_written_forward(left: Tree) -> None:
    before = _videos(left)
    assert len(before) == 4
    reports = {file: file.read_bytes() for file in left.root.rglob("*.yaml")}
    assert left.states() == {**STATES, "rs_c": "queued"}
    assert {file: file.read_bytes() for file in reports} == reports
    assert _videos(left) == before
    for batch in left.batches():
        assert "format: 1\n" in batch.whole.read_text(encoding="utf-8")
        batch.report.unlink()
    for place in (left.run_paths(name).result for name in ("rs_a", "rs_b")):
        assert "format: 1\n" in place.receipt.read_text(encoding="utf-8")
        place.report.unlink()
    assert left.states() == {**STATES, "rs_c": "queued"}  # git may take what it versions


def test_what_the_host_has_is_fetched_and_nothing_is_computed_again(left: Tree) -> None:
    before = _videos(left)
    report = left.run_paths("rs_b").result.report
    then = report.read_text(encoding="utf-8").splitlines()
    report.unlink()
    assert "rs_c  done" in left.cli("fetch").out
    now = report.read_text(encoding="utf-8").splitlines()
    assert [line for line in now if line not in then][:1] == ["format: 1"]
    assert [line.partition(":")[0] for line in then if line not in now] == ["spec"]  # is made otherwise since format 1
    assert left.states() == STATES
    assert _videos(left).items() > before.items()
    assert made_from(left.run_paths("rs_c").result.outputs / "output.mp4") == ("a street", 0.7)
    assert "format: 1\n" in left.run_paths("rs_c").result.report.read_text(encoding="utf-8")
    assert "nothing is pending" in left.cli("batch").err
    assert not (left.home / "model/rows").exists()


def test_a_next_batch_keeps_what_was_there(left: Tree) -> None:
    before = _videos(left)
    left.run("rs_b", controls="{edge: 0.9}")
    assert left.states()["rs_b"] == "changed"
    assert "edge.weight: 0.5 -> 0.9" in left.cli("diff", "rs_b").out
    left.cli("batch", "rs_b")
    assert left.states()["rs_b"] == "done"
    assert _digests(left) > set(before.values())
    receipt = read_receipt(left.run_paths("rs_b").result.report)
    assert receipt is not None
    assert receipt.number == 5  # one above those of the version before


def test_the_verbs_that_look_tell_of_it(left: Tree) -> None:
    assert re.search("Done:.*rs_a", left.cli("status").out, flags=re.S)
    assert re.search("rs_a +done", left.cli("list", "runs").out)
    first, second, look, behind = (batch.name for batch in sorted(left.batches(), key=lambda one: one.name[-6:]))
    listed = left.cli("list", "batches").out
    assert all(name in listed for name in (first, second, look, behind))
    shown = json.loads(left.cli("show", "rs_a", "--json").out)
    assert second in json.dumps(shown)
    assert first in left.cli("history", "rs_a").out
    assert "Completed diffusion sampling" in left.cli("logs", "rs_a").out
    left.cli("check")


def test_gc_takes_nothing_of_it_that_is_needed(left: Tree) -> None:
    left.cli("gc", "gpu")
    assert "rs_c  done" in left.cli("fetch").out
    for run in ("rs_a", "rs_b"):
        left.run_paths(run).result.outputs.joinpath("output.mp4").unlink()
        left.cli("fetch", run)
    assert left.states() == STATES


def _videos(tree: Tree) -> dict[Path, str]:
    """sha256 of each result that is here."""
    found = tree.paths.runs.rglob("output.mp4")
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def _digests(tree: Tree) -> set[str]:
    return {*_videos(tree).values()}

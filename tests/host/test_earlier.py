"""A batch that an earlier version launched, with the files it made then, in the hands of this one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import aftermath, earlier
from tests.support.aftermath import PROMPTS, Client
from tests.support.tree import Tree


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Tree]:
    """The project, half of whose batch is done; its job was killed."""
    tree = earlier.restored(tmp_path)
    yield tree
    aftermath.end_processes(tree)


def test_a_job_of_an_earlier_version_is_followed_to_its_end(left: Tree) -> None:
    with earlier.supervised_as_then(left, **aftermath.faults("held:second")):
        client = Client(left, "attach")
        client.wait_for("phase: follow")
        aftermath.let_go(left)
        done = client.end()
    assert done.code == 0, done.err
    _assert_all_right(left)


def test_a_job_of_an_earlier_version_is_cancelled(left: Tree) -> None:
    with earlier.supervised_as_then(left, **aftermath.faults("held:second")):
        left.cli("cancel", left.batches()[0].name)
    assert aftermath.states(left) == {"rs_a": "done", "rs_b": "cancelled", "rs_c": "cancelled"}
    aftermath.assert_nobody_left(left)


def test_what_a_job_of_an_earlier_version_made_alone_is_fetched(left: Tree) -> None:
    with earlier.supervised_as_then(left):
        pass
    assert [line.split()[:2] for line in left.cli("fetch").lines] == [[run, "done"] for run in PROMPTS]
    _assert_all_right(left)


def test_a_batch_of_an_earlier_version_whose_job_is_gone_is_gone_on_with(left: Tree) -> None:
    left.cli("attach")
    _assert_all_right(left)
    assert [event["ev"] for event in left.events()].count("batch_start") == 2


def test_a_batch_of_an_earlier_version_whose_folder_is_lost_is_sent_anew(left: Tree) -> None:
    shutil.rmtree(aftermath.host_folder(left))
    left.cli("attach")
    _assert_all_right(left)


def _assert_all_right(tree: Tree) -> None:
    name = tree.batches()[0].name
    assert aftermath.states(tree) == dict.fromkeys(PROMPTS, "done")
    for run, prompt in PROMPTS.items():
        aftermath.assert_right_result(tree.run_paths(run).preview, run=run, batch=name, prompt=prompt)
    aftermath.assert_nothing_left_over(tree)

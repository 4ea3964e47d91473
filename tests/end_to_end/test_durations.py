"""Seconds that a batch took: by a clock that nobody can set, and never what cannot be."""

from pathlib import Path

import pytest

from cosmosctl.events.progress import bounded_s, progress
from cosmosctl.results import batch_end
from tests.support.aftermath import Client, wait_until
from tests.support.tree import Tree, on_this_machine
from tests.support.wrong_clock import HostClock

HOURS_S = 3600


def test_a_host_whose_clock_is_set_back_while_it_works_tells_the_true_seconds(tmp_path: Path) -> None:
    tree = on_this_machine(tmp_path, {"COSMOSCTL_PREVIEW_ROW_S": "0.3"})
    tree.run("rs_one")
    tree.run("rs_two")
    clock = HostClock(tree)
    client = Client(tree, "batch", env=clock.env)
    wait_until(lambda: "row_start" in _events(tree))
    clock.set(-12 * HOURS_S)
    done = client.end()
    assert done.code == 0, done.err
    end = batch_end.read_end(tree.batches()[-1].end)
    assert end is not None
    assert sorted(end.video_s) == ["rs_one", "rs_two"]
    assert all(0 < seconds < HOURS_S for seconds in end.video_s.values()), end.video_s
    assert sum(end.video_s.values()) <= end.wall_s < HOURS_S
    assert 0 < end.busy <= 1


@pytest.mark.parametrize("told", [-43199.5, 1e300, 10**400, float("nan"), float("inf"), "1", None, []])
def test_seconds_that_cannot_be_count_as_none(told: object) -> None:
    assert bounded_s(told) == 0
    event = {"ev": "run_done", "t": 5, "run": "rs_one", "seconds": told, "attempts": 1, "outputs": []}
    assert progress([event]).ends["rs_one"].seconds == 0


def test_the_time_of_a_batch_goes_by_the_steady_clock_and_by_the_calendar_between_two_boots() -> None:
    start = {"ev": "batch_start", "t": 1000, "up": 50, "boot": "one"}
    back = {"ev": "row_start", "t": 400, "up": 53, "run": "rs_one"}
    again = {"ev": "batch_start", "t": 410, "up": 2, "boot": "two"}
    last = {"ev": "batch_done", "t": 90_000_000, "up": 7, "state": "done"}
    assert progress([start, back, again, last]).elapsed.seconds == 3 + 10 + 5


def test_a_host_of_an_earlier_version_whose_clock_was_set_back_adds_nothing() -> None:
    start, done = {"ev": "batch_start", "t": 1000}, {"ev": "batch_done", "t": 400, "state": "done"}
    assert progress([start, done]).elapsed.seconds == 0


def _events(tree: Tree) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in tree.home.glob("cosmosctl/batches/*/events.jsonl"))

"""What befalls a real Slurm while a batch is in its queue, longer and at more moments: `make soak`."""

import os
import random
import signal

import pytest

from tests.support.aftermath import Client
from tests.support.slurm_bed import Site
from tests.support.waiting import take, wait_until

pytestmark = pytest.mark.soak
KILLS = 20


def begun(site: Site) -> Client:
    """A batch that is followed, both of whose jobs have a row in hand."""
    site.hold()
    client = Client(site.tree, "batch")
    wait_until(lambda: len(site.begun()) == 2, "both jobs to begin a row")
    return client


def test_a_node_whose_daemon_is_killed_loses_no_row_and_computes_none_twice_that_was_done(site: Site) -> None:
    runs = site.runs(6)
    client = begun(site)
    os.kill(site.bed.pid("slurmd1"), signal.SIGKILL)
    site.let_go()
    assert client.end().code == 0
    assert site.tree.states() == dict.fromkeys(runs, "done")
    assert sum(site.begun().values()) <= len(runs) + 1
    site.bed.start_node(1)


def test_a_controller_that_is_killed_right_after_a_start_loses_nothing(site: Site) -> None:
    runs = site.runs(6)
    client = begun(site)
    os.kill(site.bed.pid("slurmctld"), signal.SIGKILL)
    site.bed.start_controller()
    site.let_go()
    wait_until(lambda: site.bed.mended() and client.has_ended(), "the batch to end", look_s=0.5)
    assert client.end().code == 0
    assert site.tree.states() == dict.fromkeys(runs, "done")


def test_a_job_that_slurm_ends_for_its_time_goes_on_and_no_row_that_was_done_is_computed_again(site: Site) -> None:
    runs = site.runs(4)
    site.configure(more="    time: '1'\n")
    client = begun(site)
    in_hand = set(site.begun())
    wait_until(lambda: len(_starts(site)) > 2, "the limit of a minute, and a job after it", look_s=0.5)
    site.let_go()
    assert client.end().code == 0
    site.assert_well(runs, {run: count for run, count in site.begun().items() if run in in_hand})


def test_the_controller_may_be_away_at_each_moment_for_long(site: Site) -> None:
    runs = site.runs(6)
    for moment in ("submitted", "queued", "running"):
        job = site.bed.fill() if moment == "queued" else ""
        site.hold()
        if moment == "submitted":
            site.bed.stop_controller()
        client = Client(site.tree, "batch", "--all", "--yes")
        if moment == "queued":
            site.bed.until("PENDING")
            site.bed.stop_controller()
        elif moment == "running":
            wait_until(lambda: len(site.bed.until("RUNNING", 2)) == 2, "both jobs")
            site.bed.stop_controller()
        take(20)
        site.bed.start_controller()
        site.let_go()
        if job:
            site.bed.ask("scancel", job)
        if client.end().code:
            site.tree.cli("attach")
        assert site.tree.states() == dict.fromkeys(runs, "done"), moment
    assert site.begun() == dict.fromkeys(runs, 3)


def test_a_batch_is_cancelled_while_the_controller_is_away(site: Site) -> None:
    runs = site.runs(6)
    client = begun(site)
    site.bed.stop_controller()
    try:
        site.tree.cli("cancel", expect=None)
    finally:
        site.bed.start_controller()
    assert client.end().code == 1
    site.let_go()
    assert site.tree.states() == dict.fromkeys(runs, "cancelled")
    site.bed.until_empty()
    assert sum(site.begun().values()) == 2


def test_a_batch_that_waits_is_cancelled_while_the_controller_is_away_and_never_begins(site: Site) -> None:
    runs = site.runs(4)
    job = site.queued()
    site.bed.stop_controller()
    try:
        site.tree.cli("cancel", expect=None)
    finally:
        site.bed.start_controller()
    site.tree.cli("cancel", expect=None)
    assert site.tree.states() == dict.fromkeys(runs, "cancelled")
    site.bed.until_empty()
    assert not site.begun()
    site.bed.ask("scancel", job)


def _starts(site: Site) -> list[str]:
    events = site.folder().glob("shards/*/events.jsonl")
    return [line for path in events for line in path.read_text().splitlines() if '"batch_start"' in line]


def test_a_client_may_be_killed_at_any_moment(site: Site) -> None:
    chance = random.Random(20261129)
    runs = site.runs(6)
    moments = [chance.uniform(0.2, 6.0) for _ in range(KILLS)]
    for after_s in moments:
        client = Client(site.tree, "attach" if site.tree.paths.batches.exists() else "batch")
        take(after_s)
        client.send(signal.SIGKILL)
        client.end()
        if set(site.tree.states().values()) == {"done"}:
            break
    if site.tree.paths.batches.exists():
        site.tree.cli("attach", expect=None)
    if set(site.tree.states().values()) != {"done"}:
        site.tree.cli("batch", expect=None)
    assert site.tree.states() == dict.fromkeys(runs, "done"), moments
    assert set(site.begun().values()) == {1}, moments

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

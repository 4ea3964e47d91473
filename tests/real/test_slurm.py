"""Batches on a real Slurm: two nodes with two GPUs each that are none, and a model that takes no time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sshd import Sshd, needs_sshd, running_sshd
from tests.support.slurm_bed import Bed, Site, running_bed, site_on

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running_bed(tmp_path_factory.mktemp("slurm")) as started:
        yield started


@pytest.fixture
def site(bed: Bed, tmp_path: Path) -> Iterator[Site]:
    made = site_on(bed, tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def login(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A login node of that Slurm."""
    with running_sshd(tmp_path_factory.mktemp("sshd"), env=bed.env) as server:
        yield server


def test_a_batch_runs_as_an_array_of_jobs_and_each_row_is_computed_once(site: Site) -> None:
    runs = site.runs(7)
    site.configure(nodes=3)
    site.tree.cli("batch")
    site.assert_well(runs)
    shards = sorted(path.name for path in (site.folder() / "shards").iterdir())
    assert shards == ["0", "1", "2"]
    assert {event["shard"] for event in site.tree.events() if event["ev"] == "run_done"} == {0, 1, 2}


@needs_sshd
def test_over_a_login_node_it_is_the_same(site: Site, login: Sshd, tmp_path: Path) -> None:
    there = site_on(site.bed, tmp_path / "far", login)
    runs = there.runs(4)
    there.tree.cli("batch")
    there.assert_well(runs)

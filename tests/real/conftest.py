"""What tests of real networks, and those of a real Slurm, share: what takes minutes is installed once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import network_batch
from tests.support.network_python import network_python
from tests.support.slurm_bed import Bed, Site, running_bed, site_on


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python with the packages of the diffusers families."""
    return network_python(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="session")
def tiny(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny models."""
    return network_batch.tiny_models(python, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A Slurm of this machine alone."""
    with running_bed(tmp_path_factory.mktemp("slurm")) as started:
        yield started


@pytest.fixture
def site(bed: Bed, tmp_path: Path) -> Iterator[Site]:
    """A project whose host is that Slurm."""
    made = site_on(bed, tmp_path)
    yield made
    made.end()

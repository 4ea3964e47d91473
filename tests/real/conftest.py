"""What tests of real networks, of a real Slurm, of a page in browsers share: what takes long is there once."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import aftermath, browser, network_batch, page_checks, shown_runs
from tests.support.browser import Seen, opened
from tests.support.network_python import network_python
from tests.support.slurm_bed import Bed, Site, running_bed, site_on
from tests.support.tree import Tree, on_this_machine


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


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser, for as many pages as are wanted."""
    with browser.chromium(tmp_path_factory.mktemp("playwright")) as started:
        yield started


@pytest.fixture
def seen(chromium: Any) -> Iterator[Seen]:
    """A page on a desk. Whatever goes wrong on it, or leaves this machine, fails the test."""
    with opened(chromium) as page:
        yield page
        assert page.errors == []
        assert [
            url for url in page.requests if not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))
        ] == []


@pytest.fixture(scope="session")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of runs whose videos tell their frames: 24 fps four times, other rates, lengths, one frame, HEVC."""
    return shown_runs.numbered(tmp_path_factory.mktemp("numbered"))


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of a grid of four runs, one with an input and an earlier result, two with a wide film."""
    return shown_runs.looked_at(tmp_path_factory.mktemp("looked_at"))


@pytest.fixture(scope="session")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with hostile words that was zipped, and unzipped elsewhere."""
    return page_checks.zipped_elsewhere(tmp_path_factory.mktemp("zipped"))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The demo after its batch."""
    return page_checks.demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script that finds what keeps people from using a page."""
    return browser.axe(tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A project with one finished preview and one run that waits."""
    tree = on_this_machine(tmp_path_factory.mktemp("finished"), {"COSMOSCTL_PREVIEW_ROW_S": "0.01"})
    tree.prompt("ps_x", "<img onerror=alert(1) src=x>")
    tree.run("rs_a", prompt="ps_x")
    tree.cli("batch")
    tree.run("rs_b", more="seed: 7\n")
    return tree


@pytest.fixture
def project(finished: Tree, tmp_path: Path) -> Iterator[Tree]:
    """The same for one test alone."""
    tree = copied(finished, tmp_path)
    yield tree
    aftermath.end_processes(tree)


def copied(tree: Tree, folder: Path) -> Tree:
    """The project and its host as they are, in that folder."""
    for old in (tree.root, tree.home):
        shutil.copytree(old, folder / old.name, symlinks=True)
    return replace(tree, root=folder / tree.root.name, home=folder / tree.home.name)


@pytest.fixture
def going(demo: Tree, tmp_path: Path) -> Iterator[Tree]:
    """The demo with a batch under way, whose second row waits."""
    tree = aftermath.swift(copied(demo, tmp_path), **page_checks.quick())
    for run in ("rs_depths", "rs_evenly", "rs_sketch"):
        spec = tree.run_paths(run).spec
        spec.write_text(spec.read_text().replace("seed: 1", "seed: 2"))
    tree.cli("batch", "--changed", "--detach", env=aftermath.faults("held@2"))
    aftermath.until_told(next((tree.home / "cosmosctl/batches").glob("batch_*")), "row_start", times=2)
    tree.cli("fetch")
    yield tree
    aftermath.end_processes(tree)

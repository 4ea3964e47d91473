"""A new scheduler is one module and one line: a batch goes its whole way through one that only the tests know."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmosctl import schedulers
from cosmosctl.domain.project import Host
from tests.support import toy_scheduler
from tests.support.held_model import HeldModel
from tests.support.tree import REPOSITORY, TIMEOUT_S, Done, Tree
from tests.support.waiting import wait_until

HOSTILE = 'a site\'s "dir";\n$HOME `id` *'
RUNS = ("rs_a", "rs_b", "rs_c", "rs_d")


@pytest.fixture
def site(tree: Tree) -> Iterator[Tree]:
    """A project whose host has the toy for its queue, in a folder whose name has everything in it."""
    there(tree).parent.mkdir(exist_ok=True)
    model(tree).folder.mkdir()
    has = f"    models: {{transfer1: {{command: {model(tree).command}}}}}\n"
    tree.config(
        f"project: 5f3a91c2\nmodel: transfer1\nhost: site\nhosts:\n  site:\n    dir: {json.dumps(str(there(tree)))}\n"
        f"    engine: bare\n    scheduler: toy\n    nodes: 2\n{has}"
    )
    for run in RUNS:
        tree.prompt(run.replace("rs", "ps"), text=f"row {run}")
        tree.run(run, prompt=run.replace("rs", "ps"))
    yield tree
    model(tree).let_go()


def there(tree: Tree) -> Path:
    return tree.home / HOSTILE


def model(tree: Tree) -> HeldModel:
    return HeldModel(tree.home / "model")


def started(tree: Tree, *args: str) -> "subprocess.Popen[str]":
    """cosmosctl with the toy among its schedulers."""
    return subprocess.Popen(
        (sys.executable, "-m", "tests.support.toy_scheduler.cosmosctl", *args),
        cwd=tree.root,
        env=tree.environment({"PYTHONPATH": str(REPOSITORY)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]", code: int = 0) -> Done:
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code, out + err
    return Done(process.returncode, out, err)


def cli(tree: Tree, *args: str, expect: int = 0) -> Done:
    return ended(started(tree, *args), expect)


def states(tree: Tree) -> dict[str, str]:
    return {row["id"]: row["reason"] or row["status"] for row in json.loads(cli(tree, "list", "runs", "--json").out)}


def calls(tree: Tree) -> Counter[str]:
    """How often the queue was asked for each of its verbs."""
    return Counter((there(tree) / "toy queue/calls").read_text().split())


def running(tree: Tree, name: str) -> list[str]:
    """The tasks of the batch in the folder of that name on the host that have not ended."""
    site = Host("site", "bare", str(there(tree)), scheduler="toy")
    argv = toy_scheduler.commands(site, name).running
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()


def held_batch(tree: Tree) -> str:
    """A batch of which each of the two jobs has a row in hand."""
    model(tree).hold()
    name = cli(tree, "batch", "--detach").out.strip()
    wait_until(lambda: len(model(tree).begun()) == 2, "both jobs to begin a row")
    return name


def test_a_batch_runs_as_the_jobs_of_a_new_scheduler_and_each_row_is_computed_once(site: Tree) -> None:
    cli(site, "batch")
    assert states(site) == dict.fromkeys(RUNS, "done")
    assert model(site).begun() == Counter(dict.fromkeys(RUNS, 1))
    tasks = [path.name for path in (there(site) / "toy queue").iterdir() if path.is_dir()]
    assert sorted(tasks) == ["1_0", "1_1"]
    asked = calls(site)
    assert (asked["submit"], asked["running"], asked["cancel"]) == (1, 1, 0)
    assert asked["query"]


def test_what_the_queue_says_is_told_and_what_runs_is_not_submitted_again(site: Tree) -> None:
    name = held_batch(site)
    cli(site, "fetch")
    assert "2 jobs running" in cli(site, "status").out
    client = started(site, "attach", name)
    wait_until(lambda: calls(site)["running"] == 2, "the queue to be asked what runs")
    model(site).let_go()
    ended(client)
    assert states(site) == dict.fromkeys(RUNS, "done")
    assert model(site).begun() == Counter(dict.fromkeys(RUNS, 1))
    assert calls(site)["submit"] == 1


def test_a_batch_in_a_new_queue_is_cancelled(site: Tree) -> None:
    name = held_batch(site)
    cli(site, "cancel", name)
    assert states(site) == dict.fromkeys(RUNS, "cancelled")
    assert calls(site)["cancel"] == 1
    (folder,) = (there(site) / "batches").iterdir()
    wait_until(lambda: not running(site, folder.name), "the jobs to end")


def test_what_a_new_queue_refuses_is_told_with_what_to_do_and_frees_the_runs(site: Tree) -> None:
    (there(site) / "toy queue").mkdir(parents=True)
    (there(site) / "toy queue/broken").touch()
    told = cli(site, "batch", expect=4).err
    assert "the queue is broken" in told and "wind it up" in told
    assert states(site) == dict.fromkeys(RUNS, "pending")
    (there(site) / "toy queue/broken").unlink()
    cli(site, "batch")
    assert states(site) == dict.fromkeys(RUNS, "done")


def test_a_batch_that_an_earlier_version_submitted_is_followed_to_its_end(site: Tree) -> None:
    """Its bundle had no submit.sh: what launches it knew how to submit by itself."""
    name = held_batch(site)
    (folder,) = (there(site) / "batches").iterdir()
    (folder / "submit.sh").unlink()
    client = started(site, "attach", name)
    wait_until((folder / "submit.sh").exists, "the rest of the bundle to be sent")
    model(site).let_go()
    ended(client)
    assert states(site) == dict.fromkeys(RUNS, "done")
    assert model(site).begun() == Counter(dict.fromkeys(RUNS, 1))


def test_an_exported_batch_gets_a_file_for_a_new_queue(site: Tree, tmp_path: Path) -> None:
    assert "[slurm|toy|skypilot]" in cli(site, "batch", "--help").out
    told = cli(site, "batch", "--host", "local", "--export", str(tmp_path / "out"), "--as", "toy").out
    (job,) = (path for path in (tmp_path / "out").iterdir() if path.is_file())
    (folder,) = (tmp_path / "out/batches").iterdir()
    assert f"For toy: {job.name}" in told
    assert f"/batches/{folder.name}/run.sh" in job.read_text()


def test_without_its_line_in_the_registry_it_is_no_scheduler(site: Tree) -> None:
    assert "scheduler" in site.cli("batch", expect=3).err
    assert "toy" not in schedulers.REGISTRY

"""A new engine is one module and one line: a batch goes its whole way through one that only the tests know."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cosmosctl import engines
from tests.support import aftermath
from tests.support.tree import TIMEOUT_S, Done, Tree
from tests.support.waiting import wait_until

HOSTILE = 'a host\'s "dir";\n$HOME `id` *'


@pytest.fixture
def lab(quick_tree: Tree) -> Tree:
    """A project whose host keeps its jobs in the toy engine, in a folder whose name has everything in it."""
    env = {"COSMOSCTL_PREVIEW_STATE": str(quick_tree.home)}
    tree = Tree(quick_tree.root, quick_tree.home, {**quick_tree.env, **env})
    write_config(tree)
    tree.run("rs_a")
    tree.run("rs_b", controls="{edge: 0.25}")
    return tree


def write_config(tree: Tree, more: str = "") -> None:
    command = json.dumps([sys.executable, "-m", "cosmosctl.preview.transfer1"])
    tree.config(
        f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n    dir: {json.dumps(str(there(tree)))}\n"
        f"    engine: toy\n    models: {{transfer1: {{command: {command}}}}}\n{more}"
    )


def there(tree: Tree) -> Path:
    return tree.home / HOSTILE


def cli(tree: Tree, *args: str, expect: int = 0, env: Mapping[str, str] | None = None) -> Done:
    """cosmosctl with the toy among its engines."""
    done = subprocess.run(
        (sys.executable, "-m", "tests.support.toy_engine.cosmosctl", *args),
        cwd=tree.root,
        env=tree.environment({"PYTHONPATH": str(Path(__file__).parents[2]), **(env or {})}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def states(tree: Tree) -> dict[str, str]:
    return {row["id"]: row["reason"] or row["status"] for row in json.loads(cli(tree, "list", "runs", "--json").out)}


def calls(tree: Tree) -> list[str]:
    return (there(tree) / "kept jobs/calls").read_text().split()


def kept(tree: Tree) -> list[str]:
    """The jobs that the engine has, running or not."""
    return [path.name for path in (there(tree) / "kept jobs").iterdir() if path.is_dir()]


def test_a_batch_runs_in_a_new_engine_which_keeps_nothing_of_it(lab: Tree) -> None:
    cli(lab, "batch")
    assert states(lab) == {"rs_a": "done", "rs_b": "done"}
    assert kept(lab) == []
    assert [verb for verb in calls(lab) if verb != "alive"] == [
        *("remove", "create", "made-of", "start"),  # what an earlier launch may have left goes first
        *("logs", "remove"),
    ]
    assert "image: sha256:70f\n" in lab.run_paths("rs_a").result.receipt.read_text()


def test_a_job_that_died_is_replaced_and_goes_on(lab: Tree) -> None:
    name = cli(lab, "batch", "--detach", env=aftermath.faults("held@2")).out.strip()
    wait_until(lambda: '"run_done"' in events_there(lab), "the first row")
    os.kill(supervisor(lab), 9)
    (lab.home / "go").touch()
    cli(lab, "attach", name)
    assert states(lab) == {"rs_a": "done", "rs_b": "done"}
    assert (calls(lab).count("create"), kept(lab)) == (2, [])


def test_a_job_in_a_new_engine_is_cancelled(lab: Tree) -> None:
    name = cli(lab, "batch", "--detach", env=aftermath.faults("held")).out.strip()
    wait_until(lambda: '"row_start"' in events_there(lab), "the first row")
    cli(lab, "cancel", name)
    assert states(lab) == {"rs_a": "cancelled", "rs_b": "cancelled"}
    assert kept(lab) == []


def test_what_a_new_engine_refuses_is_told_without_the_lines_of_its_env_file(lab: Tree, tmp_path: Path) -> None:
    secrets = tmp_path / "it's secret.env"
    secrets.write_text("TOKEN=REFUSED_sEcReT\n")
    write_config(lab, f"    env_file: {json.dumps(str(secrets))}\n")
    told = cli(lab, "batch", expect=4).err
    assert "(a line that quotes the env_file)" in told and "sEcReT" not in told


def test_without_its_line_in_the_registry_it_is_no_engine(lab: Tree) -> None:
    assert "engine" in lab.cli("batch", expect=3).err
    assert "toy" not in engines.REGISTRY


def test_no_script_of_the_host_knows_an_engine() -> None:
    scripts = (Path(__file__).parents[2] / "templates/launch").glob("*.sh")
    words = [
        f"{script.name}: {word}" for script in scripts for word in ("docker", "podman") if word in script.read_text()
    ]
    assert words == []


def events_there(tree: Tree) -> str:
    found = list((there(tree) / "batches").glob("*/events.jsonl"))
    return found[0].read_text() if found else ""


def supervisor(tree: Tree) -> int:
    start = events_there(tree).splitlines()[0]
    return int(json.loads(start)["pid"])

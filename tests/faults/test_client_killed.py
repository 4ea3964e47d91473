"""`kill -9` of the client, at every kind of moment: whoever comes next finds everything, once and right.

`make soak` (COSMOSCTL_SOAK=1) kills ten times as often.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests import clips
from tests.conftest import CONFIG
from tests.support import aftermath
from tests.support.killed_client import Moment
from tests.support.tree import Tree

SEED = 20261122
RUNS = ("rs_a", "rs_b", "rs_c")
PHASES = ("bundle", "push", "launch", "follow", "collect")
TOLD = ("inputs_checked", "process_start", "loaded", "row_start", "run_done", "process_end", "batch_done")
"""Events in which the host tells how far it is."""
LEAST = 5
"""Kills in each phase."""


def test_wherever_the_client_is_killed_every_run_gets_its_own_result_once(tmp_path: Path) -> None:
    _kill_many(tmp_path, times=1)


@pytest.mark.soak
@pytest.mark.skipif("COSMOSCTL_SOAK" not in os.environ, reason="COSMOSCTL_SOAK is not set; make soak sets it")
def test_wherever_the_client_is_killed_ten_times_as_often(tmp_path: Path) -> None:
    _kill_many(tmp_path, times=10)


def _kill_many(folder: Path, *, times: int) -> None:
    moments = [one for part in range(times) for one in drawn(random.Random(SEED + part), alone=part % 2 == 1)]
    found = aftermath.in_two_projects(folder, moments, _kill_in_turn)
    total = sum(found.values())
    print(f"seed {SEED}: killed at {total} moments: {', '.join(f'{n} in {phase}' for phase, n in found.items())}")
    assert total >= 25 * times
    assert min(found[phase] for phase in PHASES) >= LEAST * times


def drawn(chance: random.Random, *, alone: bool) -> list[Moment]:
    """Moments of every phase, in random order; `alone`: the client's own processes are not killed with it."""
    moments = [
        *(Moment("bundle", step=chance.randint(low, low + 7)) for low in (1, 9, 17, 25, 33)),
        *(Moment("push", step=step) for step in chance.sample(range(1, 50), 3)),
        *(Moment("push", there=sign) for sign in chance.sample(("incoming", "incoming/bundle/rows.txt", "."), 2)),
        *(Moment("launch", step=step) for step in chance.sample(range(1, 15), 2)),
        *(Moment("launch", there=sign) for sign in ("rows.txt", "lock", "events.jsonl")),
        *(Moment("follow", there="events.jsonl", told=told) for told in chance.sample(TOLD, 4)),
        Moment("follow", time=2),
        Moment("pull", step=chance.randint(1, 5)),
        *(Moment("collect", step=step) for step in chance.sample(range(1, 16), 3)),
        *(Moment("close", step=step) for step in chance.sample(range(1, 24), 2)),
    ]
    return [replace(moment, alone=alone) for moment in chance.sample(moments, len(moments))]


def _kill_in_turn(folder: Path, moments: Sequence[Moment]) -> list[str]:
    """The phases that the kills fell into, in a project of its own; all is checked after each of them."""
    tree = _project(folder)
    results: list[tuple[str, str, str]] = []
    phases = []
    for number, moment in enumerate(moments):
        phase, batch = _kill_once(tree, moment, number)
        phases.append("collect" if phase == "close" else phase)
        results += [(run, batch, _prompt(run, number)) for run in RUNS]
        _check(tree, results)
    _check_history(tree, results)
    _check_temps(tree)
    return phases


def _project(folder: Path) -> Tree:
    root = folder / "project"
    root.mkdir(parents=True)
    tree = aftermath.swift(Tree(root, folder / "home"))
    tree.config(CONFIG)
    clips.scene(root / "inputs/videos/city")
    for run in RUNS:
        tree.run(run, prompt=f"ps_{run}")
    return tree


def _prompt(run: str, number: int) -> str:
    return f"{run} for the {number}th time"


def _kill_once(tree: Tree, moment: Moment, number: int) -> tuple[str, str]:
    """(the phase in which the client was killed, the batch that brought the results afterwards)."""
    for run in RUNS:
        tree.prompt(f"ps_{run}", _prompt(run, number))
    before = _names(tree)
    phase = aftermath.killed(tree, moment, "batch", *RUNS, "--batch-name", f"k{number}")
    if _names(tree) == before:
        tree.cli("batch", *RUNS, "--batch-name", f"k{number}")
    [batch] = _names(tree) - before
    tree.cli("attach", batch)
    return phase, batch


def _names(tree: Tree) -> set[str]:
    return {path.name for path in tree.paths.batches.iterdir()} if tree.paths.batches.exists() else set()


def _check(tree: Tree, results: Sequence[tuple[str, str, str]]) -> None:
    """The newest results are the runs' own, the earlier ones are in history, and each row was made just once."""
    for run, batch, prompt in results[-len(RUNS) :]:
        aftermath.assert_right_result(tree.run_paths(run).preview, run=run, batch=batch, prompt=prompt)
        earlier = {kept for one, kept, _ in results if one == run} - {batch}
        assert {folder.name for folder in tree.run_paths(run).history.glob("*")} == earlier
    assert aftermath.rows_done(tree) == Counter(aftermath.named(prompt for _, _, prompt in results))
    aftermath.assert_nothing_left_over(tree)


def _check_history(tree: Tree, results: Sequence[tuple[str, str, str]]) -> None:
    for run, batch, prompt in results[: -len(RUNS)]:
        aftermath.assert_right_result(tree.run_paths(run).kept(batch), run=run, batch=batch, prompt=prompt)


def _check_temps(tree: Tree) -> None:
    """What killed writers left is gone once it is old and its place is written to again."""
    for temp in aftermath.half_written(tree):
        long_ago = time.time() - 3600
        os.utime(temp, (long_ago, long_ago))
    tree.cli("batch", *RUNS, "--batch-name", "last")
    assert aftermath.half_written(tree) == []

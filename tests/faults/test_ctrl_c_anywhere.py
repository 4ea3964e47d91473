"""Ctrl-C at every kind of moment of a command with two batches: each is named with what is true of it.

`make soak` (COSMOSCTL_SOAK=1) presses ten times as often.
"""

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from cosmosctl.errors import EXIT_INTERRUPTED, EXIT_OK
from tests import clips
from tests.conftest import CONFIG
from tests.support import aftermath
from tests.support.killed_client import Moment
from tests.support.tree import Tree

SEED = 20261129
FAMILIES = {"rs_a": "transfer1", "rs_b": "cosmos3"}
FREE = ("nothing was started", "free again")
WORDS = ("goes on by itself", "go on by themselves", "may have been started", "not everything is home", "had ended")


def test_ctrl_c_tells_of_each_batch_what_became_of_it(tmp_path: Path) -> None:
    _press_many(tmp_path, times=1)


@pytest.mark.soak
@pytest.mark.skipif("COSMOSCTL_SOAK" not in os.environ, reason="COSMOSCTL_SOAK is not set; make soak sets it")
def test_ctrl_c_tells_the_truth_ten_times_as_often(tmp_path: Path) -> None:
    _press_many(tmp_path, times=10)


def _press_many(folder: Path, *, times: int) -> None:
    moments = [one for part in range(times) for one in drawn(random.Random(SEED + part))]
    found = aftermath.in_two_projects(folder, moments, _press_in_turn)
    print(f"seed {SEED}: Ctrl-C at {', '.join(f'{n} moments in {phase}' for phase, n in found.items())}")
    assert sum(found.values()) >= 15 * times
    assert {"bundle", "push", "launch", "follow", "collect", "close"} <= found.keys()


def drawn(chance: random.Random) -> list[Moment]:
    """Moments of each phase: at the beginning, before some step, when the host tells something."""
    drawn = [
        *(("bundle", 1, chance.randint(low, low + 20), "") for low in (1, 21, 41)),
        *(("push", time, chance.randint(1, 20), "") for time in (1, 2)),
        *(("launch", time, step, "") for time in (1, 2) for step in (0, chance.randint(1, 6))),
        *(("follow", time, 0, "") for time in (1, 2)),
        *(("follow", time, chance.randint(1, 6), "") for time in (1, 2)),
        *(("follow", 1, 0, told) for told in chance.sample(("process_start", "loaded", "run_done", "batch_done"), 2)),
        *(("collect", time, chance.randint(1, 15), "") for time in (1, 2)),
        *(("close", time, chance.randint(1, 24), "") for time in (1, 2)),
    ]
    moments = [
        Moment(phase, time=time, step=step, there="events.jsonl" if told else "", told=told, ctrl_c=True)
        for phase, time, step, told in drawn
    ]
    return chance.sample(moments, len(moments))


def _press_in_turn(folder: Path, moments: Sequence[Moment]) -> list[str]:
    """The phases that Ctrl-C fell into, in a project of its own."""
    root = folder / "project"
    root.mkdir(parents=True)
    tree = aftermath.swift(Tree(root, folder / "home"))
    tree.config(CONFIG)
    clips.scene(root / "inputs/videos/city")
    found = [_press_once(tree, moment, number) for number, moment in enumerate(moments)]
    return [phase for phase in found if phase]


def _press_once(tree: Tree, moment: Moment, number: int) -> str:
    """The phase, or nothing where the command had ended before; all has its result afterwards, made once."""
    for run, family in FAMILIES.items():
        tree.prompt(f"ps_{run}", f"{run} for the {number}th time")
        tree.run(run, prompt=f"ps_{run}", more=f"model: {family}\n")
    before = _names(tree)
    process, facts = aftermath.struck(tree, moment, "batch", *FAMILIES, "--batch-name", f"k{number}")
    if "killed_in" not in facts:
        assert process.returncode == EXIT_OK, process.stderr
        return ""
    assert process.returncode == EXIT_INTERRUPTED, process.stderr
    assert "error:" not in process.stderr, process.stderr
    _assert_true(tree, process.stderr, _names(tree) - before)
    tree.cli("attach")
    if free := [run for run, state in aftermath.states(tree).items() if state != "done"]:
        tree.cli("batch", *free, "--batch-name", f"again{number}")
    assert set(aftermath.states(tree).values()) == {"done"}
    assert all(times == 1 for times in aftermath.rows_done(tree).values())
    aftermath.assert_nothing_left_over(tree)
    return str(facts["killed_in"])


def _assert_true(tree: Tree, words: str, made: set[str]) -> None:
    """Each batch that goes on is named, with how to come back; where none is, that nothing was started."""
    open_ = {name for name in made if not tree.paths.batch(name).end.exists()}
    for name in open_:
        assert any(name in line and any(one in line for one in WORDS) for line in words.splitlines()), words
        assert "cosmosctl attach" in words, words
    if not open_:
        assert any(one in words for one in (*FREE, "had ended")), words


def _names(tree: Tree) -> set[str]:
    return {path.name for path in tree.paths.batches.iterdir()} if tree.paths.batches.exists() else set()

"""Which result, failure and batch is the newest: what follows from what each batch knew, never from a clock."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from cosmosctl.domain.layout import BatchPaths
from cosmosctl.domain.order import descends, newest
from cosmosctl.results.batch_end import read_end
from cosmosctl.results.receipts import read_receipt
from cosmosctl.state import estimates, states
from cosmosctl.state.estimates import RECENT
from tests.support.aftermath import faults
from tests.support.tree import Tree, on_this_machine
from tests.support.wrong_clock import HostClock

DAY_S = 86_400
FAST = {"COSMOSCTL_PREVIEW_ROW_S": "0.02"}


@dataclass(frozen=True)
class Known:
    batch: str
    parents: tuple[str, ...] = ()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A project with one run on the built-in host, whose clock can be set."""
    tree = on_this_machine(tmp_path, FAST)
    tree.run("rs_one")
    return tree


@pytest.mark.parametrize("wrong_by_s", [DAY_S, -DAY_S, 10 * 365 * DAY_S])
def test_a_host_whose_clock_was_wrong_once_orders_nothing(tree: Tree, wrong_by_s: int) -> None:
    clock = HostClock(tree)
    clock.set(wrong_by_s)
    tree.cli("batch", env=clock.env)
    clock.correct()
    tree.run("rs_one", controls="{edge: 0.7}")
    assert tree.states() == {"rs_one": "changed"}
    tree.cli("batch", "--changed", env=clock.env)
    assert tree.states() == {"rs_one": "done"}
    first, second = (paths.name for paths in states.batches(tree.paths))
    receipt = read_receipt(tree.run_paths("rs_one").preview.receipt)
    assert receipt is not None
    assert receipt.batch == second
    assert [one.name for one in tree.run_paths("rs_one").history.iterdir()] == [first]


def test_a_failure_of_a_host_whose_clock_was_ahead_does_not_outlive_a_good_retry(tree: Tree) -> None:
    clock = HostClock(tree)
    tree.cli("batch", env=clock.env)
    tree.run("rs_one", controls="{edge: 0.7}")
    clock.set(DAY_S)
    tree.cli("batch", "--changed", env={**clock.env, **faults("gpu-oom")}, expect=1)
    assert tree.states() == {"rs_one": "gpu-oom"}
    clock.correct()
    tree.cli("retry", "rs_one", env=clock.env)
    assert tree.states() == {"rs_one": "done"}


def test_a_failure_after_a_result_counts_although_the_clock_was_set_back_in_between(tree: Tree) -> None:
    clock = HostClock(tree)
    clock.set(DAY_S)
    tree.cli("batch", env=clock.env)
    tree.run("rs_one", controls="{edge: 0.7}")
    clock.correct()
    tree.cli("batch", "--changed", env={**clock.env, **faults("gpu-oom")}, expect=1)
    assert tree.states() == {"rs_one": "gpu-oom"}


def test_a_batch_names_what_it_comes_after_also_when_history_was_removed(tree: Tree) -> None:
    for weight in ("0.5", "0.6", "0.7"):
        tree.run("rs_one", controls=f"{{edge: {weight}}}")
        tree.cli("batch", "rs_one")
        shutil.rmtree(tree.run_paths("rs_one").preview.root.parent / "history", ignore_errors=True)
    first, second, third = (paths.name for paths in states.batches(tree.paths))
    receipt = read_receipt(tree.run_paths("rs_one").preview.receipt)
    assert receipt is not None
    assert (receipt.batch, receipt.number, receipt.parents) == (third, 3, tuple(sorted((first, second))))


def test_batches_are_listed_and_printed_in_the_order_in_which_they_were_made(tree: Tree) -> None:
    for name in ("zebra", "yak", "ant"):
        tree.cli("batch", "rs_one", "--batch-name", name)
    _rename_as_if_made_before(tree, "ant")  # on a machine whose clock was behind
    listed = [row["id"].split("_")[0] for row in json.loads(tree.cli("list", "batches", "--json").out)]
    assert listed == ["zebra", "yak", "ant"]
    newest_batch = states.batches(tree.paths)[-1]
    assert tree.cli("logs").out == newest_batch.log.read_text(encoding="utf-8")
    past = [line.split()[4].split("_")[0] for line in tree.cli("log").lines]
    assert past == ["ant", "yak", "zebra"]


def test_estimates_go_by_the_newest_batches_whatever_their_names(tree: Tree) -> None:
    tree.cli("batch", "--batch-name", "first")
    [first] = tree.batches()
    for number in range(2, 2 + 2 * RECENT):
        is_new = number >= 2 + RECENT
        title = "ant" if is_new else "zebra"
        _copy_of(first, f"{title}{number}_20260101_000000", number=number, seconds=2.0 if is_new else 1000.0)
    past = estimates.past(states.batches(tree.paths), host="local", model="transfer1")
    end = read_end(first.end)
    assert past is not None and end is not None
    assert past.frame_s == 2.0 / end.frames["rs_one"]


def test_a_receipt_of_an_earlier_version_is_followed_by_what_comes_after_it(tree: Tree) -> None:
    tree.cli("batch")
    receipt = tree.run_paths("rs_one").preview.receipt
    kept = [line for line in receipt.read_text().splitlines(keepends=True) if line.split(":")[0] not in _NEW_KEYS]
    receipt.write_text("".join(kept))
    assert tree.states() == {"rs_one": "done"}
    tree.run("rs_one", controls="{edge: 0.7}")
    tree.cli("batch", "--changed", env=faults("gpu-oom"), expect=1)
    assert tree.states() == {"rs_one": "gpu-oom"}
    tree.cli("retry")
    assert tree.states() == {"rs_one": "done"}


def test_of_attempts_that_do_not_know_each_other_the_first_that_is_given_counts() -> None:
    one, other = Known("a"), Known("b")
    assert not descends(one, other)
    assert newest([one, other]) == one
    assert newest([other, one]) == other
    assert newest([None, None]) is None


def test_the_newest_descends_from_the_others_wherever_it_stands() -> None:
    old, middle, new = Known("z"), Known("y", ("z",)), Known("a", ("y", "z"))
    for order in ((old, middle, new), (new, middle, old), (middle, new, old)):
        assert newest(order) == new


def test_attempts_that_each_claim_to_come_after_the_other_leave_the_first_in_place() -> None:
    assert newest([Known("a", ("b",)), Known("b", ("a",))]) == Known("a", ("b",))


_NEW_KEYS = ("number", "parents")


def _copy_of(batch: BatchPaths, name: str, *, number: int, seconds: float) -> None:
    """An ended batch like `batch`, made as the `number`th, whose videos took so many seconds each."""
    copy = BatchPaths(batch.root.with_name(name))
    shutil.copytree(batch.root, copy.root)
    for file in (copy.whole, copy.plan, copy.end):
        text = re.sub(r'(number"?: )1\b', rf"\g<1>{number}", file.read_text().replace(batch.name, name))
        file.write_text(re.sub(r"(video_s:\n  rs_one: )[0-9.]+", rf"\g<1>{seconds}", text))


def _rename_as_if_made_before(tree: Tree, title: str) -> None:
    """The batch gets the name that a clock a year behind would have given it."""
    [root] = tree.paths.batches.glob(f"{title}_*")
    name = f"{title}_20200101_000000"
    root.rename(root.with_name(name))
    for file in (*tree.paths.batch(name).root.rglob("*"), tree.run_paths("rs_one").preview.receipt):
        if file.suffix in (".yaml", ".json"):
            file.write_text(file.read_text().replace(root.name, name))

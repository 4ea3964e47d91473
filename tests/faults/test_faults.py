"""What the model program does wrong, through the whole client: who is to blame, who is tried again, what is kept."""

import json
import random
from collections import Counter

import pytest

from cosmosctl.media.probe import probe
from tests.stage import call_log
from tests.support import aftermath
from tests.support.clock import Clock
from tests.support.killed_client import Moment
from tests.support.tree import Tree
from tests.support.waiting import wait_until

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SEED = 20261122


def test_a_block_and_a_crash_with_the_client_killed_after_the_launch_then_success(tree: Tree) -> None:
    five = _project(tree, 5)
    name = _launched_and_killed(five, "block:two,crash_once:four")
    five.cli("attach", name, expect=1)
    assert _states(five) == ["done", "blocked", "done", "done", "done"]
    assert _begun(five) == [1, 1, 1, 2, 1]
    assert aftermath.model_starts(five) == 4  # after the block, after the crash, and once more for the crashed one
    for position in (1, 3, 4, 5):
        _assert_right(five, position, name)
    aftermath.assert_nothing_left_over(five)


def test_a_block_and_a_crash_that_comes_again(tree: Tree) -> None:
    five = _project(tree, 5)
    name = _launched_and_killed(five, "block:two,crash:four")
    told = five.cli("attach", name, expect=1).out
    assert _states(five) == ["done", "blocked", "done", "model-error", "done"]
    assert _begun(five) == [1, 1, 1, 2, 1]
    assert "CUDA error: an illegal memory access was encountered" in told
    assert "cosmosctl retry rs_04" in told
    paths = five.run_paths("rs_04")
    assert "illegal memory access" in paths.preview.execution_log.read_text()
    assert paths.preview.batch_log.read_bytes() == five.paths.batch(name).log.read_bytes()


def test_a_failure_before_the_first_row_of_twenty_starts_the_model_once(tree: Tree) -> None:
    tree = aftermath.swift(tree)
    for number in range(20):
        tree.run(f"rs_{number:02d}")
    told = tree.cli("batch", env=aftermath.faults("before-first"), expect=1).out
    assert set(aftermath.states(tree).values()) == {"model-error"}
    assert aftermath.model_starts(tree) == 1
    assert told.count("ended before the first row") == 20
    assert all(tree.run_paths(f"rs_{number:02d}").preview.batch_log.exists() for number in range(20))


def test_each_way_to_fail_has_its_reason_and_costs_no_other_run_its_result(tree: Tree) -> None:
    """A good row after each bad one: three crashes in a row would stop the group."""
    ten = _project(tree, 10)
    faults = "gpu-oom:one,signal-11:three,broken:five,no-prompt:seven,bad-input:nine"
    told = ten.cli("batch", env=aftermath.faults(faults), expect=1).out
    assert _states(ten)[1::2] == ["done"] * 5
    assert _states(ten)[0::2] == ["gpu-oom", "model-error", "bad-output", "bad-output", "bad-input"]
    assert _begun(ten) == [1, 1, 2, 1, 1, 1, 1, 1, 1, 1]
    assert "set offload_models: true" in told
    kept = ten.run_paths("rs_05").kept(ten.batches()[0].name).root / "refused"
    assert [path.name for path in kept.rglob("output.mp4")] == ["output.mp4"]


def test_a_killed_model_is_the_hosts_memory_and_is_tried_again(tree: Tree) -> None:
    two = _project(tree, 2)
    two.cli("batch", env=aftermath.faults("signal-9:one"), expect=1)
    assert _states(two) == ["host-oom", "done"]
    assert _begun(two) == [2, 1]


def test_a_model_that_falls_silent_is_ended(tree: Tree) -> None:
    """The limit lies in the plan that travels; the clock of the supervisor is put forward."""
    two = _project(tree, 2)
    aftermath.killed(two, Moment("push"), "batch")
    plan = two.batches()[0].plan
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "stall_s": 3600, "grace_s": 1}))
    two.cli("host", "allow", "--batch", two.batches()[0].name)  # a plan that was changed is not what was made here
    clock = Clock(two.home / "clock")
    client = aftermath.Client(two, "attach", env={**aftermath.faults("silence:one"), **clock.env})
    wait_until(lambda: aftermath.rows_begun(two), "the row that falls silent")
    events = aftermath.host_folder(two) / "events.jsonl"
    clock.put_forward_until(lambda: '"ev":"process_end"' in events.read_text(), by_s=3601)
    done = client.end()
    assert done.code == 1, done.err
    assert _states(two) == ["stalled", "done"]
    assert "nothing was written for 3600 s" in done.out
    aftermath.assert_nobody_left(two)


@pytest.mark.parametrize("layout", ["flat", "flat1"])
def test_the_layouts_of_older_releases_are_mapped_to_their_runs(tree: Tree, layout: str) -> None:
    three = _project(tree, 3)
    three.cli("batch", env=aftermath.faults(layout))
    for position in (1, 2, 3):
        _assert_right(three, position, three.batches()[0].name)


def test_a_short_video_is_done_with_a_warning(tree: Tree) -> None:
    tree.run("rs_01")
    told = tree.cli("batch", env=aftermath.faults("short")).out
    video = tree.run_paths("rs_01").preview.outputs / "output.mp4"
    assert (aftermath.states(tree), probe(video).frames) == ({"rs_01": "done"}, 4)
    assert "the video has 4 frames, 9 were expected" in told


def test_a_later_attempt_that_fails_keeps_the_earlier_result(tree: Tree) -> None:
    one = _project(tree, 1)
    one.cli("batch")
    place = one.run_paths("rs_01").preview
    before = {path.name: path.read_bytes() for path in place.root.rglob("*") if path.is_file()}
    one.cli("batch", "rs_01", "--batch-name", "again", env=aftermath.faults("block"), expect=1)
    after = {path.name: path.read_bytes() for path in place.root.rglob("*") if path.is_file()}
    assert after == before
    assert "rs_01  blocked, earlier result kept (" in one.cli("status").out
    kept = one.run_paths("rs_01").kept(one.batches()[0].name)
    assert "Guardrail blocked" in kept.execution_log.read_text()
    one.cli("retry")
    assert _states(one) == ["done"]


def test_a_video_that_changes_on_the_host_is_fetched_again_then_refused_and_kept(tree: Tree) -> None:
    two = _project(tree, 2)
    name = two.cli("batch", "--detach").out.strip()
    folder = aftermath.host_folder(two)
    aftermath.until_told(folder, "batch_done")
    (folder / "done/rs_01/output.mp4").write_bytes(b"something else")
    done = two.cli("attach", name, env={"COSMOSCTL_LOG_LEVEL": "DEBUG"}, expect=1)
    assert "output.mp4 differs from what the host has, 3 times in a row" in done.out
    pulls = done.err.count("--include-from")
    assert pulls in (3, 4)  # three for the video; one for the last of the logs, if the job was not seen to end before
    assert _states(two) == ["bad-output", "done"]
    kept = two.run_paths("rs_01").kept(name).root / "refused"
    assert (kept / "output.mp4").read_bytes() == b"something else"
    assert (kept / "prompt.txt").read_text() == _prompt("one")


def test_supervise_killed_again_and_again_computes_no_finished_row_twice(tree: Tree) -> None:
    ten = _project(tree, 10)
    chance = random.Random(SEED)
    client = aftermath.Client(ten, "batch", env=aftermath.faults(",".join(f"held:{number}" for number in NUMBERS)))
    for row, number in enumerate(NUMBERS, start=1):
        _until_begun(ten, row)
        if row < len(NUMBERS) and chance.random() < 0.5:
            aftermath.let_go(ten, number)
            _until_done(ten, row)
        assert aftermath.kill_supervisor(ten) == 1
        aftermath.let_go(ten, number)
    done = client.end()
    assert done.code == 0, done.err
    assert _states(ten) == ["done"] * 10
    assert aftermath.rows_done(ten) == Counter(aftermath.named(map(_prompt, NUMBERS)))
    aftermath.assert_nothing_left_over(ten)


def _until_begun(tree: Tree, row: int) -> None:
    """Until so many rows have begun, and the supervisor of that number lives: each before it was killed."""
    batches = tree.home / "cosmosctl" / "batches"

    def told() -> str:
        return "".join(file.read_text() for file in batches.glob("*/events.jsonl"))

    wait_until(
        lambda: min(told().count(f'"ev":"{name}"') for name in ("batch_start", "row_start")) >= row, f"row {row}"
    )


def _until_done(tree: Tree, rows: int) -> None:
    """Until the model has finished so many rows, whether a supervisor has seen it or not."""
    wait_until(lambda: sum(aftermath.rows_done(tree).values()) >= rows, f"{rows} rows to be done")


def _project(tree: Tree, count: int) -> Tree:
    """So many runs, rs_01 and so on, each with a prompt of its own that holds its number as a word."""
    for position, number in enumerate(NUMBERS[:count], start=1):
        tree.prompt(f"ps_{position:02d}", _prompt(number))
        tree.run(f"rs_{position:02d}", prompt=f"ps_{position:02d}")
    return aftermath.swift(tree)


def _prompt(number: str) -> str:
    return f"scene {number}"


def _assert_right(tree: Tree, position: int, batch: str) -> None:
    run = f"rs_{position:02d}"
    place, prompt = tree.run_paths(run).preview, _prompt(NUMBERS[position - 1])
    aftermath.assert_right_result(place, run=run, batch=batch, prompt=prompt)


def _launched_and_killed(tree: Tree, faults: str) -> str:
    """The name of a batch whose client was killed right after the launch."""
    assert aftermath.killed(tree, Moment("follow"), "batch", env=aftermath.faults(faults)) == "follow"
    return tree.batches()[0].name


def _states(tree: Tree) -> list[str]:
    """The state of each run, or the reason why it failed, in their order."""
    return [state for _, state in sorted(aftermath.states(tree).items())]


def _begun(tree: Tree) -> list[int]:
    """How often the model began each run, in their order."""
    begun = aftermath.rows_begun(tree)
    return [begun[call_log.sha256(_prompt(number))] for number in NUMBERS[: len(aftermath.states(tree))]]

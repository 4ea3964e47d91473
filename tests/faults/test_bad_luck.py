"""Full disks, read-only folders, two commands at once, files that change under a batch: a clear word, nothing lost."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cosmosctl.domain.batch import batch_name
from tests.support import aftermath
from tests.support.aftermath import PROMPTS, Client
from tests.support.disks import Filler, mount, mounted, small_disk
from tests.support.killed_client import Moment
from tests.support.tree import Tree
from tests.support.waiting import wait_until


def test_a_read_only_project_can_be_looked_at_and_says_why_it_runs_nothing(three: Tree) -> None:
    three.cli("batch", "rs_a")
    with mounted("--bind", str(three.root), at=three.root):
        mount("-o", "remount,bind,ro", str(three.root))
        before = aftermath.states(three)
        assert before == {"rs_a": "done", "rs_b": "pending", "rs_c": "pending"}
        for command in (("batch",), ("create", "run", "ps_rs_a", "--weights", "0", "1", "0", "0")):
            told = three.cli(*command, expect=3).err
            assert "the file system is read-only" in told
            assert "findmnt -T" in told
        assert aftermath.states(three) == before
        assert ": 1 run\n" in three.cli("logs").out
    three.cli("batch")
    assert set(aftermath.states(three).values()) == {"done"}


def test_a_disk_that_is_full_while_bundling_leaves_no_batch_behind(three: Tree) -> None:
    with _small_disk(three, three.root) as filler:
        filler.fill()
        told = three.cli("batch", expect=3).err
        assert "there is no space left on the disk" in told
        assert "df -h" in told
        assert set(aftermath.states(three).values()) == {"pending"}
        filler.free()
        three.cli("batch")
        _assert_all_right(three)


def test_a_disk_that_is_full_on_the_host_is_told_before_anything_is_sent(three: Tree) -> None:
    (three.home / "cosmosctl").mkdir()
    with _small_disk(three, three.home / "cosmosctl", mib=60) as filler:
        filler.fill(keep_kib=40 << 10)
        told = three.cli("batch", expect=4).err
        assert "has 40 MiB left, the batch needs about 48" in told
        assert "cosmosctl batch rs_a rs_b rs_c" in told
        assert set(aftermath.states(three).values()) == {"pending"}
        filler.free()
        three.cli("batch")
        _assert_all_right(three)


def test_a_host_whose_disk_fills_up_while_sending_goes_on_when_there_is_room(three: Tree) -> None:
    host = three.home / "cosmosctl"
    host.mkdir()
    with _small_disk(three, host, mib=60) as filler:
        fills = f"case $* in *--compare-dest*) head -c 99M /dev/zero >{host}/filler ;; esac"
        told = three.cli("batch", env=aftermath.programs(three, rsync=fills), expect=4).err
        assert "No space left on device" in told
        assert f"cosmosctl attach {three.batches()[0].name}" in told
        assert set(aftermath.states(three).values()) == {"queued"}
        filler.free()
        three.cli("attach")
        _assert_all_right(three)
    assert aftermath.model_starts(three) == 1


def test_a_disk_that_is_full_while_collecting_loses_nothing(three: Tree) -> None:
    with _small_disk(three, three.root) as filler:
        name = three.cli("batch", "--detach").out.strip()
        _until_ended(three)
        for keep_kib in (0, 4, 12, 24, 40):
            filler.fill(keep_kib=keep_kib)
            told = three.cli("attach", name, expect=3).err
            assert "there is no space left on the disk" in told
            filler.free()
        three.cli("attach", name)
        _assert_all_right(three)
    assert aftermath.rows_done(three) == Counter(aftermath.named(PROMPTS.values()))


def test_a_run_is_never_in_two_live_batches(three: Tree) -> None:
    words = [("batch", *PROMPTS, "--batch-name", name) for name in "xyz"]  # unnamed they are pending no more, for some
    clients = [Client(three, *one, env=aftermath.faults("held")) for one in words]
    wait_until(lambda: sum(client.has_ended() for client in clients) == 2, "two of them to be refused")
    aftermath.let_go(three)
    done = sorted((client.end() for client in clients), key=lambda one: one.code)
    assert [one.code for one in done] == [0, 2, 2]
    assert len(three.batches()) == 1
    name = three.batches()[0].name
    for refused in done[1:]:
        assert f"error: rs_a is in batch {name}, which has not ended" in refused.err
        assert f"cosmosctl attach {name}, or cosmosctl cancel {name}" in refused.err
    _assert_all_right(three)
    assert aftermath.rows_begun(three) == Counter(aftermath.named(PROMPTS.values()))


def test_batches_of_different_runs_go_side_by_side(three: Tree) -> None:
    clients = [Client(three, "batch", run, "--batch-name", run) for run in PROMPTS]
    for client in clients:
        done = client.end()
        assert done.code == 0, done.err
    assert aftermath.states(three) == dict.fromkeys(PROMPTS, "done")
    assert aftermath.rows_done(three) == Counter(aftermath.named(PROMPTS.values()))


def test_a_batch_of_the_same_name_in_the_same_second_takes_the_next_free_second(three: Tree) -> None:
    now = datetime.now(UTC)
    taken = [batch_name("night", now + timedelta(seconds=second)) for second in range(600)]
    for name in taken:
        (three.paths.batches / name).mkdir(parents=True)
    three.cli("batch", "--batch-name", "night")
    (made,) = {folder.name for folder in three.paths.batches.iterdir()} - set(taken)
    assert made == batch_name("night", now + timedelta(seconds=600))
    assert aftermath.states(three) == dict.fromkeys(PROMPTS, "done")


def test_runs_removed_renamed_and_copied_while_their_batch_runs(three: Tree) -> None:
    runs = three.paths.runs
    client = Client(three, "batch", env=aftermath.faults("held:first"))
    client.wait_for("phase: follow")
    shutil.rmtree(runs / "rs_a")
    (runs / "rs_b").rename(runs / "rs_renamed")
    shutil.copytree(runs / "rs_c", runs / "rs_copy")
    aftermath.let_go(three)
    done = client.end()
    assert done.code == 0, done.err

    name = three.batches()[0].name
    unclaimed = three.paths.batch(name).unclaimed
    for run in ("rs_a", "rs_b"):
        place = three.paths.run(run).preview.root.relative_to(runs)
        found = replace(three.paths.run(run).preview, root=unclaimed / place)
        aftermath.assert_right_result(found, run=run, batch=name, prompt=PROMPTS[run])
        assert f"batches/{name}/unclaimed/{run}/preview/outputs/output.mp4" in done.out
    assert aftermath.states(three) == {"rs_c": "done", "rs_copy": "pending", "rs_renamed": "pending"}
    assert three.cli("attach", name).code == 0


def test_runs_renamed_and_copied_after_their_batch(three: Tree) -> None:
    three.cli("batch")
    runs = three.paths.runs
    (runs / "rs_b").rename(runs / "rs_renamed")
    shutil.copytree(runs / "rs_c", runs / "rs_copy")
    assert aftermath.states(three) == {"rs_a": "done", "rs_c": "done", "rs_copy": "pending", "rs_renamed": "done"}
    assert three.cli("attach", three.batches()[0].name).out.count("  done  ") == 3
    three.cli("batch")
    copied, kept = three.run_paths("rs_copy"), three.batches()[0].name
    aftermath.assert_right_result(copied.kept(kept), run="rs_c", batch=kept, prompt=PROMPTS["rs_c"])
    aftermath.assert_right_result(copied.preview, run="rs_copy", batch=three.batches()[1].name, prompt=PROMPTS["rs_c"])
    assert set(aftermath.states(three).values()) == {"done"}


@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_an_input_that_is_not_there_any_more_when_the_batch_is_sent(three: Tree, how: str) -> None:
    aftermath.killed(three, Moment("push"), "batch")
    video = three.root / "inputs/videos/city/color.mp4"
    before, name = video.read_bytes(), three.batches()[0].name
    video.unlink()
    if how == "edited":
        video.write_bytes(before[:-1] + b"\0")  # as long as before
    told = three.cli("attach", name, expect=3).err
    word = {"edited": "was changed", "deleted": "is gone"}[how]
    assert f"inputs/videos/city/color.mp4 {word} since {name} was made" in told
    assert f"cosmosctl cancel {name} and batch again" in told
    assert aftermath.model_starts(three) == 0

    video.write_bytes(before)
    three.cli("attach", name)
    _assert_all_right(three)


def test_an_input_that_is_edited_once_it_was_sent_changes_no_running_batch(three: Tree) -> None:
    aftermath.killed(three, Moment("launch", there="events.jsonl", told="inputs_checked"), "batch")
    video = three.root / "inputs/videos/city/color.mp4"
    video.unlink()
    three.cli("attach")
    video.write_bytes((three.root / "inputs/videos/city/depth.mp4").read_bytes())
    assert set(aftermath.states(three).values()) == {"changed"}
    for run, prompt in PROMPTS.items():
        batch = three.batches()[0].name
        aftermath.assert_right_result(three.run_paths(run).preview, run=run, batch=batch, prompt=prompt)


def test_a_torn_receipt_is_told_and_loses_no_video(three: Tree) -> None:
    three.cli("batch", "rs_a")
    place = three.run_paths("rs_a").preview
    video = (place.outputs / "output.mp4").read_bytes()
    place.receipt.write_bytes(place.receipt.read_bytes()[:100])
    assert aftermath.states(three)["rs_a"] == "damaged"
    three.cli("batch", "rs_a")
    kept = three.run_paths("rs_a").kept("unnamed").outputs / "output.mp4"
    assert (aftermath.states(three)["rs_a"], kept.read_bytes()) == ("done", video)


@contextmanager
def _small_disk(tree: Tree, folder: Path, *, mib: int = 2) -> Iterator[Filler]:
    with small_disk(folder, tree.home / "before", mib=mib) as filler:
        yield filler
        aftermath.assert_nobody_left(tree)


def _until_ended(tree: Tree) -> None:
    aftermath.until_told(aftermath.host_folder(tree), "batch_done")


def _assert_all_right(tree: Tree) -> None:
    assert aftermath.states(tree) == dict.fromkeys(PROMPTS, "done")
    batch = tree.batches()[-1].name
    for run, prompt in PROMPTS.items():
        aftermath.assert_right_result(tree.run_paths(run).preview, run=run, batch=batch, prompt=prompt)
    aftermath.assert_nothing_left_over(tree)


def test_a_full_disk_is_no_video_that_cannot_be_decoded(three: Tree) -> None:
    """Look copies, controls and comparisons are written while videos are read: which of the two failed is told."""
    three.cli("batch")
    with _small_disk(three, three.root) as filler:
        filler.fill(keep_kib=4)
        told = three.cli("gallery", expect=3).err
        assert "cannot write: there is no space left on the disk" in told
        pair = three.cli("compare", "rs_a", "rs_b", "-o", "both.mp4", expect=3).err
        assert "no space left on the disk" in pair
        assert "decode" not in told + pair
        filler.free()
        three.cli("gallery", "-o", str(three.home / "gallery"))
    stills = [file.name for file in (three.home / "gallery").rglob("*.jpg")]
    assert len(stills) >= 3, "nothing was remembered of the disk that was full"

"""Pulled files into run folders: what is a result, where it goes, and what happens when collecting is cut off."""

import hashlib
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.domain.batch import Batch, BatchRow
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.domain.project import Host
from cosmosctl.events.progress import Progress, RunEnd
from cosmosctl.results import batch_end, collect
from cosmosctl.results.collect import Collected, Moved
from cosmosctl.results.judgement import DamagedCopy
from cosmosctl.results.receipts import read_failure, read_receipt
from tests import clips
from tests.stage import sleep_model

VIDEO = Path(sleep_model.__file__).with_name("sleep_model.mp4").read_bytes()
NOON = 1795262400.0
LOG = b"loading\nrow one\nrow two\n"


@dataclass(frozen=True)
class Desk:
    """A project and a batch of it whose results arrive one by one."""

    project: ProjectPaths
    batch: Batch

    def arrives(self, run: str, files: Mapping[str, bytes] | None = None, *, t: float = NOON) -> RunEnd:
        """The files of a finished run as a pull leaves them, and the event that told of them."""
        given = {"output.mp4": VIDEO + run.encode(), "prompt.txt": f"prompt of {run}".encode()}
        given = given if files is None else dict(files)
        folder = self.project.pulled(self.batch.name) / "done" / run
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in given.items():
            (folder / name).write_bytes(data)
        outputs = [{"path": name, "bytes": len(data), "sha256": _sha(data)} for name, data in given.items()]
        log = {"file": "logs/01-edge.1.log", "begin": 8, "end": 16}
        event = {"ev": "run_done", "t": t, "run": run, "seconds": 1.5, "attempts": 1, "outputs": outputs, "log": log}
        return RunEnd(run, "done", event)

    def fails(self, run: str, reason: str = "blocked", *, left: bytes = b"", t: float = NOON) -> RunEnd:
        """The event of a failed run; `left` is a file that it left behind."""
        kept = []
        if left:
            kept = [f"failed/{run}/01-edge.1/half.mp4"]
            file = self.project.pulled(self.batch.name) / kept[0]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(left)
        event = {"ev": "run_failed", "t": t, "run": run, "reason": reason, "detail": "why", "kept": kept, "log": None}
        return RunEnd(run, "failed", event)

    def collect(self, end: RunEnd) -> Collected:
        return collect.collect(self.project, self.batch, end, Progress())

    def of_batch(self, name: str, **host: Any) -> "Desk":
        """The same project with another batch of the same runs, planned when the results of this one were known."""
        rows = tuple(replace(row, parents=(*row.parents, self.batch.name)) for row in self.batch.rows)
        where, number = replace(self.batch.host, **host), self.batch.number + 1
        return replace(self, batch=replace(self.batch, name=name, host=where, rows=rows, number=number))

    def of_clone(self, name: str) -> "Desk":
        """The same project with a batch of the same runs that knows nothing of this one's results."""
        return replace(self, batch=replace(self.batch, name=name))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return made_desk(tmp_path)


def made_desk(folder: Path) -> Desk:
    project = ProjectPaths(folder / "project")
    runs = ("rs_one", "rs_two")
    for run in runs:
        project.run(run).spec.parent.mkdir(parents=True)
        project.run(run).spec.write_text("prompt: ps_a\n")
    host = Host("lab", "bare", "/data")
    rows = tuple(
        BatchRow(run, "ps_a", "01-edge", f"prompt of {run}", 8, "spec", {"seed": 1}, {}, {}, "color.mp4")
        for run in runs
    )
    desk = Desk(project, Batch("night", "1a2b3c4d", "5f3a91c2", "now", "transfer1", host, rows, (), 1))
    for name in ("night", "later"):
        log = project.pulled(name) / "logs" / "01-edge.1.log"
        log.parent.mkdir(parents=True)
        log.write_bytes(LOG)
    return desk


def test_a_result_lands_in_its_runs_folder_with_log_manifest_and_receipt(desk: Desk) -> None:
    found = desk.collect(desk.arrives("rs_one"))
    place = desk.project.run("rs_one").result
    assert found == Collected("rs_one", "done", "", "", place)
    assert _tree(place.root) == {
        "run.yaml",
        "result.yaml",
        "result.local.yaml",
        "manifest.txt",
        "outputs/output.mp4",
        "outputs/prompt.txt",
        "logs/execution.log",
    }
    assert place.execution_log.read_bytes() == b"row one\n"
    receipt = read_receipt(place.receipt)
    assert receipt is not None
    assert (receipt.run, receipt.batch, receipt.ended) == ("rs_one", "night", "2026-11-21T12:00:00Z")
    assert f"{_sha(VIDEO + b'rs_one')}  " in place.manifest.read_text()


def test_collecting_again_changes_nothing(desk: Desk) -> None:
    end = desk.arrives("rs_one")
    desk.collect(end)
    before = _contents(desk.project.runs)
    assert desk.collect(end).state == "done"
    assert _contents(desk.project.runs) == before


def test_a_later_result_moves_the_earlier_one_to_history_whole(desk: Desk) -> None:
    desk.collect(desk.arrives("rs_one"))
    before = _contents(desk.project.run("rs_one").root)
    later = desk.of_batch("later")
    later.collect(later.arrives("rs_one", t=NOON + 60))
    kept = _contents(desk.project.run("rs_one").kept("night").root)
    beside = before.pop("result.local.yaml")
    assert beside.startswith(before["result.yaml"])
    assert kept == {**{name: data for name, data in before.items() if name != "run.yaml"}, "result.yaml": beside}
    receipt = read_receipt(desk.project.run("rs_one").result.receipt)
    assert receipt is not None
    assert receipt.batch == "later"


def test_a_preview_never_displaces_a_models_result(desk: Desk) -> None:
    desk.collect(desk.arrives("rs_one"))
    before = _contents(desk.project.run("rs_one").root)
    preview = desk.of_batch("later", engine="preview")
    assert preview.collect(preview.arrives("rs_one")).folder == desk.project.run("rs_one").preview
    after = _contents(desk.project.run("rs_one").root)
    assert {name: data for name, data in after.items() if not name.startswith("preview/")} == before


@pytest.mark.parametrize("name", ["output.mp4", "prompt.txt"])
def test_a_copy_that_differs_from_the_hosts_is_fetched_again(desk: Desk, name: str) -> None:
    end = desk.arrives("rs_one")
    (desk.project.pulled("night") / "done/rs_one" / name).write_bytes(b"torn")
    with pytest.raises(DamagedCopy, match=rf"{name} differs from what the host has"):
        desk.collect(end)
    assert _tree(desk.project.run("rs_one").root) == {"run.yaml"}


def test_a_missing_file_and_a_link_are_fetched_again(desk: Desk, tmp_path: Path) -> None:
    end = desk.arrives("rs_one")
    video = desk.project.pulled("night") / "done/rs_one/output.mp4"
    video.rename(tmp_path / "elsewhere.mp4")
    with pytest.raises(DamagedCopy, match=r"output\.mp4 is missing"):
        desk.collect(end)
    video.symlink_to(tmp_path / "elsewhere.mp4")
    with pytest.raises(DamagedCopy, match=r"output\.mp4 is missing"):
        desk.collect(end)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"output.mp4": VIDEO, "prompt.txt": b"another prompt"}, "prompt.txt holds another prompt than the run's"),
        ({"output.mp4": b"no video", "prompt.txt": b"prompt of rs_one"}, "output.mp4 does not decode: "),
        ({"output.mp4": b"", "prompt.txt": b"prompt of rs_one"}, "output.mp4 does not decode: "),
        ({"prompt.txt": b"prompt of rs_one"}, "there is no output.mp4"),
    ],
)
def test_what_is_no_result_is_refused_and_kept_in_history(desk: Desk, files: dict[str, bytes], why: str) -> None:
    found = desk.collect(desk.arrives("rs_one", files))
    assert (found.state, found.reason) == ("failed", "bad-output")
    assert found.detail.startswith(why)
    assert str(desk.project.root) not in found.detail
    paths = desk.project.run("rs_one")
    assert _contents(paths.kept("night").root / "refused") == files
    assert not paths.result.outputs.exists()
    assert desk.collect(desk.arrives("rs_one", files)) == found


@pytest.mark.parametrize("planned", [1, 9, 15])
def test_a_video_that_is_rounded_as_the_model_rounds_is_done_with_a_warning(desk: Desk, planned: int) -> None:
    found = expecting(desk, planned).collect(desk.arrives("rs_one"))
    warning = f"the video has 8 frames, {planned} were expected"
    assert (found.state, found.warnings) == ("done", ("one that was known", warning))


def expecting(desk: Desk, frames: int) -> Desk:
    """The same desk, whose results were planned to have that many frames; they have 8."""
    rows = tuple(replace(row, frames=frames, warnings=("one that was known",)) for row in desk.batch.rows)
    return replace(desk, batch=replace(desk.batch, rows=rows))


@pytest.mark.parametrize("planned", [16, 121])
def test_a_video_of_another_length_is_none_of_the_runs_and_is_not_decoded(desk: Desk, planned: int) -> None:
    garbled = VIDEO.replace(VIDEO[-200:], bytes(200))  # no frame of it would decode
    found = expecting(desk, planned).collect(
        desk.arrives("rs_one", {"output.mp4": garbled, "prompt.txt": b"prompt of rs_one"})
    )
    detail = f"output.mp4 holds 8 frames; {planned} frames were expected"
    assert (found.state, found.reason, found.detail) == ("failed", "bad-output", detail)


def test_a_small_file_of_huge_pictures_is_refused_undecoded(desk: Desk, tmp_path: Path) -> None:
    bomb = clips.color(tmp_path / "bomb.mp4", width=4096, height=4096, frames=2).read_bytes()
    found = desk.collect(desk.arrives("rs_one", {"output.mp4": bomb, "prompt.txt": b"prompt of rs_one"}))
    assert (found.state, found.reason) == ("failed", "bad-output")
    assert found.detail.startswith("output.mp4 has pictures of 4096x4096, more than the 2.1 million pixels")


def test_what_was_looked_at_has_to_be_what_is_moved(desk: Desk) -> None:
    end = desk.arrives("rs_one")
    looked = collect.looked_at(desk.project, desk.batch, end)
    (desk.project.pulled("night") / "done/rs_one/prompt.txt").write_bytes(b"prompt of rs_onf")
    with pytest.raises(Moved):
        collect.collect(desk.project, desk.batch, end, Progress(), looked)
    assert _tree(desk.project.run("rs_one").root) == {"run.yaml"}


def test_what_another_command_brought_home_meanwhile_is_left_alone(desk: Desk) -> None:
    end = desk.arrives("rs_one")
    looked = collect.looked_at(desk.project, desk.batch, end)
    found = desk.collect(end)
    before = _contents(desk.project.runs)
    assert collect.collect(desk.project, desk.batch, end, Progress(), looked) == found
    assert _contents(desk.project.runs) == before


def test_of_what_a_failed_run_left_so_much_is_kept_as_such_a_run_may_make(desk: Desk) -> None:
    end = desk.fails("rs_one", left=b"half a video")
    huge = desk.project.pulled("night") / "failed/rs_one/01-edge.1/huge.mp4"
    huge.touch()
    os.truncate(huge, 3 << 30)
    desk.collect(end)
    kept = desk.project.run("rs_one").kept("night").root / "refused"
    assert _contents(kept) == {"01-edge.1/half.mp4": b"half a video"}


def test_a_failure_beside_a_result_goes_to_history(desk: Desk) -> None:
    desk.collect(desk.arrives("rs_one"))
    before = _contents(desk.project.run("rs_one").root)
    later = desk.of_batch("later")
    found = later.collect(later.fails("rs_one", left=b"half a video"))
    kept = desk.project.run("rs_one").kept("later")
    assert found == Collected("rs_one", "failed", "blocked", "why", kept)
    assert _tree(kept.root) == {"logs/failure.yaml", "refused/01-edge.1/half.mp4"}
    after = _contents(desk.project.run("rs_one").root)
    assert {name: data for name, data in after.items() if not name.startswith("history/")} == before


def test_a_failure_without_a_result_is_noted_in_logs_and_the_next_one_takes_its_place(desk: Desk) -> None:
    desk.collect(desk.fails("rs_one"))
    later = desk.of_batch("later")
    later.collect(later.fails("rs_one", "gpu-oom"))
    paths = desk.project.run("rs_one")
    newest, earlier = read_failure(paths.result.failure), read_failure(paths.kept("night").failure)
    assert newest is not None
    assert earlier is not None
    assert (newest.batch, newest.reason, earlier.reason) == ("later", "gpu-oom", "blocked")


def test_a_failed_preview_is_noted_with_the_previews(desk: Desk) -> None:
    preview = desk.of_batch("night", engine="preview")
    preview.collect(preview.fails("rs_one"))
    paths = desk.project.run("rs_one")
    noted = read_failure(paths.preview.failure)
    assert noted is not None
    assert noted.preview
    assert not paths.result.failure.exists()


def test_the_result_of_a_removed_run_waits_in_unclaimed(desk: Desk) -> None:
    desk.project.run("rs_one").spec.unlink()
    desk.project.run("rs_one").root.rmdir()
    found = desk.collect(desk.arrives("rs_one"))
    unclaimed = desk.project.batch("night").unclaimed / "rs_one"
    assert found.folder == ResultPaths(unclaimed)
    assert found.warnings == ("there is no run rs_one any more; its result waits in batches/night/unclaimed/rs_one",)
    assert not desk.project.run("rs_one").root.exists()
    assert collect.already_here(desk.project, desk.batch, "rs_one") == found


def test_a_result_whose_folder_was_renamed_is_found_there_and_not_collected_twice(desk: Desk) -> None:
    end = desk.arrives("rs_one")
    desk.collect(end)
    desk.project.run("rs_one").root.rename(desk.project.run("rs_new").root)
    assert desk.collect(end).folder == desk.project.run("rs_new").result
    assert not desk.project.batch("night").unclaimed.exists()


def test_a_receipt_that_was_copied_from_another_run_does_not_count(desk: Desk) -> None:
    desk.collect(desk.arrives("rs_one"))
    one, two = desk.project.run("rs_one").result, desk.project.run("rs_two").result
    two.outputs.mkdir()
    (two.outputs / "output.mp4").write_bytes((one.outputs / "output.mp4").read_bytes())
    two.receipt.write_bytes(one.receipt.read_bytes())
    assert collect.already_here(desk.project, desk.batch, "rs_two") is None
    desk.collect(desk.arrives("rs_two"))
    assert (two.outputs / "output.mp4").read_bytes() == VIDEO + b"rs_two"
    kept = desk.project.run("rs_two").kept("night")
    assert (kept.outputs / "output.mp4").read_bytes() == VIDEO + b"rs_one"


@pytest.mark.parametrize("t", [NOON - 60, NOON + 60])
def test_a_result_that_comes_after_the_one_that_is_there_takes_its_place_whatever_the_clock_says(
    desk: Desk, t: float
) -> None:
    desk.collect(desk.arrives("rs_one"))
    later = desk.of_batch("later")
    found = later.collect(later.arrives("rs_one", t=t))
    assert found.folder == desk.project.run("rs_one").result
    assert desk.project.run("rs_one").kept("night").receipt.exists()


def test_of_two_results_that_do_not_know_each_other_the_one_that_is_there_stays(desk: Desk) -> None:
    desk.collect(desk.arrives("rs_one"))
    clone = desk.of_clone("later")
    found = clone.collect(clone.arrives("rs_one", t=NOON + 60))
    assert found.folder == desk.project.run("rs_one").kept("later")
    receipt = read_receipt(desk.project.run("rs_one").result.receipt)
    assert receipt is not None
    assert receipt.batch == "night"


def test_a_batch_of_an_earlier_version_that_names_no_parents_brings_the_newest_result(desk: Desk) -> None:
    desk.collect(desk.arrives("rs_one"))
    legacy = desk.of_clone("later")
    legacy = replace(legacy, batch=replace(legacy.batch, number=0))
    found = legacy.collect(legacy.arrives("rs_one", t=NOON - 60))
    assert found.folder == desk.project.run("rs_one").result


def test_a_result_older_than_the_one_that_is_there_goes_to_history(desk: Desk) -> None:
    later = desk.of_batch("later")
    later.collect(later.arrives("rs_one", t=NOON - 60))
    found = desk.collect(desk.arrives("rs_one", t=NOON))
    assert found.folder == desk.project.run("rs_one").kept("night")
    receipt = read_receipt(desk.project.run("rs_one").result.receipt)
    assert receipt is not None
    assert receipt.batch == "later"


def test_what_turns_up_after_a_batch_was_given_up_goes_to_history(desk: Desk) -> None:
    paths = desk.project.batch("night")
    paths.root.mkdir(parents=True)
    batch_end.give_up(paths, desk.batch, state="abandoned", runs={"rs_one": "host-lost"})
    collect.note_lost(desk.project, desk.batch, "rs_one", "the host is gone")
    assert collect.all_here(desk.project, desk.batch) == {}
    found = desk.collect(desk.arrives("rs_one"))
    assert (found.state, found.folder) == ("done", desk.project.run("rs_one").kept("night"))


def test_outputs_that_no_receipt_names_are_never_overwritten(desk: Desk) -> None:
    outputs = desk.project.run("rs_one").result.outputs
    outputs.mkdir()
    (outputs / "output.mp4").write_bytes(b"of a branch whose receipt is elsewhere")
    desk.collect(desk.arrives("rs_one"))
    kept = desk.project.run("rs_one").kept("unnamed").outputs / "output.mp4"
    assert kept.read_bytes() == b"of a branch whose receipt is elsewhere"


def test_a_damaged_receipt_loses_no_video(desk: Desk) -> None:
    desk.collect(desk.arrives("rs_one"))
    place = desk.project.run("rs_one").result
    place.receipt.write_text(place.receipt.read_text().replace("attempts: 1", "attempts: many"))
    assert read_receipt(place.receipt) is None
    later = desk.of_batch("later")
    later.collect(later.arrives("rs_one", {"output.mp4": VIDEO, "prompt.txt": b"prompt of rs_one"}))
    kept = desk.project.run("rs_one").kept("unnamed").outputs / "output.mp4"
    assert kept.read_bytes() == VIDEO + b"rs_one"


def test_a_receipt_cannot_send_a_result_out_of_the_project(desk: Desk, tmp_path: Path) -> None:
    desk.collect(desk.arrives("rs_one"))
    receipt = desk.project.run("rs_one").result.receipt
    receipt.write_text(receipt.read_text().replace("batch: night", "batch: ../../../../out"))
    later = desk.of_batch("later")
    later.collect(later.arrives("rs_one"))
    assert not (tmp_path / "out").exists()
    assert desk.project.run("rs_one").kept("unnamed").receipt.exists()


@pytest.mark.parametrize("name", ["../../../run.yaml", ".hidden", "a/b.mp4", "-rf", ""])
def test_a_host_cannot_name_a_file_outside_the_outputs(desk: Desk, name: str) -> None:
    end = desk.arrives("rs_one")
    outputs = [*end.event["outputs"], {"path": name, "bytes": 1, "sha256": "0"}]
    end = replace(end, event={**end.event, "outputs": outputs})
    assert collect.wanted_files(desk.batch, end) == ("done/rs_one/output.mp4", "done/rs_one/prompt.txt")
    assert desk.collect(end).state == "done"


def test_runs_may_lie_on_another_disk(desk: Desk) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == desk.project.root.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm")
    elsewhere = shm / f"cosmosctl-test-{os.getpid()}"
    desk.project.runs.rename(desk.project.root / "moved")
    try:
        shutil.copytree(desk.project.root / "moved", elsewhere)
        desk.project.runs.symlink_to(elsewhere)
        assert desk.collect(desk.arrives("rs_one")).state == "done"
        assert (elsewhere / "rs_one/outputs/output.mp4").read_bytes() == VIDEO + b"rs_one"
        assert not (desk.project.pulled("night") / "done/rs_one").exists()
    finally:
        shutil.rmtree(elsewhere, ignore_errors=True)


def _plain(desk: Desk) -> Callable[[], object]:
    return lambda: desk.collect(desk.arrives("rs_one"))


def _over_a_result(desk: Desk) -> Callable[[], object]:
    desk.collect(desk.arrives("rs_one"))
    later = desk.of_batch("later")
    files = {"output.mp4": VIDEO + b"later", "prompt.txt": b"prompt of rs_one"}
    return lambda: later.collect(later.arrives("rs_one", files, t=NOON + 60))


def _over_the_same_bytes(desk: Desk) -> Callable[[], object]:
    desk.collect(desk.arrives("rs_one"))
    later = desk.of_batch("later")
    return lambda: later.collect(later.arrives("rs_one", t=NOON + 60))


def _over_a_failure(desk: Desk) -> Callable[[], object]:
    desk.collect(desk.fails("rs_one"))
    later = desk.of_batch("later")
    return lambda: later.collect(later.arrives("rs_one", t=NOON + 60))


def _refused(desk: Desk) -> Callable[[], object]:
    files = {"output.mp4": b"no video", "prompt.txt": b"prompt of rs_one"}
    return lambda: desk.collect(desk.arrives("rs_one", files))


def _failure_over_a_failure(desk: Desk) -> Callable[[], object]:
    desk.collect(desk.fails("rs_one"))
    later = desk.of_batch("later")
    return lambda: later.collect(later.fails("rs_one", left=b"half a video", t=NOON + 60))


def _unclaimed(desk: Desk) -> Callable[[], object]:
    desk.project.run("rs_one").spec.unlink()
    return lambda: desk.collect(desk.arrives("rs_one"))


@pytest.mark.parametrize(
    "case",
    [_plain, _over_a_result, _over_the_same_bytes, _over_a_failure, _refused, _failure_over_a_failure, _unclaimed],
)
def test_wherever_collecting_is_cut_off_repeating_it_ends_the_same(
    tmp_path: Path, case: Callable[[Desk], Callable[[], object]]
) -> None:
    """Killed before each of its steps in turn: each time the repetition leaves the files of an undisturbed one."""
    whole = made_desk(tmp_path / "whole")
    case(whole)()
    expected = _results(whole)
    step, killed = 0, True
    while killed:
        step += 1
        desk = made_desk(tmp_path / str(step))
        act = case(desk)
        killed = _killed_before_step(step, act)
        act()
        assert _results(desk) == expected, f"killed before step {step}"
    assert step > 10


_STEPS = frozenset(("os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link"))


def _killed_before_step(number: int, act: Callable[[], object]) -> bool:
    """Do it in a process of its own, killed before its `number`-th change of a file; whether it came to that."""
    pid = os.fork()
    if pid == 0:
        seen = 0

        def on_event(event: str, args: Sequence[Any]) -> None:
            nonlocal seen
            is_writing = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            is_step = event in _STEPS or bool(is_writing)
            seen += is_step
            if is_step and seen >= number:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(on_event)
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def _results(desk: Desk) -> dict[str, bytes]:
    """What is in run folders and in unclaimed/; what killed writers left is no part of it, nor when they wrote."""
    found = _contents(desk.project.root)
    return {
        name: re.sub(rb"video_mtime_ns: \d+", b"", data) if name.endswith(".yaml") else data
        for name, data in found.items()
        if name.split("/")[0] in ("runs", "batches") and not name.endswith(".tmp")
    }


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _tree(folder: Path) -> set[str]:
    return set(_contents(folder))


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""What a host sends back cannot leave its place here: no links followed, no devices, no more than a result can be."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.errors import FileError, HostError
from cosmosctl.events import process_logs
from cosmosctl.events.progress import Reckoning, RunEnd, all_events, read_progress
from cosmosctl.host import streams, trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.follow import follow
from cosmosctl.host.pull import pull
from cosmosctl.io.lock import locked
from cosmosctl.results import collect, judgement
from tests.support import aftermath
from tests.support.tree import Tree

SECRET = b"the secret of the host's user"
FILES = ("done/rs_a/output.mp4", "done/rs_a/prompt.txt", "logs/01-edge.1.log")


@pytest.fixture
def ended(tree: Tree) -> Tree:
    """A project whose only batch has ended on its host and is not fetched."""
    tree.prompt("ps_b", "other words")
    tree.run("rs_a")
    tree.run("rs_b", prompt="ps_b")
    swift = aftermath.swift(tree)
    swift.cli("batch", "--detach")
    aftermath.until_told(aftermath.host_folder(swift), "batch_done")
    return swift


def read(tree: Tree) -> AllowedBatch:
    return trust.allowed_batch(tree.batches()[0])


def pulled(tree: Tree, target: Path, *, most_bytes: int = 1 << 20) -> list[str]:
    """The names of what a pull of `FILES` brings."""
    pull(invoke_context(), read(tree), FILES, target, most_bytes=most_bytes)
    assert not any(path.is_symlink() for path in target.rglob("*"))
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def linked(place: Path, secret: Path) -> None:
    """Have `place` lead to a secret with the very names that were there."""
    if place.is_dir():
        for file in [file for file in place.rglob("*") if file.is_file()]:
            (secret / file.relative_to(place)).parent.mkdir(parents=True, exist_ok=True)
            (secret / file.relative_to(place)).write_bytes(SECRET)
    else:
        secret.write_bytes(SECRET)
    place.rename(secret.with_name("real"))
    place.symlink_to(secret)


def test_a_pull_brings_just_the_named_files(ended: Tree, tmp_path: Path) -> None:
    (aftermath.host_folder(ended) / "done/rs_a/more").write_text("not asked for")
    assert pulled(ended, tmp_path / "here") == sorted(FILES)


@pytest.mark.parametrize("place", ["done/rs_a/output.mp4", "done/rs_a", "done", "logs/01-edge.1.log", "logs"])
def test_no_link_on_the_host_is_followed_wherever_it_is_on_the_way(ended: Tree, tmp_path: Path, place: str) -> None:
    linked(aftermath.host_folder(ended) / place, tmp_path / "secret")
    expected = [file for file in FILES if not f"{file}/".startswith(f"{place}/")]
    assert pulled(ended, tmp_path / "here") == sorted(expected)


def test_no_pipe_and_no_device_of_the_host_comes_here(ended: Tree, tmp_path: Path) -> None:
    output = aftermath.host_folder(ended) / "done/rs_a/output.mp4"
    output.unlink()
    os.mkfifo(output)
    assert pulled(ended, tmp_path / "here") == sorted(FILES[1:])


def test_a_file_that_is_larger_than_allowed_stays_there(ended: Tree, tmp_path: Path) -> None:
    os.truncate(aftermath.host_folder(ended) / FILES[0], 300 << 30)
    assert pulled(ended, tmp_path / "here") == sorted(FILES[1:])


def test_a_run_whose_video_became_a_link_is_bad_output_and_the_others_are_done(ended: Tree, tmp_path: Path) -> None:
    linked(aftermath.host_folder(ended) / "done/rs_a", tmp_path / "secret")
    told = ended.cli("attach", expect=1).out
    assert "is missing, or is a link or larger than its event tells, 3 times in a row" in told
    assert aftermath.states(ended) == {"rs_a": "bad-output", "rs_b": "done"}
    files = [path for path in ended.root.rglob("*") if path.is_file()]
    assert not any(SECRET in path.read_bytes() for path in files)


def test_events_that_are_a_link_are_not_followed(ended: Tree, tmp_path: Path) -> None:
    linked(aftermath.host_folder(ended) / "events.jsonl", tmp_path / "secret")
    assert "events.jsonl is a link" in ended.cli("attach", expect=4).err
    assert aftermath.model_starts(ended) == 1
    assert (tmp_path / "secret").read_bytes() == SECRET
    assert ended.cli("fetch").out == "nothing ended since\n"
    assert not ended.batches()[0].events.exists()


@pytest.mark.parametrize(
    "name", ["events.jsonl", "plan.json", "rows.txt", "inputs.txt", "lock", "supervise.out", "cancel"]
)
@pytest.mark.parametrize("is_over", [True, False], ids=["over", "cut off"])
def test_a_pipe_in_place_of_a_file_of_the_host_keeps_nobody_waiting(ended: Tree, name: str, is_over: bool) -> None:
    folder = aftermath.host_folder(ended)
    if not is_over:
        events = folder / "events.jsonl"
        events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:-1]))
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    ended.run("rs_c")
    for verb in (("cancel",), ("attach",), ("fetch",), ("gc", "local"), ("host", "check", "local"), ("batch", "rs_c")):
        done = ended.cli(*verb, expect=None)
        assert done.code in (0, 1, 2, 4), f"{verb}: {done.err}"
        if not (folder / name).is_fifo():
            (folder / name).unlink(missing_ok=True)
            os.mkfifo(folder / name)


def test_events_that_no_host_may_have_sent_are_not_read_to_their_end(ended: Tree) -> None:
    ended.cli("attach")
    (batch,) = ended.batches()
    os.truncate(batch.events, 10 << 30)  # a file of holes
    for verb in (("list", "batches"), ("status",), ("fetch",), ("attach",), ("show", "rs_a"), ("logs", batch.name)):
        assert ended.cli(*verb, expect=None).code in (0, 1, 4)
    with pytest.raises(FileError, match="it is larger than 256 MiB"):
        read_progress(batch.events)
    with pytest.raises(FileError, match="it is larger than 256 MiB"):
        list(all_events(batch.events, ["rs_a"]))


def test_events_without_end_are_given_up(ended: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "EVENTS_BYTES", 100)
    with pytest.raises(HostError, match=r"events\.jsonl: the host sends more than 0 MiB of events"):
        follow(invoke_context(), ended.paths, read(ended))
    assert ended.batches()[0].events.stat().st_size <= 100


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r'("path":"output.mp4","bytes":)\d+', rf"\g<1>{300 << 30}", "the host names files of"),
        (r'"outputs":\[', '"outputs":[' + '{"path":"x","bytes":1,"sha256":"0"},' * 100, "the host names 10"),
    ],
)
def test_a_result_that_is_more_than_one_can_be_is_not_even_fetched(
    ended: Tree, pattern: str, replacement: str, words: str
) -> None:
    events = aftermath.host_folder(ended) / "events.jsonl"
    events.write_text(re.sub(pattern, replacement, events.read_text(), count=1))
    assert words in ended.cli("attach", expect=1).out
    assert aftermath.states(ended) == {"rs_a": "bad-output", "rs_b": "done"}


def test_of_the_files_that_a_failed_run_left_only_so_many_are_fetched(ended: Tree) -> None:
    kept = [f"failed/rs_a/01-edge.1/f{number}" for number in range(1000)]
    end = RunEnd("rs_a", "failed", {"ev": "run_failed", "t": 1, "run": "rs_a", "kept": kept})
    assert collect.wanted_files(read(ended), end) == tuple(kept[: judgement.MOST_OUTPUTS])


@pytest.mark.parametrize("place", ["done/rs_a/output.mp4", "done/rs_a", "events.jsonl"])
def test_links_in_what_was_handed_back_are_not_followed(ended: Tree, tmp_path: Path, place: str) -> None:
    back = shutil.copytree(aftermath.host_folder(ended), tmp_path / aftermath.host_folder(ended).name)
    linked(back / place, tmp_path / "secret")
    ended.cli("fetch", "--from", str(back), expect=None)
    found = {"rs_a": "bad-output", "rs_b": "done"}
    assert aftermath.states(ended) == (dict.fromkeys(found, "queued") if place == "events.jsonl" else found)
    files = [path for path in ended.root.rglob("*") if path.is_file()]
    assert not any(SECRET in path.read_bytes() for path in files)


def process_start(number: int, log: str, *runs: str) -> dict[str, object]:
    return {"ev": "process_start", "t": 1, "proc": f"p{number}", "runs": list(runs), "log": log}


def test_a_log_that_many_processes_name_is_told_once(ended: Tree) -> None:
    folder = aftermath.host_folder(ended)
    (folder / FILES[2]).write_bytes(b"a line of a log\n" * (1 << 16))
    lines = [json.dumps(process_start(number, FILES[2])) for number in range(500)]
    (folder / "events.jsonl").write_text("\n".join([*lines, (folder / "events.jsonl").read_text()]))
    ended.cli("fetch", expect=None)
    told = ended.batches()[0].log.read_bytes()
    assert told.count(b"a line of a log\n") == 1 << 16
    assert told.count(b"=== p") == 500


def test_logs_come_in_small_pieces_and_are_cut_off_with_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_logs, "BATCH_LOG_BYTES", 2 << 20)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a").write_bytes(b"x" * (8 << 20))
    for starts in (
        [process_start(1, "logs/a")],
        [process_start(1, "logs/a"), {**process_start(2, "logs/b"), "gpu": 1}],
    ):
        pieces = list(process_logs.batch_log(tmp_path, starts))
        assert max(map(len, pieces)) <= 1 << 17
        assert 2 << 20 <= sum(map(len, pieces)) < (2 << 20) + 1000
        assert b"".join(pieces).endswith(b"\n=== cut off here: more than 2 MiB of logs\n")


def test_a_log_that_did_not_come_is_told_and_a_run_keeps_only_so_much_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = b"".join(process_logs.batch_log(tmp_path, [process_start(1, "logs/a", "rs_a")]))
    assert told.splitlines()[1].startswith(
        b"=== its log is not here: it is missing on the host, or larger than 256 MiB"
    )
    monkeypatch.setattr(process_logs, "PART_BYTES", 1 << 20)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a").write_bytes(b"x" * (3 << 20))
    part = {"log": {"file": "logs/a", "begin": 1 << 60, "end": 1 << 61}}
    process_logs.write_execution_log(tmp_path, part, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == b""
    process_logs.write_execution_log(tmp_path, {"log": {**part["log"], "begin": 5}}, tmp_path / "part")
    assert (tmp_path / "part").read_bytes()[1 << 20 :] == b"\n=== cut off here: more than 1 MiB of this run\n"


def test_so_many_logs_as_there_are_have_a_bound_together() -> None:
    names = process_logs.log_names(process_start(number, f"logs/{number}") for number in range(10_000))
    assert len(names) == process_logs.MOST_LOGS
    assert process_logs.most_bytes(names) * len(names) <= 2 * process_logs.LOGS_BYTES
    assert process_logs.most_bytes(names[:4]) == process_logs.LOG_BYTES


def test_of_the_runs_that_a_process_is_said_to_start_only_those_of_the_batch_count() -> None:
    reckoning = Reckoning(["rs_a"])
    for number in range(100):
        reckoning.add(process_start(number, "logs/a", *["rs_a", "rs_other"] * 100))
    assert [process["runs"] for process in reckoning.progress().processes] == [["rs_a"]] * 100


def test_files_that_the_model_does_not_write_are_not_asked_for(ended: Tree) -> None:
    events = aftermath.host_folder(ended) / "events.jsonl"
    more = '{"path":"weights.pt","bytes":5,"sha256":"0"},'
    events.write_text(events.read_text().replace('"outputs":[', f'"outputs":[{more}', 1))
    ended.cli("fetch")
    assert aftermath.states(ended) == {"rs_a": "done", "rs_b": "done"}
    assert not list(ended.root.rglob("weights.pt"))


def test_what_a_lying_host_sends_beyond_the_bound_of_a_run_is_not_kept(ended: Tree) -> None:
    os.truncate(aftermath.host_folder(ended) / FILES[0], 100 << 20)
    assert "differs from what the host has, 3 times in a row" in ended.cli("fetch", expect=1).out
    assert aftermath.states(ended) == {"rs_a": "bad-output", "rs_b": "done"}
    assert sum(path.stat().st_size for path in ended.root.rglob("*") if path.is_file()) < 10 << 20


def test_others_are_not_kept_waiting_while_results_are_hashed_and_decoded(ended: Tree) -> None:
    with locked(ended.paths.lock):
        client = aftermath.Client(ended, "fetch")
        client.wait_for("looked at rs_a")
        assert "done" not in aftermath.states(ended).values()
    assert client.end().code == 0
    assert aftermath.states(ended) == {"rs_a": "done", "rs_b": "done"}

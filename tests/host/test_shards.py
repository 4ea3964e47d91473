"""A shard on its host: its own folder, the end of its time, two supervisors that see no lock of each other; and how the
events of all shards are told, with a queue that says what a file holds."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.host_batch import HostBatch, survivors
from tests.support.supervisor import SUPERVISE
from tests.support.waiting import PATIENCE_S, wait_until

FOLLOW = SUPERVISE.parent / "follow_shards.py"
DRAINED, SUPERSEDED, GONE = 75, 76, 3


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[HostBatch]:
    """Shard 0 of a batch of three rows."""
    batch = HostBatch(tmp_path / "dir" / "batches" / "city" / "shards" / "0")
    batch.plan(["r1", "r2", "r3"], home="../..")
    yield batch
    batch.close()


def test_a_shard_tells_in_its_own_folder_and_leaves_results_in_that_of_the_batch(shard: HostBatch) -> None:
    shard.run(COSMOSCTL_JOB="12_0", COSMOSCTL_RESTART="2")
    home = shard.folder.parent.parent
    assert sorted(path.name for path in (home / "done").iterdir()) == ["r1", "r2", "r3"]
    assert sorted(path.name for path in shard.folder.iterdir()) == ["events.jsonl", "lock", "plan.json"]
    (start,) = shard.events("batch_start")
    assert (start["job"], start["restart"]) == ("12_0", "2")


def test_at_the_end_of_its_time_the_row_in_hand_ends_and_the_next_start_goes_on(shard: HostBatch) -> None:
    shard.hold()
    first = shard.start()
    shard.until("row_start")
    first.send_signal(signal.SIGUSR1)
    shard.let_go("r1")
    assert first.wait(PATIENCE_S) == DRAINED
    assert shard.ends() == {"r1": "done"}
    assert survivors(shard) == []
    shard.let_go()
    shard.run()
    assert shard.ends() == dict.fromkeys(("r1", "r2", "r3"), "done")
    assert shard.tally("begin")["r1"] == 1


def test_a_model_that_has_no_row_in_hand_ends_at_once_when_the_time_is_up(shard: HostBatch) -> None:
    shard.env["STANDIN_FAULTS"] = json.dumps({"load": "silence"})
    first = shard.start()
    shard.until("process_start")
    first.send_signal(signal.SIGUSR1)
    assert first.wait(PATIENCE_S) == DRAINED


def test_rows_that_the_time_is_never_enough_for_fail_and_do_not_come_back_for_ever(shard: HostBatch) -> None:
    shard.env["STANDIN_FAULTS"] = json.dumps({"load": "silence"})
    for count in (1, 2, 3):
        start = shard.start()
        shard.until("process_start", count)
        start.send_signal(signal.SIGUSR1)
        assert start.wait(PATIENCE_S) == DRAINED
    shard.run()
    assert shard.ends() == dict.fromkeys(("r1", "r2", "r3"), "time-limit")


def test_a_second_supervisor_of_a_shard_says_that_another_has_it(shard: HostBatch) -> None:
    shard.hold()
    shard.start()
    shard.until("row_start")
    assert shard.start().wait(PATIENCE_S) == SUPERSEDED
    assert len(shard.events("batch_start")) == 1


def on_another_node(batch: HostBatch, folder: Path) -> Path:
    """A supervisor as it is where neither locks nor processes of this machine are seen: another node of a cluster."""
    program = folder / "supervise"
    shutil.copytree(SUPERVISE, program)
    main, process = program / "__main__.py", program / "process.py"
    main.write_text(main.read_text().replace('folder / "lock"', 'folder / "lock-of-the-other-node"'))
    (folder / "boot_id").write_text("another\n")
    process.write_text(process.read_text().replace("/proc/sys/kernel/random/boot_id", str(folder / "boot_id")))
    assert "lock-of-the-other-node" in main.read_text()
    assert str(folder / "boot_id") in process.read_text()
    return program


def test_where_locks_are_not_shared_the_one_that_began_last_has_the_shard(shard: HostBatch, tmp_path: Path) -> None:
    shard.hold()
    first = shard.start()
    shard.until("row_start")
    (model,) = (event["pid"] for event in shard.events("process_start"))
    program = on_another_node(shard, tmp_path / "node")
    env = {**os.environ, "STANDIN_TALLY": str(shard.tally_file), **shard.env}
    second = subprocess.Popen((sys.executable, "-B", str(program), str(shard.folder)), env=env)
    shard.started.append(second)
    assert first.wait(PATIENCE_S) == SUPERSEDED
    wait_until(lambda: not Path(f"/proc/{model}").exists(), "the model of the first to end")
    shard.let_go()
    assert second.wait(PATIENCE_S) == 0
    assert shard.ends() == dict.fromkeys(("r1", "r2", "r3"), "done")


def follow(batch: Path, count: int, answer: str, *, have: str = "", every: str = "0.5") -> "subprocess.Popen[bytes]":
    """The program that tells of `count` shards, where the queue answers `answer`."""
    batch.mkdir(parents=True, exist_ok=True)
    (batch / "jobs").write_text("12\n")
    query = ("sh", "-c", answer, "sh")
    words = (str(batch), str(count), have, every, "slurm", "COMPLETED CANCELLED FAILED", "CANCELLED", "Invalid job id")
    argv = (sys.executable, "-", *words, "--", *query, "--", "false")
    with FOLLOW.open() as program:
        return subprocess.Popen(argv, stdin=program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def told(process: "subprocess.Popen[bytes]") -> tuple[int, Sequence[dict[str, object]]]:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert not err, err
    return process.returncode, [json.loads(line) for line in out.splitlines()]


def write(batch: Path, shard: int, *names: str, torn: str = "") -> Path:
    path = batch / "shards" / str(shard) / "events.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'{{"ev":"{name}","t":1}}\n' for name in names) + torn)
    return path


def test_the_lines_of_all_shards_are_told_and_it_ends_when_each_has_ended(tmp_path: Path) -> None:
    write(tmp_path, 0, "batch_start", "batch_done")
    write(tmp_path, 1, "batch_start", "batch_done", torn="{")
    code, lines = told(follow(tmp_path, 2, "echo '12|0|RUNNING|None|n|N/A'"))
    assert code == 0
    assert [(line.get("shard"), line["ev"]) for line in lines] == [
        (None, "shards"),
        (None, "queue"),
        (0, "batch_start"),
        (0, "batch_done"),
        (1, "batch_start"),
        (1, "batch_done"),
    ]


def test_it_goes_on_behind_what_is_there_already(tmp_path: Path) -> None:
    path = write(tmp_path, 0, "batch_start")
    have = f"0:{path.stat().st_size}"
    write(tmp_path, 0, "batch_start", "batch_done")
    code, lines = told(follow(tmp_path, 1, "true", have=have))
    assert (code, [line["ev"] for line in lines if "shard" in line]) == (0, ["batch_done"])
    code, lines = told(follow(tmp_path, 1, "true", have=f"0:{path.stat().st_size}"))
    assert (code, [line["ev"] for line in lines]) == (0, ["shards"])
    code, _ = told(follow(tmp_path, 1, "true", have=f"0:{path.stat().st_size + 1}"))
    assert code == 4


def test_a_queue_without_an_answer_is_asked_again_and_no_job_is_gone(tmp_path: Path) -> None:
    write(tmp_path, 0, "batch_start")
    process = follow(tmp_path, 1, f"echo x >>{tmp_path}/asked; echo 'Unable to contact slurm controller' >&2; exit 1")
    wait_until(lambda: (tmp_path / "asked").exists() and (tmp_path / "asked").read_text().count("x") > 3, "questions")
    write(tmp_path, 0, "batch_start", "batch_done")
    code, lines = told(process)
    assert code == 0
    assert [line["ev"] for line in lines if "shard" not in line][:3] == ["shards", "queue", "queue_same"]


@pytest.mark.parametrize(
    "answer", ["true", "echo 'Invalid job id specified' >&2; exit 1", "echo '12|0|FAILED|None||N/A'"]
)
def test_a_shard_whose_task_has_left_the_queue_is_gone(tmp_path: Path, answer: str) -> None:
    write(tmp_path, 0, "batch_start")
    code, _ = told(follow(tmp_path, 1, answer))
    assert code == GONE
    assert not (tmp_path / "shards/0/cancel").exists()


def test_a_shard_whose_task_somebody_has_ended_is_marked_for_it(tmp_path: Path) -> None:
    write(tmp_path, 0, "batch_start")
    write(tmp_path, 1, "batch_start")
    code, _ = told(follow(tmp_path, 2, "echo '12|0|CANCELLED|None||N/A'; echo '12|1|RUNNING|None||N/A'"))
    assert code == GONE
    assert [(tmp_path / f"shards/{n}/cancel").exists() for n in (0, 1)] == [True, False]


def test_it_ends_when_nobody_reads_any_more(tmp_path: Path) -> None:
    write(tmp_path, 0, "batch_start")
    process = follow(tmp_path, 1, "echo '12|0|RUNNING|None||N/A'", every="3600")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE_S) in (0, 141)
    process.stderr.close()


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, 0, "batch_start")
    path.rename(tmp_path / "elsewhere")
    for kind in ("link", "pipe"):
        if kind == "link":
            path.symlink_to(tmp_path / "elsewhere")
        else:
            os.mkfifo(path)
        process = follow(tmp_path, 1, "true")
        _, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 65
        assert b"is a link or no file" in err
        path.unlink()


def test_a_pipe_in_place_of_a_lock_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(write(tmp_path, 0, "batch_done").with_name("lock"))
    os.mkfifo(write(tmp_path, 1, "batch_start").with_name("lock"))
    process = follow(tmp_path, 2, "true")
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3

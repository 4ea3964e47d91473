"""The supervisor as shipped, over real processes: the model is `standin.py`, killed, blocked and hung as asked."""

import ast
import fcntl
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from cosmosctl.models import protocol
from tests.support.clock import Clock
from tests.support.host_batch import LAUNCH, WAIT_S, Event, HostBatch, faults, runs, survivors
from tests.support.supervisor import SUPERVISE, part
from tests.support.waiting import wait_until


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[HostBatch]:
    """A batch folder without a plan; what a test leaves running is killed by its number."""
    batch = HostBatch(tmp_path / "host" / "batches" / "city-1a2b3c4d")
    yield batch
    batch.close()


@pytest.fixture
def clock(batch: HostBatch, tmp_path: Path) -> Clock:
    """The clock of the supervisors on that batch."""
    clock = Clock(tmp_path / "clock")
    batch.env.update(clock.env)
    return clock


def test_a_link_where_a_process_is_to_work_goes_and_what_it_leads_to_stays(batch: HostBatch, tmp_path: Path) -> None:
    batch.plan(runs(1))
    other, [group] = tmp_path / "other", json.loads((batch.folder / "plan.json").read_text())["groups"]
    other.mkdir()
    (other / "mine").touch()
    (batch.folder / "work").mkdir()
    (batch.folder / "work" / f"{group['name']}.1").symlink_to(other)
    assert batch.start().wait(WAIT_S) == 0
    assert batch.ends() == {"r1": "done"}
    assert [file.name for file in other.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["events.jsonl", "lock", "logs/{group}.1.log"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_nothing_is_written_through_what_lies_in_place_of_its_files(
    batch: HostBatch, tmp_path: Path, name: str, kind: str
) -> None:
    batch.plan(runs(1))
    (tmp_path / "mine").write_text("mine\n")
    [group] = json.loads((batch.folder / "plan.json").read_text())["groups"]
    place = batch.folder / name.format(group=group["name"])
    place.parent.mkdir(exist_ok=True)
    if kind == "link":
        place.symlink_to(tmp_path / "mine")
    else:
        os.mkfifo(place)
    argv = (sys.executable, "-B", str(SUPERVISE), str(batch.folder))
    done = subprocess.run(argv, capture_output=True, timeout=WAIT_S, check=False)
    assert done.returncode == 1
    assert str(place).encode() in done.stderr and b"Traceback" not in done.stderr
    assert (tmp_path / "mine").read_text() == "mine\n"


def test_each_run_gets_its_own_video_and_its_own_part_of_the_log(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.hold()
    supervisor = batch.start()
    for number, run in enumerate(runs(3), start=1):
        batch.until("row_start", number)
        batch.let_go(run)
    assert supervisor.wait(WAIT_S) == 0
    events = batch.events()
    assert batch.ends() == {"r1": "done", "r2": "done", "r3": "done"}
    for event in batch.events("run_done"):
        files = {path.name: path.read_bytes() for path in (batch.folder / "done" / event["run"]).iterdir()}
        assert files["prompt.txt"] == f"<{event['run']}>".encode()
        assert files["output.mp4"].endswith(f"<{event['run']}>".encode())
        assert event["outputs"] == [
            {"path": name, "bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
            for name in ("edge_input_control_0.mp4", "output.mp4", "prompt.txt")
        ]
        assert (event["attempts"], event["layout"], event["proc"]) == (1, 0, "01-edge.1")
        index = int(event["run"][1:]) - 1
        assert batch.log(event).count("Saved prompt to ") == 1
        assert f"video_{index}/prompt.txt" in batch.log(event)
        assert "Loading" not in batch.log(event)
    assert [event["ev"] for event in events if event["ev"] != "progress"] == [
        *("batch_start", "process_start", "loaded"),
        *("row_start", "run_done") * 3,
        *("process_end", "batch_done"),
    ]
    times = [event["seconds"] for event in batch.events("run_done")]
    assert min(times) >= 0 and sum(times) <= batch.events("process_end")[0]["seconds"] + 0.01, "each has its own time"
    assert events[-1] | {"t": 0, "up": 0} == {
        "ev": "batch_done",
        "t": 0,
        "up": 0,
        "state": "done",
        "done": 3,
        "failed": 0,
        "cancelled": 0,
    }


def test_events_are_compact_lines_of_ascii_that_begin_with_their_name_and_time(batch: HostBatch) -> None:
    batch.plan(["r1"])
    batch.run()
    for line in (batch.folder / "events.jsonl").read_bytes().splitlines():
        assert line.isascii() and line.startswith(b'{"ev":"')
        assert list(json.loads(line))[:2] == ["ev", "t"]


def test_nothing_happens_after_batch_done(batch: HostBatch) -> None:
    batch.plan(["r1"])
    batch.run()
    before = (batch.folder / "events.jsonl").read_bytes()
    batch.run()
    assert (batch.folder / "events.jsonl").read_bytes() == before


def test_a_block_at_row_2_and_a_crash_at_row_4_leave_the_other_rows_done(batch: HostBatch) -> None:
    batch.plan(runs(5))
    batch.run(STANDIN_FAULTS=faults(r2="block", r4="crash"))
    assert batch.ends() == {"r1": "done", "r2": "blocked", "r3": "done", "r4": "model-error", "r5": "done"}
    assert batch.tally("begin") == {"r1": 1, "r2": 1, "r3": 1, "r4": 2, "r5": 1}
    assert [event["runs"] for event in batch.events("process_start")] == [
        *(["r1", "r2", "r3", "r4", "r5"], ["r3", "r4", "r5"], ["r5"], ["r4"])
    ]
    assert [event["run"] for event in batch.events("run_again")] == ["r4"]
    assert batch.failed("r2")["detail"].endswith("GUARDRAIL BLOCKED: Input text prompt 1 is not safe")
    assert batch.failed("r4")["detail"] == "RuntimeError: the network went away"
    assert (batch.failed("r4")["attempts"], batch.failed("r4")["code"]) == (2, 1)
    assert "<r" not in batch.log(batch.failed("r2")) and "Saved" not in batch.log(batch.failed("r2"))


def test_what_a_failed_row_left_is_kept_and_named(batch: HostBatch) -> None:
    batch.plan(runs(2))
    batch.run(STANDIN_FAULTS=faults(r2="crash"))
    kept = batch.failed("r2")["kept"]
    assert kept == [
        "failed/r2/01-edge.1/video_1/edge_input_control_0.mp4",
        "failed/r2/01-edge.2/video_0/edge_input_control_0.mp4",
    ]
    assert all((batch.folder / path).is_file() for path in kept)


def test_a_crash_that_does_not_come_again_ends_well(batch: HostBatch) -> None:
    batch.plan(runs(2))
    first = 'test -e "$0" || { touch "$0"; echo running preprocessor; exit 1; }; exec "$@"'
    flag = str(batch.tally_file.with_name("crashed"))
    batch.replan(lambda plan: wrap(plan, "sh", "-c", first, flag))
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "done"}
    assert [(event["run"], event["attempts"]) for event in batch.events("run_done")] == [("r2", 1), ("r1", 2)]


def wrap(plan: Event, *argv: str) -> None:
    """Puts a program of the test's own before the model's command."""
    group = plan["groups"][0]
    group["argv"] = [*argv, *group["argv"]]


def test_a_failure_before_the_first_row_of_twenty_means_one_start(batch: HostBatch) -> None:
    batch.plan(runs(20))
    batch.run(STANDIN_FAULTS=faults(load="crash"))
    assert batch.tally("start") == {"": 1}
    assert set(batch.ends().values()) == {"model-error"} and len(batch.ends()) == 20
    assert batch.failed("r7")["detail"] == "ended before the first row: RuntimeError: the network went away"


def test_a_failure_before_the_first_row_does_not_stop_the_next_group(batch: HostBatch) -> None:
    batch.plan(runs(2), ["x1"])
    batch.replan(lambda plan: wrap(plan, "/no/such program"))
    batch.run()
    assert batch.ends() == {"r1": "model-error", "r2": "model-error", "x1": "done"}
    assert "cannot start /no/such program" in batch.failed("r1")["detail"]
    assert batch.failed("r1")["code"] == 127


def test_a_reason_in_the_log_counts_before_the_first_row_too(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_FAULTS=faults(load="gpu-oom"))
    assert set(batch.ends().values()) == {"gpu-oom"}


def test_a_kill_before_the_first_row_is_host_oom_for_all(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_FAULTS=faults(load="kill"))
    assert set(batch.ends().values()) == {"host-oom"}
    assert batch.tally("start") == {"": 1}
    assert batch.failed("r1")["signal"] == signal.SIGKILL


def test_host_oom_is_tried_once_more_and_gpu_oom_is_not(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_FAULTS=faults(r1="kill", r2="gpu-oom"))
    assert batch.ends() == {"r1": "host-oom", "r2": "gpu-oom", "r3": "done"}
    assert batch.tally("begin") == {"r1": 2, "r2": 1, "r3": 1}


def test_three_crashes_without_a_finished_row_stop_the_group(batch: HostBatch) -> None:
    batch.plan([*runs(6)], ["x1"])
    batch.run(STANDIN_FAULTS=faults(r2="crash", r3="block", r4="crash"))
    reasons = {"r2": "model-error", "r3": "blocked", "r4": "model-error", "r5": "not-reached", "r6": "not-reached"}
    assert batch.ends() == {"r1": "done", **reasons, "x1": "done"}
    assert batch.tally("begin") == {"r1": 1, "r2": 1, "r3": 1, "r4": 1, "x1": 1}
    assert "r4: RuntimeError: the network went away" in batch.failed("r6")["detail"]
    times = [event["t"] for event in batch.events()]
    assert times == sorted(times)


def test_crashes_with_finished_rows_between_them_do_not_stop_a_group(batch: HostBatch) -> None:
    batch.plan(runs(8))
    batch.run(STANDIN_FAULTS=faults(r1="block", r3="block", r5="block", r7="block"))
    assert Counter(batch.ends().values()) == {"blocked": 4, "done": 4}


def test_a_crash_after_the_last_row_harms_nobody(batch: HostBatch) -> None:
    batch.plan(runs(2))
    batch.run(STANDIN_FAULTS=faults(r2="crash-after"))
    assert batch.ends() == {"r1": "done", "r2": "done"}


def test_a_crash_between_rows_is_blamed_on_the_row_that_was_next(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_FAULTS=faults(r1="crash-after"))
    assert batch.ends() == {"r1": "done", "r2": "done", "r3": "done"}
    assert [event["run"] for event in batch.events("run_again")] == ["r2"]


def test_finished_rows_whose_files_are_not_their_own_are_bad_output(batch: HostBatch) -> None:
    batch.plan(runs(5))
    batch.run(STANDIN_FAULTS=faults(r2="no-video", r3="empty-video", r5="wrong-prompt"))
    assert batch.ends() == {"r1": "done", "r2": "bad-output", "r3": "bad-output", "r4": "done", "r5": "bad-output"}
    assert batch.tally("start") == {"": 1}
    assert batch.failed("r2")["detail"] == "the model finished the row, but output.mp4 is missing or empty"
    assert batch.failed("r5")["detail"] == "prompt.txt beside output.mp4 is not this run's prompt"
    assert "failed/r5/01-edge.1/video_4/output.mp4" in batch.failed("r5")["kept"]
    assert sorted(path.name for path in (batch.folder / "done").iterdir()) == ["r1", "r4"]


def test_a_row_that_the_model_passed_over_fails_for_the_reason_in_its_part_of_the_log(batch: HostBatch) -> None:
    batch.plan(runs(4))
    batch.run(STANDIN_FAULTS=faults(r2="passed-over", r4="crash"))
    assert batch.ends() == {"r1": "done", "r2": "blocked", "r3": "done", "r4": "model-error"}


def test_a_model_that_leaves_without_an_error_and_without_the_video_is_bad_output(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_FAULTS=faults(r2="exit-0"))
    assert batch.ends() == {"r1": "done", "r2": "bad-output", "r3": "done"}


def test_a_silent_model_is_ended_with_all_its_children_and_the_rest_goes_on(batch: HostBatch, clock: Clock) -> None:
    batch.plan(runs(3), stall_s=600, grace_s=0.3)
    supervisor = batch.start(STANDIN_FAULTS=faults(r2="stubborn"))
    wait_until(lambda: batch.tally("begin")["r2"], "row 2")
    clock.put_forward_until(lambda: batch.events("process_end"), by_s=601)
    assert supervisor.wait(WAIT_S) == 0
    assert batch.ends() == {"r1": "done", "r2": "stalled", "r3": "done"}
    assert batch.tally("begin")["r2"] == 1
    assert "nothing was written for 600 s" in batch.failed("r2")["detail"]
    assert survivors(batch) == []


def test_a_child_that_outlives_its_model_is_ended(batch: HostBatch) -> None:
    batch.plan(runs(1))
    batch.run(STANDIN_FAULTS=faults(r1="orphan"))
    assert batch.ends() == {"r1": "done"}
    assert survivors(batch) == []


def test_cancel_keeps_what_is_finished_and_ends_the_model_with_its_children(batch: HostBatch) -> None:
    batch.plan(runs(4), ["x1"], grace_s=0.3)
    supervisor = batch.start(STANDIN_FAULTS=faults(r3="stubborn"))
    batch.until("run_done", 2)
    wait_until(lambda: batch.tally("begin")["r3"], "row 3")
    (batch.folder / "cancel").touch()
    assert supervisor.wait(WAIT_S) == 0
    assert batch.ends() == {"r1": "done", "r2": "done", "r3": "cancelled", "r4": "cancelled", "x1": "cancelled"}
    done = batch.events()[-1]
    assert (done["state"], done["done"], done["failed"], done["cancelled"]) == ("cancelled", 2, 0, 3)
    assert survivors(batch) == []


def test_sigterm_with_the_cancel_file_is_cancel(batch: HostBatch) -> None:
    batch.plan(runs(2))
    supervisor = batch.start(STANDIN_FAULTS=faults(r1="silence"))
    batch.until("row_start")
    (batch.folder / "cancel").touch()
    supervisor.terminate()
    assert supervisor.wait(WAIT_S) == 0
    assert batch.events()[-1]["state"] == "cancelled"


def test_a_batch_cancelled_while_nobody_ran_it_ends_at_the_next_start(batch: HostBatch) -> None:
    batch.plan(runs(2))
    supervisor = batch.start(STANDIN_FAULTS=faults(r2="silence"))
    batch.until("run_done")
    supervisor.kill()
    supervisor.wait()
    (batch.folder / "cancel").touch()
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "cancelled"}
    assert survivors(batch) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_without_the_cancel_file_interrupts_and_the_next_start_goes_on(batch: HostBatch, number: int) -> None:
    batch.plan(runs(3))
    supervisor = batch.start(STANDIN_FAULTS=faults(r2="silence"))
    batch.until("row_start", 2)
    supervisor.send_signal(number)
    assert supervisor.wait(WAIT_S) == 128 + number
    assert survivors(batch) == []
    assert batch.ends() == {"r1": "done"}
    assert batch.events()[-1] | {"t": 0, "up": 0} == {"ev": "interrupted", "t": 0, "up": 0, "signal": number}
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "done", "r3": "done"}
    assert batch.tally("done") == {"r1": 1, "r2": 1, "r3": 1}
    assert [event["start"] for event in batch.events("batch_start")] == [1, 2]


def test_a_shutdown_that_ends_the_model_first_is_no_crash(batch: HostBatch, clock: Clock) -> None:
    batch.plan(runs(2))
    supervisor = batch.start(STANDIN_FAULTS=faults(r2="silence"))
    batch.until("row_start", 2)
    model = batch.until("process_start")["pid"]
    clock.stand_still()
    os.kill(model, signal.SIGTERM)
    wait_until(lambda: not Path(f"/proc/{model}").exists(), "the supervisor to see that the model has ended")
    clock.until_slept()
    supervisor.terminate()
    assert supervisor.wait(WAIT_S) == 128 + signal.SIGTERM
    assert batch.events("run_again", "run_failed") == []


def test_a_model_that_lives_on_is_adopted_and_goes_on_undisturbed(batch: HostBatch) -> None:
    batch.plan(runs(6))
    batch.hold()
    batch.let_go("r1")
    supervisor = batch.start()
    seen = batch.until("run_done")["t"]
    supervisor.kill()
    supervisor.wait()
    batch.let_go("r2", "r3", "r4")
    wait_until(lambda: batch.tally("begin")["r5"], "rows that end while nobody looks")
    now = time.time()
    written = {f"r{n}": seen + (now - seen) * (n - 1) / 4 for n in (2, 3, 4)}
    for run, moment in written.items():
        for file in (batch.folder / "work" / "01-edge.1" / "out" / f"video_{int(run[1:]) - 1}").iterdir():
            os.utime(file, (moment, moment))
    batch.let_go()
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    told = {event["run"]: event["seconds"] for event in batch.events("run_done")}
    step = (written["r4"] - seen) / 3  # of the first one nobody but the killed supervisor knows when it began
    assert (told["r3"], told["r4"]) == pytest.approx((step, step), abs=0.002), "each has its own time"
    assert told["r2"] == pytest.approx(step / 2, abs=step / 2 + 0.01), "from nothing to a whole step"
    assert batch.tally("start") == {"": 1} and set(batch.tally("begin").values()) == {1}
    assert batch.events("process_end")[0]["adopted"] is True
    for event in batch.events("run_done"):
        assert f"video_{int(event['run'][1:]) - 1}/prompt.txt" in batch.log(event)


def test_an_adopted_model_that_crashes_is_judged_like_any_other(batch: HostBatch) -> None:
    batch.plan(runs(4))
    batch.hold()
    batch.let_go("r1")
    supervisor = batch.start(STANDIN_FAULTS=faults(r3="block"))
    batch.until("run_done")
    supervisor.kill()
    supervisor.wait()
    batch.let_go()
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "done", "r3": "blocked", "r4": "done"}


def test_an_adopted_model_that_is_killed_without_a_word_blames_no_row(batch: HostBatch) -> None:
    batch.plan(runs(3))
    supervisor = batch.start(STANDIN_FAULTS=faults(r2="silence"))
    batch.until("row_start", 2)
    supervisor.kill()
    supervisor.wait()
    supervisor = batch.start()
    batch.until("batch_start", 2)
    os.kill(batch.until("process_start")["pid"], signal.SIGKILL)
    assert supervisor.wait(WAIT_S) == 0
    assert batch.ends() == dict.fromkeys(runs(3), "done")
    assert batch.events("run_again") == []


def test_what_a_dead_model_finished_is_taken_in_before_the_rest_is_started(batch: HostBatch) -> None:
    batch.plan(runs(4))
    supervisor = batch.start(STANDIN_FAULTS=faults(r4="silence"))
    batch.until("row_start")
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: batch.tally("begin")["r4"], "row 4")
    os.kill(batch.events("process_start")[0]["pid"], signal.SIGKILL)
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    assert batch.tally("begin") == {"r1": 1, "r2": 1, "r3": 1, "r4": 2}
    assert batch.tally("done") == {"r1": 1, "r2": 1, "r3": 1, "r4": 1}


def test_a_row_moved_but_not_yet_told_of_is_told_of_at_the_next_start(batch: HostBatch) -> None:
    batch.plan(runs(2))
    batch.run()
    events = batch.folder / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    before = next(line for line in lines if b'"run_done"' in line and b'"r2"' in line)
    events.write_bytes(b"".join(lines[: lines.index(before)]) + before[:40])
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "done"}
    assert batch.tally("begin") == {"r1": 1, "r2": 1}
    again = batch.events("run_done")[-1]
    told = json.loads(before)
    assert {**again, "t": 0, "up": 0, "seconds": 0} == {**told, "t": 0, "up": 0, "seconds": 0}


def test_garbage_and_a_torn_last_line_lose_no_event(batch: HostBatch) -> None:
    batch.plan(runs(2))
    supervisor = batch.start(STANDIN_FAULTS=faults(r2="silence"))
    batch.until("run_done")
    supervisor.kill()
    supervisor.wait()
    path = batch.folder / "events.jsonl"
    path.write_bytes(path.read_bytes() + b'\0\0\xff garbage\n[]\n{"ev": 3}\n{"ev":"batch_done","t":1')
    (batch.folder / "cancel").touch()
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "cancelled"}
    assert b'{"ev":"batch_done","t":1\n{"ev":"batch_start"' in path.read_bytes()


@pytest.mark.parametrize("kills", [12, pytest.param(120, marks=pytest.mark.soak)])
def test_supervisors_killed_at_random_moments_compute_no_finished_row_twice(batch: HostBatch, kills: int) -> None:
    seed = 20261121
    print(f"seed {seed}, {kills} kills")
    moments = random.Random(seed)
    names = runs(3 * kills)
    batch.plan(names[: len(names) // 2], names[len(names) // 2 :])
    batch.hold()
    for kill in range(kills):
        batch.let_go(*names[3 * kill : 3 * kill + 3])  # so that each supervisor has enough to do
        batch.start_to_be_killed(moments.randint(1, 24))
        for pid in survivors(batch) if kill % 3 == 2 else ():
            os.kill(pid, signal.SIGKILL)
    batch.let_go()
    batch.run()
    assert batch.ends() == dict.fromkeys(names, "done")
    again = {run: count for run, count in batch.tally("done").items() if count != 1}
    assert again == {}, "rows that were computed twice"
    for run in names:
        assert (batch.folder / "done" / run / "output.mp4").read_bytes().endswith(f"<{run}>".encode())


def test_a_model_never_runs_that_is_not_on_record(batch: HostBatch) -> None:
    process = part("process")
    argv = [sys.executable, "-B", "-c", _DIES_AT_THE_GATE, str(SUPERVISE), str(batch.tally_file)]
    gone = subprocess.run(argv, stdout=subprocess.PIPE, timeout=WAIT_S, check=False)
    assert gone.returncode == -signal.SIGKILL
    wait_until(lambda: not Path(f"/proc/{int(gone.stdout)}").exists(), "the process at the gate to end")
    assert not batch.tally_file.exists()
    log = batch.tally_file.with_name("log")
    batch.tally_file.parent.mkdir(parents=True, exist_ok=True)
    pid, gate = process.at_the_gate(["touch", str(batch.tally_file)], "/", dict(os.environ), log, ())
    os.write(gate, b"1")
    os.close(gate)
    assert os.waitpid(pid, 0)[1] == 0
    assert batch.tally_file.exists()


_DIES_AT_THE_GATE = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[1])
import process
folder = pathlib.Path(sys.argv[2]).parent
folder.mkdir(parents=True, exist_ok=True)
print(process.at_the_gate(["touch", sys.argv[2]], "/", dict(os.environ), folder / "log", -1)[0], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("layout", ["000", "0", "000-"])
def test_older_layouts_are_taken_when_the_numbers_prove_whose_they_are(batch: HostBatch, layout: str) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_LAYOUT=layout)
    assert set(batch.ends().values()) == {"done"}
    for event in batch.events("run_done"):
        assert (batch.folder / "done" / event["run"] / "output.mp4").read_bytes().endswith(f"<{event['run']}>".encode())
        assert event["layout"] == (2 if layout == "0" else 1)


def test_an_older_layout_survives_a_killed_supervisor_and_a_crashed_row(batch: HostBatch) -> None:
    batch.plan(runs(4))
    batch.env.update(STANDIN_LAYOUT="000", STANDIN_FAULTS=faults(r3="half-video"))
    batch.hold()
    batch.let_go("r1")
    supervisor = batch.start()
    batch.until("row_start", 2)
    supervisor.kill()
    supervisor.wait()
    batch.let_go()
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "done", "r3": "model-error", "r4": "done"}
    assert batch.tally("done") == {"r1": 1, "r2": 1, "r4": 1}
    assert [Path(path).name for path in batch.failed("r3")["kept"]] == ["video_002.mp4", "video_000.mp4"]


def test_half_a_video_of_a_crashed_model_is_no_result_in_any_layout(batch: HostBatch) -> None:
    batch.plan(runs(2))
    batch.run(STANDIN_FAULTS=faults(r2="half-video"))
    assert batch.ends() == {"r1": "done", "r2": "model-error"}


def test_videos_counted_from_one_without_prompts_are_claimed_by_nobody(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_LAYOUT="1-")
    assert set(batch.ends().values()) == {"bad-output"}
    assert batch.failed("r2")["detail"].startswith("unclaimed: video_001.mp4 could belong to another run")
    assert batch.failed("r2")["kept"] == ["failed/r2/01-edge.1/video_001.mp4"]


def test_a_video_beside_another_runs_prompt_is_not_taken(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_LAYOUT="1")
    assert set(batch.ends().values()) == {"bad-output"}
    assert batch.failed("r2")["detail"] == "video_001.txt beside video_001.mp4 is not this run's prompt"


def test_the_prompt_beside_a_video_proves_whose_it_is_when_an_earlier_one_is_missing(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.run(STANDIN_LAYOUT="000", STANDIN_FAULTS=faults(r1="passed-over"))
    assert batch.ends() == {"r1": "blocked", "r2": "done", "r3": "done"}


def test_prompts_are_compared_byte_for_byte(batch: HostBatch) -> None:
    texts = ['"quotes" $(touch x) `y`', "two\nlines\n", "emoji 🏙 and \u2028 and \u0085", " spaces "]
    batch.plan(runs(len(texts)))
    batch.replan(lambda plan: [row.update(_prompted(text)) for row, text in zip(_rows(plan), texts, strict=True)])
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    found = [(batch.folder / "done" / run / "prompt.txt").read_bytes() for run in runs(len(texts))]
    assert found == [text.encode() for text in texts]


def _rows(plan: Event) -> list[Event]:
    return [row for group in plan["groups"] for row in group["rows"]]


def _prompted(text: str) -> Event:
    return {"prompt": text, "line": json.dumps({"prompt": text})}


def test_a_prompt_that_the_model_may_change_is_not_compared(batch: HostBatch) -> None:
    batch.plan(runs(2))
    batch.replan(lambda plan: [row.update(prompt=None) for row in _rows(plan)])
    batch.run(STANDIN_FAULTS=faults(r2="wrong-prompt"))
    assert batch.ends() == {"r1": "done", "r2": "done"}


def test_a_damaged_or_missing_input_fails_only_its_own_runs_and_is_set_aside(batch: HostBatch) -> None:
    pool = batch.folder.parent.parent / "inputs"
    inputs = []
    for name, content, users in (
        ("a", b"good", ["r1"]),
        ("b", b"evil", ["r2"]),
        ("c", b"shor", ["r3"]),
        ("d", b"", []),
    ):
        path = pool / name / "video.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        facts = {"bytes": 5 if name == "c" else 4, "sha256": hashlib.sha256(b"good").hexdigest()}
        inputs.append({"path": str(path), "runs": users, **facts})
    inputs.append({"path": str(pool / "none.mp4"), "bytes": 4, "sha256": "", "runs": ["r2", "r4"]})
    batch.plan(runs(5), inputs=inputs)
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "bad-input", "r3": "bad-input", "r4": "bad-input", "r5": "done"}
    assert batch.tally("begin") == {"r1": 1, "r5": 1}
    assert [path.name for path in sorted(pool.rglob("*.*"))] == ["video.mp4", "video.mp4.damaged", *[
        "video.mp4.damaged", "video.mp4"]]  # fmt: skip
    assert batch.failed("r2")["detail"] == f"{pool}/b/video.mp4: its content is not what was sent"
    assert batch.failed("r3")["detail"] == f"{pool}/c/video.mp4: has 4 bytes, 5 were sent"
    assert batch.failed("r4")["detail"] == f"{pool}/none.mp4: cannot be read: No such file or directory"
    assert (batch.events("inputs_checked")[0]["count"], len(batch.events("input_bad"))) == (4, 3)


HOSTILE = ["with space's quo\"te", "$HOME;touch x `id`", "line\nbreak -rf", "ünï⛱ {work}{0}"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    batch = HostBatch(tmp_path / name / f"-{name}-1a2b3c4d")
    names = ["0", "a.b-c_d", "x" * 64, "lock", "A..b", "unclaimed"]
    batch.plan(names)
    batch.run(STANDIN_FAULTS=faults(lock="crash"))
    assert batch.ends() == {**dict.fromkeys(names, "done"), "lock": "model-error"}


def test_two_supervisors_at_once_are_one(batch: HostBatch) -> None:
    batch.plan(runs(3))
    batch.hold()
    both = batch.start(), batch.start()
    wait_until(lambda: any(one.poll() is not None for one in both), "the second to leave it to the first")
    assert [one.poll() for one in both if one.poll() is not None] == [0]
    batch.until("row_start")
    batch.let_go()
    assert [one.wait(WAIT_S) for one in both] == [0, 0]
    assert len(batch.events("batch_start")) == 1
    assert batch.tally("begin") == dict.fromkeys(runs(3), 1)


def test_a_lock_that_is_tested_for_an_instant_does_not_keep_the_supervisor_away(batch: HostBatch, clock: Clock) -> None:
    batch.plan(["r1"])
    with (batch.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        clock.stand_still()
        supervisor = batch.start()
        clock.until_slept()
        assert batch.events() == []
    assert supervisor.wait(WAIT_S) == 0
    assert batch.ends() == {"r1": "done"}


def test_two_gpus_share_a_group_and_each_model_sees_its_own(batch: HostBatch) -> None:
    batch.plan(runs(6), gpus=[0, 1])
    batch.run()
    starts = batch.events("process_start")
    assert [(event["gpu"], event["runs"]) for event in starts] == [(0, ["r1", "r3", "r5"]), (1, ["r2", "r4", "r6"])]
    notes = [json.loads(line) for line in batch.tally_file.read_text().splitlines()]
    assert Counter(note["gpu"] for note in notes if note["what"] == "done") == {"0": 3, "1": 3}
    assert {event["pid"]: str(event["gpu"]) for event in starts} == {note["pid"]: note["gpu"] for note in notes}


def test_a_free_gpu_takes_the_next_group_while_another_is_busy(batch: HostBatch) -> None:
    batch.plan(["r1"], ["s1"], ["t1"], gpus=[0, 1])
    batch.hold()
    batch.let_go("s1", "t1")
    supervisor = batch.start()
    batch.until("run_done", 2)
    starts = [(event["gpu"], event["runs"]) for event in batch.events("process_start")]
    assert starts == [(0, ["r1"]), (1, ["s1"]), (1, ["t1"])]
    batch.let_go()
    assert supervisor.wait(WAIT_S) == 0


def test_a_crash_on_one_gpu_leaves_the_other_alone(batch: HostBatch) -> None:
    batch.plan(runs(6), gpus=[0, 1])
    batch.run(STANDIN_FAULTS=faults(r1="crash", r4="block"))
    reasons = {"r1": "model-error", "r4": "blocked"}
    assert batch.ends() == {**dict.fromkeys(runs(6), "done"), **reasons}
    assert batch.tally("done") == dict.fromkeys(["r2", "r3", "r5", "r6"], 1)


def test_a_batch_waits_for_a_gpu_that_another_batch_has_and_says_so(
    batch: HostBatch, clock: Clock, tmp_path: Path
) -> None:
    other = HostBatch(tmp_path / "other" / "batches" / "b-1", {**batch.env, "COSMOSCTL_TEST_CLOCK": str(tmp_path)})
    other.plan(["o1"], gpus=[0], gpu_locks=str(batch.gpu_locks))
    batch.plan(["r1"], gpus=[0])
    first = other.start(STANDIN_FAULTS=faults(o1="silence"))
    other.until("row_start")
    second = batch.start()
    lock = batch.until("waiting")
    assert (lock["gpu"], Path(lock["lock"]).parent.name) == (0, "locks")
    first.kill()
    first.wait()
    clock.until_slept(times=3)
    assert batch.events("process_start") == [], "the lock lives as long as the model"
    os.kill(other.events("process_start")[0]["pid"], signal.SIGKILL)
    assert second.wait(WAIT_S) == 0
    assert batch.ends() == {"r1": "done"}
    assert len(batch.events("waiting")) == 1


def test_the_gpu_lock_is_named_by_the_gpus_uuid_and_open_to_all_users(batch: HostBatch, tmp_path: Path) -> None:
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho '0, GPU-aaa, NVIDIA H100 80GB HBM3, 570.1'\necho '1, GPU-bbb, NVIDIA L4, 570.1'\n")
    smi.chmod(0o755)
    batch.plan(runs(2), gpus=[0, 1])
    umask = os.umask(0o077)
    try:
        batch.run(PATH=f"{smi.parent}:{os.environ['PATH']}")
    finally:
        os.umask(umask)
    locks = batch.gpu_locks
    assert sorted(path.name for path in locks.iterdir()) == ["gpu-GPU-aaa", "gpu-GPU-bbb"]
    assert locks.stat().st_mode & 0o7777 == 0o1777
    assert {path.stat().st_mode & 0o777 for path in locks.iterdir()} == {0o666}
    gpu = {"uuid": "GPU-bbb", "name": "NVIDIA L4", "driver": "570.1"}
    assert batch.events("batch_start")[0]["gpus"][1] == gpu


def _pipe(lock: Path) -> None:
    os.mkfifo(lock)


def _link(lock: Path) -> None:
    lock.with_name("elsewhere").touch()
    lock.symlink_to(lock.with_name("elsewhere"))


@pytest.mark.parametrize(("put", "why"), [(_pipe, "it is no file"), (_link, "symbolic link"), (Path.mkdir, "it is no")])
def test_what_is_no_lock_under_its_name_hangs_nobody_and_is_told(
    batch: HostBatch, put: Callable[[Path], None], why: str
) -> None:
    batch.gpu_locks.mkdir(parents=True)
    put(batch.gpu_locks / "gpu-0")
    batch.plan(runs(2), gpus=[0])
    batch.run()
    assert batch.ends() == {"r1": "done", "r2": "done"}
    [told] = batch.events("unlocked")
    assert (told["gpu"], str(batch.gpu_locks / "gpu-0 cannot be locked: ") in told["detail"]) == (0, True)
    assert why in told["detail"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as another user")
def test_a_lock_of_another_user_that_cannot_be_opened_is_told(batch: HostBatch) -> None:
    batch.gpu_locks.mkdir(parents=True, mode=0o755)
    (batch.gpu_locks / "gpu-0").touch(mode=0o600)
    code = (
        "import os, sys; from pathlib import Path; import gpu_lock; os.setuid(65534); "
        "lock = gpu_lock.GpuLock(Path(sys.argv[1])); print(lock.take(), lock.trouble)"
    )
    batch.gpu_locks.chmod(0o755)
    for folder in (batch.gpu_locks, *batch.gpu_locks.parents):
        folder.chmod(folder.stat().st_mode | 0o001)
    argv = [sys.executable, "-c", code, str(batch.gpu_locks / "gpu-0")]
    said = subprocess.run(argv, capture_output=True, text=True, cwd=SUPERVISE, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert said.stdout.startswith("True ") and said.stdout.endswith(": Permission denied\n"), said


def test_many_rows_of_two_groups_are_each_done_once(batch: HostBatch) -> None:
    names = runs(200)
    batch.plan(names[:100], names[100:])
    batch.run(STANDIN_ROW_S="0", STANDIN_LOAD_S="0")
    assert batch.ends() == dict.fromkeys(names, "done")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of that size at `folder`; skips the test where it cannot be had."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_waited_for_and_nothing_is_lost(batch: HostBatch, clock: Clock) -> None:
    with small_disk(batch.folder, "256k"):
        batch.plan(runs(3))
        batch.hold()
        supervisor = batch.start()
        batch.until("row_start")
        ballast = batch.folder / "ballast"
        with ballast.open("wb") as stream, pytest.raises(OSError, match="No space left"):
            while True:
                os.write(stream.fileno(), b"x" * 1024)
        batch.let_go()
        clock.until_slept(0.5)  # what it does where there is no space
        assert supervisor.poll() is None
        ballast.unlink()
        assert supervisor.wait(WAIT_S) == 0
        assert len(batch.ends()) == 3 and batch.events()[-1]["ev"] == "batch_done"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_disk_that_stays_full_ends_the_supervisor_and_the_next_start_goes_on(batch: HostBatch) -> None:
    with small_disk(batch.folder, "256k"):
        batch.plan(runs(3))
        batch.hold()
        argv = [sys.executable, "-B", "-c", _IMPATIENT, str(SUPERVISE), str(batch.folder)]
        supervisor = subprocess.Popen(argv, env={**os.environ, **batch.env}, stderr=subprocess.PIPE)
        batch.started.append(supervisor)
        batch.until("row_start")
        ballast = batch.folder / "ballast"
        with ballast.open("wb") as stream, pytest.raises(OSError, match="No space left"):
            while True:
                os.write(stream.fileno(), b"x" * 1024)
        batch.let_go()
        _, said = supervisor.communicate(timeout=WAIT_S)
        assert supervisor.returncode == 1 and b"No space left on device; started again, it goes on" in said
        assert survivors(batch) == []
        ballast.unlink()
        batch.run()
        assert batch.ends() == dict.fromkeys(runs(3), "done")


_IMPATIENT = """
import runpy, sys
supervise = runpy.run_path(sys.argv[1])
sys.modules["files"].DISK_WAIT_S = 0.2
sys.exit(supervise["main"](sys.argv[1:]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_what_root_wrote_belongs_to_the_owner_of_the_batch_folder(batch: HostBatch) -> None:
    batch.plan(runs(2))
    os.chown(batch.folder, 1234, 4321)
    batch.run(STANDIN_FAULTS=faults(r2="crash"))
    others = {path for path in batch.folder.rglob("*") if path.stat().st_uid != 1234 and path.name != "plan.json"}
    assert others == set()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare")
def test_as_the_first_process_of_a_container_it_reaps_orphans(batch: HostBatch) -> None:
    batch.plan(runs(2))
    orphan_then_look = '(true & exec true) & "$0" -c "$1"; shift; exec "$@"'
    batch.replan(lambda plan: wrap(plan, "sh", "-c", orphan_then_look, sys.executable, _ZOMBIES))
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    argv = [*unshare, sys.executable, "-B", str(SUPERVISE), str(batch.folder)]
    subprocess.run(argv, env={**os.environ, **batch.env}, timeout=WAIT_S, check=True)
    assert "no zombies" in (batch.folder / "logs" / "01-edge.1.log").read_text()
    assert batch.events("batch_start")[0]["pid"] == 1
    assert batch.ends() == {"r1": "done", "r2": "done"}


_ZOMBIES = """
import contextlib, pathlib
from tests.support.waiting import wait_until

def zombies():
    for file in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if "State:\\tZ" in file.read_text():
                return True

wait_until(lambda: not zombies(), "orphans to be reaped")
print("no zombies")
"""


def test_wrong_arguments_are_told(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-B", str(SUPERVISE), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (2, "usage: supervise BATCH_DIR (a folder with plan.json)\n")


OF_THE_HOST = sorted((*SUPERVISE.glob("*.py"), LAUNCH / "transfer1_warm.py"))


@pytest.mark.parametrize("script", OF_THE_HOST, ids=lambda path: path.name)
def test_it_is_python_3_8_and_needs_nothing_but_the_standard_library(script: Path) -> None:
    tree = ast.parse(script.read_text(), feature_version=(3, 8))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= sys.stdlib_module_names | {file.stem for file in SUPERVISE.glob("*.py")}


def test_no_module_of_it_has_the_name_of_one_of_pythons() -> None:
    assert {file.stem for file in SUPERVISE.glob("*.py")} & sys.stdlib_module_names == set()


def test_it_runs_with_the_oldest_python_that_an_image_may_have(batch: HostBatch) -> None:
    python = python_3_8()
    batch.plan(runs(3))
    batch.env["STANDIN_FAULTS"] = faults(r2="crash")
    argv = [python, "-B", str(SUPERVISE), str(batch.folder)]
    env = {**os.environ, "STANDIN_TALLY": str(batch.tally_file), **batch.env}
    subprocess.run(argv, env=env, timeout=WAIT_S, check=True)
    assert batch.ends() == {"r1": "done", "r2": "model-error", "r3": "done"}
    assert not (SUPERVISE / "__pycache__").exists()


def python_3_8() -> str:
    """An interpreter of that version; skips by name where there is none."""
    shims = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for found in (shutil.which("python3.8"), *sorted(map(str, shims.glob("3.8.*/bin/python3.8")))):
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    pytest.skip("python3.8 is not installed")


@pytest.mark.parametrize("kind", ["Layout", "Patterns"])
def test_the_two_sides_of_a_plan_know_the_same_fields(kind: str) -> None:
    ours, theirs = (
        {one.name: one.default if one.default_factory is MISSING else one.default_factory() for one in fields(side)}
        for side in (getattr(protocol, kind), getattr(part("plan"), kind))
    )
    assert ours.keys() == theirs.keys()
    unlike = {
        name
        for name in ours
        if MISSING not in (ours[name], theirs[name]) and (ours[name] or "") != (theirs[name] or "")
    }
    assert unlike == set(), "what is left out means the same on both sides"


@pytest.mark.parametrize("where", ["layouts", "patterns"])
def test_a_plan_with_a_field_that_it_does_not_know_is_not_begun(batch: HostBatch, where: str) -> None:
    def strange(plan: Event) -> None:
        part_of_it = plan["groups"][0][where]
        (part_of_it[0] if where == "layouts" else part_of_it)["volume"] = 11

    batch.plan(runs(2))
    batch.replan(strange)
    argv = [sys.executable, "-B", str(SUPERVISE), str(batch.folder)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (said.returncode, "has no field volume" in said.stderr) == (1, True), said.stderr
    assert [file.name for file in batch.folder.iterdir()] == ["plan.json"]


def test_rows_are_shared_out_longest_first_and_stay_in_plan_order() -> None:
    plan = part("plan")
    rows = [plan.Row(run, "", frames) for run, frames in (("a", 10), ("b", 90), ("c", 50), ("d", 40), ("e", 10))]
    shares = [[row.run for row in share] for share in plan.shared_out(rows, 2)]
    assert shares == [["a", "b"], ["c", "d", "e"]]
    assert [[row.run for row in share] for share in plan.shared_out(rows[:2], 5)] == [["b"], ["a"]]
    assert [[row.run for row in share] for share in plan.shared_out(rows, 1)] == [["a", "b", "c", "d", "e"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("loading\n\n \x1b[31mlast line\x1b[0m \n", "last line"),
        (" 10%|#\r 20%|##\r", "20%|##"),
        ("Traceback:\n  x\nKeyError: 'a'\nINFO bye\n", "KeyError: 'a'"),
        ("[rank0]: torch.OutOfMemoryError: CUDA\nChildFailedError: \n====\n", "[rank0]: torch.OutOfMemoryError: CUDA"),
        ("AssertionError\ntorch.distributed.elastic.multiprocessing.errors.ChildFailedError:\n", "AssertionError"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_the_last_words_of_a_log_are_its_exception_or_its_last_line(text: str, words: str) -> None:
    assert part("words").last_words(text.replace("\r", "\n")) == words

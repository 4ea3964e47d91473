"""Coming back to a batch: attach, fetch, logs, retry, cancel, Ctrl-C, and hosts that are lost or lose things."""

import fcntl
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cosmosctl.host import trust
from tests.conftest import CONFIG
from tests.support import aftermath
from tests.support.aftermath import PROMPTS, Client
from tests.support.killed_client import Moment
from tests.support.tree import Tree
from tests.support.waiting import wait_until

BARE = f"""{CONFIG.replace("host: local", "host: gpu")}hosts:
  gpu:
    engine: bare
    models: {{transfer1: {{command: ["{sys.executable}", -m, cosmosctl.preview.transfer1]}}}}
"""
"""A host whose results are the runs' own, versioned with their receipts."""


def test_fetch_brings_what_has_ended_and_waits_for_nothing(three: Tree) -> None:
    name = _detached(three, faults="silence:second")
    _until_host_says(three, "row_start", times=2)
    assert three.cli("fetch").out.split()[:2] == ["rs_a", "done"]
    assert aftermath.states(three) == {"rs_a": "done", "rs_b": "running", "rs_c": "queued"}
    place = three.run_paths("rs_a").preview
    aftermath.assert_right_video(place, run="rs_a", batch=name, prompt=PROMPTS["rs_a"])
    assert three.cli("fetch", name).out == "nothing ended since\n"
    told = [line.split()[:2] for line in three.cli("status").lines if line.startswith("\trs_")]
    assert told[:3] == [["rs_a", "done"], ["rs_b", "running"], ["rs_c", "queued"]]
    three.cli("cancel", name)


def test_fetch_alone_catches_up_with_a_batch_that_ended_by_itself(three: Tree) -> None:
    name = _detached(three, faults="")
    _until_host_says(three, "batch_done")
    assert [line.split()[:2] for line in three.cli("fetch").lines] == [[run, "done"] for run in PROMPTS]
    _assert_all_right(three, name)
    assert three.cli("fetch").out == "nothing ended since\n"


def test_two_attaches_at_once_bring_each_result_once(three: Tree) -> None:
    name = _detached(three, faults="held:second")
    clients = [Client(three, "attach", name), Client(three, "attach")]
    wait_until(lambda: any(client.has_told("phase: follow") for client in clients), "one of them to follow")
    aftermath.let_go(three)
    for client in clients:
        done = client.end()
        assert done.code == 0, done.err
        assert [line.split()[:2] for line in done.lines if line[:3] == "rs_"] == [[run, "done"] for run in PROMPTS]
    _assert_all_right(three, name)
    assert not any(three.run_paths(run).history.exists() for run in PROMPTS)


def test_attach_to_an_ended_batch_tells_its_summary_again(three: Tree) -> None:
    first = three.cli("batch", "--batch-name", "night")
    again = three.cli("attach", "night")
    assert again.out.splitlines()[:3] == first.out.splitlines()[:3]
    assert aftermath.model_starts(three) == 1


def test_fetch_of_a_run_restores_its_video_from_the_host(three: Tree) -> None:
    three.cli("batch")
    shutil.rmtree(three.run_paths("rs_a").preview.outputs)
    assert aftermath.states(three)["rs_a"] == "absent"
    assert "done" in three.cli("fetch", "rs_a").out
    _assert_all_right(three, three.batches()[0].name)


def test_fetch_of_a_run_restores_its_video_from_history(three: Tree) -> None:
    """As after a checkout of an older commit: its receipt is back, the outputs are those of a newer result."""
    three.config(BARE)
    three.cli("batch", "rs_a")
    place = three.run_paths("rs_a").result
    receipt, old = place.report.read_bytes(), (place.outputs / "output.mp4").read_bytes()
    three.prompt("ps_rs_a", "other words")
    three.cli("batch", "rs_a")
    new = (place.outputs / "output.mp4").read_bytes()
    place.report.write_bytes(receipt)
    three.prompt("ps_rs_a", "first words")
    shutil.rmtree(three.home / "cosmosctl")  # the host has nothing any more

    three.cli("fetch", "rs_a")

    assert (place.outputs / "output.mp4").read_bytes() == old
    kept = [path.read_bytes() for path in three.run_paths("rs_a").history.glob("*/outputs*/output.mp4")]
    assert kept == [new]


def test_a_clone_fetches_the_video_of_a_versioned_receipt(three: Tree, tmp_path: Path) -> None:
    three.cli("init", ".")
    three.config(BARE)
    three.git("init", "--quiet")
    three.cli("batch", "rs_a")
    three.git("add", ".")
    three.git("commit", "--quiet", "-m", "a result")
    clone = Tree(tmp_path / "clone", three.home, three.env)
    three.git("clone", "--quiet", ".", str(clone.root))
    shutil.copytree(three.root / "inputs", clone.root / "inputs", dirs_exist_ok=True)
    assert aftermath.states(clone)["rs_a"] == "absent"
    clone.cli("fetch", "rs_a")
    assert aftermath.states(clone)["rs_a"] == "done"
    ours, theirs = (tree.run_paths("rs_a").result.outputs / "output.mp4" for tree in (clone, three))
    assert ours.read_bytes() == theirs.read_bytes()


def test_fetch_of_a_run_whose_video_is_nowhere_says_what_to_type(three: Tree) -> None:
    three.cli("batch", "rs_a")
    shutil.rmtree(three.home / "cosmosctl")
    shutil.rmtree(three.run_paths("rs_a").preview.outputs)
    told = three.cli("fetch", "rs_a", expect=4).err
    assert "run rs_a: its video is neither in history/ nor on host local" in told
    assert "cosmosctl batch rs_a" in told


def test_logs_are_read_from_the_host_while_the_batch_runs(three: Tree) -> None:
    name = _detached(three, faults="silence:second")
    _until_host_says(three, "run_done")
    for shown in (three.cli("logs"), three.cli("logs", "rs_c")):
        assert shown.out.startswith("=== 01-edge.1: 3 runs\n")
        assert shown.out.count("Saved prompt to ") == 1
    following = Client(three, "logs", "-f", name)
    following.wait_for("run: rsync")
    three.cli("cancel", name)
    followed = following.end()
    assert followed.code == 0
    assert followed.out.count("Saved prompt to ") == 1
    assert three.cli("logs", name).out == three.batches()[0].log.read_text()
    assert three.cli("logs", "rs_a").out == three.run_paths("rs_a").preview.execution_log.read_text()
    aftermath.assert_nothing_left_over(three)


def test_retry_runs_again_what_has_no_result_and_nothing_else(three: Tree) -> None:
    three.cli("batch", "--batch-name", "night", env=aftermath.faults("block:second"), expect=1)
    assert aftermath.states(three) == {"rs_a": "done", "rs_b": "blocked", "rs_c": "done"}
    three.cli("retry", "night")
    assert aftermath.states(three) == dict.fromkeys(PROMPTS, "done")
    assert aftermath.rows_done(three) == Counter(aftermath.named(PROMPTS.values()))
    assert three.cli("retry").err.splitlines()[-1] == "no run has failed"


def test_retry_of_an_unfinished_batch_goes_on_with_it(three: Tree) -> None:
    name = _detached(three, faults="held:second")
    going_on = Client(three, "retry", name)
    going_on.wait_for("phase: follow")
    aftermath.let_go(three)
    assert going_on.end().code == 0
    _assert_all_right(three, name)
    assert len(three.batches()) == 1


def test_cancel_in_the_middle_keeps_what_is_finished(three: Tree) -> None:
    name = _detached(three, faults="silence:second")
    following = Client(three, "attach", name)
    _until_host_says(three, "run_done")
    three.cli("cancel", name)
    assert aftermath.states(three) == {"rs_a": "done", "rs_b": "cancelled", "rs_c": "cancelled"}
    assert following.end().code == 1
    assert "has ended" in three.cli("cancel", name, expect=2).err
    aftermath.assert_nothing_left_over(three)


@pytest.mark.parametrize("phase", ["push", "launch"])
def test_cancel_of_a_batch_that_was_never_sent_frees_its_runs(three: Tree, phase: str) -> None:
    name = _killed_at_the_beginning_of(three, phase)
    assert f"Batch {name}: not sent" in three.cli("status").out
    assert "its runs are free" in three.cli("cancel", name).err
    assert set(aftermath.states(three).values()) == {"pending"}
    assert aftermath.model_starts(three) == 0
    aftermath.assert_nothing_left_over(three)


def test_abandon_frees_the_runs_and_what_turns_up_later_goes_to_history(three: Tree) -> None:
    name = _detached(three, faults="")
    told = three.cli("cancel", name, "--abandon", env={"COSMOSCTL_LOG_LEVEL": "DEBUG"}).err
    assert " run: " not in told  # nothing is asked of a host that is gone
    assert aftermath.states(three) == dict.fromkeys(PROMPTS, "host-lost")
    _until_host_says(three, "batch_done")
    assert [line.split()[:2] for line in three.cli("fetch", name).lines] == [[run, "done"] for run in PROMPTS]
    kept = three.run_paths("rs_b").kept(name)
    aftermath.assert_right_video(kept, run="rs_b", batch=name, prompt=PROMPTS["rs_b"])
    assert not three.run_paths("rs_b").preview.outputs.exists()
    aftermath.assert_nothing_left_over(three)


def test_cancel_of_a_batch_that_another_command_is_sending(three: Tree) -> None:
    go, cancels = three.home / "go", three.home / "cosmosctl" / "batches"
    waits = f'{shutil.which("rsync")} "$@"; code=$?; while ! [ -e {go} ]; do sleep 0.02; done; exit $code'
    sending = Client(
        three, "batch", env=aftermath.programs(three, rsync=f"case $* in *--compare-dest*) {waits} ;; esac")
    )
    wait_until(lambda: list(cancels.glob("*")), "the first files on the host")
    cancelling = Client(three, "cancel", three.batches()[0].name)
    wait_until(lambda: list(cancels.glob("*/cancel")), "the cancel on the host")
    go.touch()
    cancelling.end()
    assert sending.end().code == 1
    assert aftermath.states(three) == dict.fromkeys(PROMPTS, "cancelled")
    assert aftermath.model_starts(three) == 0


def test_a_host_takes_no_run_that_an_unfinished_batch_of_another_clone_has(three: Tree, tmp_path: Path) -> None:
    clone = Tree(tmp_path / "clone", three.home, three.env)
    shutil.copytree(three.root, clone.root)
    name = _detached(three, faults="silence:first")
    refused = clone.cli("batch", "rs_b", "--batch-name", "mine", expect=4).err
    assert f"host local: rs_b is in {name}-" in refused
    assert "a batch of another copy of this project (5f3a91c2), which has not ended" in refused
    assert f"wait for {name}; a copy that is to be a project of its own: cosmosctl init --new-id" in refused
    three.cli("cancel", name)
    clone.cli("batch", "rs_b")
    assert aftermath.states(clone)["rs_b"] == "done"


def test_a_batch_whose_name_another_clone_gave_on_that_host_is_refused_and_leaves_nothing(three: Tree) -> None:
    """Two machines that share a host: neither knows of the other's batch."""
    aftermath.killed(three, Moment("push"), "batch")
    (name,) = (one.name for one in three.batches())
    theirs = three.home / f"cosmosctl/batches/{name}-00000000"
    theirs.mkdir(parents=True)
    (theirs / "rows.txt").write_text("5f3a91c2 rs_theirs 0\n")
    (theirs / "events.jsonl").write_text('{"ev":"batch_done"}\n')
    refused = three.cli("attach", name, expect=4).err
    assert f"host local has a batch of that name, {theirs.name}, which another clone of this project made" in refused
    assert "its runs are free again\n  try: cosmosctl batch rs_a rs_b rs_c\n" in refused
    assert three.batches() == []
    three.cli("batch")
    assert aftermath.states(three) == dict.fromkeys(aftermath.PROMPTS, "done")


def test_a_batch_that_was_given_up_can_still_be_cancelled_on_its_host(three: Tree) -> None:
    name = _detached(three, faults="silence:second")
    _until_host_says(three, "run_done")
    three.cli("cancel", name, "--abandon")
    three.cli("cancel", name)
    aftermath.assert_nobody_left(three)
    three.cli("batch", "rs_b", "rs_c")
    assert (aftermath.states(three)["rs_b"], aftermath.states(three)["rs_c"]) == ("done", "done")


def test_ctrl_c_before_the_launch_aborts_and_frees_the_runs(three: Tree) -> None:
    client = Client(
        three, "batch", env=aftermath.programs(three, rsync="case $* in *--version*) ;; *) exec sleep 1000000 ;; esac")
    )
    client.wait_for("run: rsync -rL")
    client.send(signal.SIGINT)
    done = client.end()
    assert done.code == 130
    name = three.batches()[0].name
    assert f"stopped before {name} was launched; its runs are free again" in done.err
    assert set(aftermath.states(three).values()) == {"pending"}
    assert aftermath.model_starts(three) == 0
    aftermath.assert_nobody_left(three)


@pytest.mark.parametrize("how", ["group", "client alone", "again and again"])
def test_ctrl_c_after_the_launch_detaches_and_says_how_to_come_back(three: Tree, how: str) -> None:
    client = Client(three, "batch", env=aftermath.faults("held:first"))
    client.wait_for("phase: follow")
    for _ in range(3 if how == "again and again" else 1):
        client.send(signal.SIGINT, alone=how == "client alone")
    done = client.end()
    name = three.batches()[0].name
    if how != "again and again":  # then there may be no time for words
        assert done.code == 130
        told = f"stopped watching; {name} goes on by itself on local\n"
        told += f"  cosmosctl attach {name} comes back, cosmosctl cancel {name} ends it\n"
        assert f"\n{told}" in done.err  # what the thread that follows notes may come after it
        assert "error:" not in done.err
    aftermath.let_go(three)
    three.cli("attach", name)
    _assert_all_right(three, name)
    assert aftermath.model_starts(three) == 1


def test_ctrl_c_while_the_host_is_asked_to_launch_gives_nothing_up(three: Tree) -> None:
    folder = three.home / "cosmosctl"
    folder.mkdir()
    with (folder / "launch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        client = Client(three, "batch")
        wait_until(lambda: any(three.root.glob("batches/*/launch.yaml")), "the host to be asked")
        client.send(signal.SIGINT)
        assert client.end().code == 130
    assert set(aftermath.states(three).values()) == {"queued"}
    three.cli("attach")
    _assert_all_right(three, three.batches()[0].name)


def test_a_bundle_that_was_sent_before_is_sent_anew(three: Tree) -> None:
    """As after an upgrade in between: nothing of the older one may be left in the newer one's files."""
    name = _killed_at_the_beginning_of(three, "launch")
    plan = three.paths.batch(name).plan
    facts = json.loads(plan.read_text())
    plan.write_text(json.dumps({"new in this version": "x" * 5000, **facts}))
    trust.note_made(three.paths.batch(name))
    three.cli("attach", name)
    assert (aftermath.host_folder(three) / "plan.json").read_bytes() == plan.read_bytes()
    _assert_all_right(three, name)


def test_a_pull_that_breaks_off_is_tried_again(three: Tree) -> None:
    broken = three.home / "broken"
    once = f"case $* in *--include-from*) [ -e {broken} ] || {{ touch {broken}; exit 12; }} ;; esac"
    done = three.cli("batch", env=aftermath.programs(three, rsync=once))
    assert broken.exists()
    assert done.code == 0
    _assert_all_right(three, three.batches()[0].name)


def test_a_follower_that_breaks_off_is_started_again(three: Tree) -> None:
    client = Client(three, "batch", env=aftermath.faults("held:second"))
    _until_host_says(three, "run_done")

    def is_killed() -> bool:
        for pid in aftermath.pids(three, "sh -s -- ") if not client.has_told("follow ended") else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return client.has_told("follow ended with -9")

    wait_until(is_killed, "the follower to be killed", look_s=0.2)
    aftermath.let_go(three)
    done = client.end()
    assert done.code == 0, done.err
    assert "follow ended with -9" in done.err
    _assert_all_right(three, three.batches()[0].name)


def test_a_host_that_lost_the_batch_gets_it_again(three: Tree) -> None:
    name = _detached(three, faults="silence:second")
    _until_host_says(three, "run_done")
    three.cli("fetch")
    aftermath.kill_supervisor(three)
    shutil.rmtree(three.home / "cosmosctl")
    three.cli("attach", name)
    _assert_all_right(three, name)
    assert three.paths.batch(name).events_before.exists()
    assert aftermath.rows_done(three)[min(aftermath.named([PROMPTS["rs_a"]]))] == 2  # the host forgot the first


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(lambda events: events[:-300], id="torn"),
        pytest.param(lambda events: b"\0" * len(events), id="zeros"),
        pytest.param(lambda events: events + b'{"ev": 7}\n[]\n' * 99, id="longer"),
    ],
)
def test_a_damaged_copy_of_the_events_is_made_anew(three: Tree, damaged: Callable[[bytes], bytes]) -> None:
    name = _detached(three, faults="")
    _until_host_says(three, "batch_done")
    events = aftermath.host_folder(three).joinpath("events.jsonl").read_bytes()
    three.paths.batch(name).events.write_bytes(damaged(events))
    three.cli("attach", name)
    assert three.paths.batch(name).events.read_bytes().startswith(events)
    _assert_all_right(three, name)
    assert aftermath.model_starts(three) == 1


def test_garbage_among_the_hosts_events_is_passed_over(three: Tree) -> None:
    name = _detached(three, faults="held:second")
    _until_host_says(three, "run_done")
    aftermath.kill_supervisor(three)
    aftermath.let_go(three)
    with aftermath.host_folder(three).joinpath("events.jsonl").open("ab") as events:
        events.write(b'\xff\x00{"ev":\n[1]\n{"ev":"progress","t":NaN}\n{"ev":"run_done","t":5,"run":"rs')
    three.cli("attach", name)
    _assert_all_right(three, name)


def test_a_job_that_is_gone_again_and_again_is_told_and_its_runs_are_not_failed(three: Tree) -> None:
    name = _detached(three, faults="silence:first")
    aftermath.kill_supervisor(three)
    folder = aftermath.host_folder(three)
    (folder / "supervise/__main__.py").write_text(
        "import fcntl, sys\nlock = open(sys.argv[1] + '/lock', 'w')\nfcntl.flock(lock, fcntl.LOCK_EX)\n"
        "fcntl.flock(open(sys.argv[1] + '/../../launch.lock'), fcntl.LOCK_EX)\n"  # the launch has seen it by then
    )
    told = three.cli("attach", name, expect=4).err
    assert f"the job of {name} is gone and left no end, 3 times in a row (host-lost)" in told
    assert f"cosmosctl cancel {name} --abandon frees its runs" in told
    assert set(aftermath.states(three).values()) <= {"queued", "running"}
    for pid in aftermath.pids(three, sys.executable):  # the model, which nobody tends any more
        os.kill(pid, signal.SIGKILL)
    aftermath.assert_nobody_left(three)


def _assert_all_right(tree: Tree, batch: str) -> None:
    """Every run has its own result of that batch, made once unless the test says otherwise; nothing is left over."""
    assert aftermath.states(tree) == dict.fromkeys(PROMPTS, "done")
    for run, prompt in PROMPTS.items():
        aftermath.assert_right_result(tree.run_paths(run).preview, run=run, batch=batch, prompt=prompt)
    aftermath.assert_nothing_left_over(tree)


def _detached(tree: Tree, *, faults: str) -> str:
    """The name of a batch of all runs that was launched just now and goes on by itself."""
    return tree.cli("batch", "--detach", env=aftermath.faults(faults)).out.strip()


def _until_host_says(tree: Tree, event: str, times: int = 1) -> None:
    def is_told() -> bool:
        files = (tree.home / "cosmosctl" / "batches").glob("*/events.jsonl")
        return any(file.read_text(encoding="utf-8").count(f'"ev":"{event}"') >= times for file in files)

    wait_until(is_told)


def _killed_at_the_beginning_of(tree: Tree, phase: str, *args: str) -> str:
    """The name of the newest batch after a command (batch, if none is given) was killed there."""
    aftermath.killed(tree, Moment(phase, step=1), *(args or ("batch",)))
    return tree.batches()[-1].name

"""Who does the work, here and there: killed, gone, doubled, waited for."""

import fcntl
import os
import signal
from contextlib import suppress
from dataclasses import replace

from tests.support import aftermath
from tests.support.aftermath import PROMPTS
from tests.support.killed_client import Moment
from tests.support.lab import Lab


def _killed(pid: int) -> None:
    with suppress(ProcessLookupError):  # it went by itself since it was seen
        os.kill(pid, signal.SIGKILL)


def client_killed(lab: Lab) -> None:
    phase = lab.pick("bundle", "push", "launch", "follow", "pull", "collect", "close")
    signs = {"launch": ("rows.txt", "lock", "events.jsonl"), "follow": ("done/rs_a", "done/rs_b", "logs")}
    moment = Moment(phase, step=lab.chance.randint(1, 12), alone=lab.pick(True, False))
    if phase in signs and lab.pick(True, False):
        moment = replace(moment, step=0, there=lab.pick(*signs[phase]))
    lab.moment.append(str(moment))
    aftermath.killed(lab.tree, moment, "batch", dir=lab.dir)
    lab.catch_up()
    lab.assert_all_well()


def client_gone_for_the_whole_batch(lab: Lab) -> None:
    told = lab.pick("batch_start", "process_start", "loaded", "row_start")
    aftermath.killed(lab.tree, Moment("follow", there="events.jsonl", told=told), "batch", dir=lab.dir)
    lab.line.refuse()
    lab.line.cut()
    lab.until_there("batch_done")
    refused = lab.tree.cli("fetch", expect=4)
    assert "it refused the connection" in refused.err
    lab.line.listen()
    lab.tree.cli(lab.pick("fetch", "attach"))
    lab.assert_all_well()


def two_clients_attach_to_one_batch(lab: Lab) -> None:
    run = lab.hold_one()
    name = lab.launched()
    if lab.pick(True, False):
        lab.until_held(run)
    first = lab.start("attach", name)
    if phase := lab.pick("", "launch", "follow"):
        first.wait_for(f"phase: {phase}")
    second = lab.start("attach", name)
    lab.let_go()
    for client in (first, second):
        done = lab.end(client)
        assert [line.split()[:2] for line in done.lines if line[:3] == "rs_"] == [[run, "done"] for run in PROMPTS]
    lab.assert_all_well()
    assert not any(lab.tree.run_paths(run).history.exists() for run in PROMPTS)


def model_killed(lab: Lab) -> None:
    run = lab.hold_one()
    client = lab.start("batch")
    lab.until_held(run)
    for pid in lab.there("cosmosctl.preview.transfer1"):
        _killed(pid)
    lab.let_go()
    lab.end(client)
    lab.assert_all_well()


def supervisor_killed_with_the_model_alive(lab: Lab) -> None:
    run = lab.hold_one()
    client = lab.start("batch")
    lab.until_there("process_start")
    if lab.pick(True, False):
        lab.until_held(run)
    was_launched = client.has_told("phase: follow")
    for pid in lab.there("/supervise"):  # the shell that launches it is among them, as long as it lives
        _killed(pid)
    lab.let_go()
    lab.end(client, 0, *(() if was_launched else (4,)))
    lab.catch_up()
    lab.assert_all_well()
    assert lab.tallied("load") == 1


def events_with_garbage_and_a_torn_end(lab: Lab) -> None:
    run = lab.hold_one()
    name = lab.launched()
    lab.until_held(run)
    for pid in lab.there("/supervise"):
        _killed(pid)
    [folder] = lab.folders()
    torn = b'{"ev":"run_done","t":5,"run":"rs_a","outputs":['
    with (folder / "events.jsonl").open("ab") as events:
        events.write(lab.chance.randbytes(200).replace(b"\n", b"") + b"\n" + torn[: lab.chance.randint(1, len(torn))])
    lab.let_go()
    lab.tree.cli("attach", name)
    lab.assert_all_well()


def container_killed(lab: Lab) -> None:
    run = lab.hold_one()
    client = lab.start("batch")
    lab.until_held(run)
    lab.boxes("kill", expect=None)
    lab.let_go()
    lab.end(client)
    lab.assert_all_well()


def host_rebooted(lab: Lab) -> None:
    run = lab.hold_one()
    client = lab.start("batch")
    lab.until_held(run)
    lab.line.refuse()
    lab.kill_sessions()
    lab.boxes("rm", "--force", "--time", "0")
    if lab.pick(True, False):
        lab.until(lambda: client.has_told("unreachable since"), or_ended=client)
    lab.let_go()
    lab.line.listen()
    lab.end(client)
    lab.assert_all_well()


def gpu_of_another_batch_is_waited_for(lab: Lab) -> None:
    lab.configure(more="    gpus: [0]\n")
    (lab.dir / "locks").mkdir(parents=True)
    with (lab.dir / "locks/gpu-GPU-00000000-0000-0000-0000-000000000000").open("w") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        client = lab.start("batch")
        client.wait_for("waiting for a GPU that another batch has (")
        lab.until_looked_around()
        assert lab.tallied("load") == 0
    lab.end(client)
    lab.assert_all_well()

"""The fault matrix of a real GPU host: whatever goes wrong, and whenever, every run gets its right result, once.

A case is a function over a `Lab`; what it draws from the seed is its moment. `make test` tries one moment of each case,
`make soak` (COSMOSCTL_SOAK=1) ten. COSMOSCTL_FAULT_SEED sets another seed.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests import aftermath
from tests.containers import Engine
from tests.killed_client import Moment
from tests.lab import PROMPTS, Lab, running_lab
from tests.sshd import needs_sshd
from tests.tree import Tree

SEED = int(os.environ.get("COSMOSCTL_FAULT_SEED", "20261122"))
TIMES = 10
"""Moments of each case in a soak."""
LANES = 3
"""Cases of a soak that go on at once: most of their time is waiting."""

Case = Callable[[Lab], None]


def session_killed_during_push(lab: Lab) -> None:
    lab.pad(300_000)
    lab.line.bytes_per_s = 600_000
    client = lab.start("batch")
    sent = lab.draw("bytes sent", 3_000, 320_000)
    lab.until(lambda: lab.line.sent > sent, or_ended=client)
    lab.kill_sessions()
    lab.line.bytes_per_s = 0
    lab.end(client, 0, 4)
    lab.catch_up()
    lab.assert_all_well()


def session_killed_during_follow(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for("phase: follow")
    lab.pause("after the launch", 0, 1)
    lab.kill_sessions()
    lab.end(client)
    lab.assert_all_well()


def session_killed_during_pull(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for("phase: pull")
    lab.line.bytes_per_s = 15_000
    lab.pause("after the pull began", 0, 0.6)
    lab.kill_sessions()
    lab.line.bytes_per_s = 0
    lab.end(client)
    lab.assert_all_well()


def line_frozen_and_back(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for(f"phase: {lab.pick('push', 'launch', 'follow', 'pull')}")
    lab.pause("later", 0, 0.3)
    lab.line.freeze()
    lab.pause("frozen", 0.5, 4)
    lab.line.thaw()
    lab.end(client)
    lab.assert_all_well()


def port_refused_for_a_while(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for("phase: follow")
    lab.pause("after the launch", 0, 0.6)
    lab.line.refuse()
    lab.line.cut()
    lab.pause("refused", 0.2, 2)
    lab.line.listen()
    lab.end(client)
    lab.assert_all_well()


def answer_to_launch_lost(lab: Lab) -> None:
    client = lab.start("batch")
    sign = lab.pick("rows.txt", "lock", "events.jsonl")
    lab.until(lambda: any((folder / sign).exists() for folder in lab.folders()), or_ended=client)
    lab.line.cut()
    lab.end(client, 0, 4)
    lab.catch_up()
    lab.assert_all_well()
    assert lab.tallied("load") == 1


def client_killed(lab: Lab) -> None:
    phase = lab.pick("bundle", "push", "launch", "follow", "pull", "collect", "close")
    by_step = phase in ("bundle", "collect", "close")
    moment = Moment(phase, step=lab.chance.randint(1, 12)) if by_step else Moment(phase, delay_s=lab.draw("s", 0, 0.3))
    moment = replace(moment, alone=lab.pick(True, False))
    lab.moment.append(str(moment))
    aftermath.killed(lab.tree, moment, "batch")
    lab.catch_up()
    lab.assert_all_well()


def client_gone_for_the_whole_batch(lab: Lab) -> None:
    aftermath.killed(lab.tree, Moment("follow", delay_s=lab.draw("s", 0, 0.3)), "batch")
    lab.line.refuse()
    lab.line.cut()
    lab.until_there("batch_done")
    refused = lab.tree.cli("fetch", expect=4)
    assert "it refused the connection" in refused.err
    lab.line.listen()
    lab.tree.cli(lab.pick("fetch", "attach"))
    lab.assert_all_well()


def model_killed(lab: Lab) -> None:
    client = lab.start("batch")
    lab.until(lambda: lab.tallied("start") > 0)
    lab.pause("after the first row began", 0, 0.5)
    for pid in lab.there("cosmosctl.preview.transfer1"):
        os.kill(pid, signal.SIGKILL)
    lab.end(client)
    lab.assert_all_well()


def supervisor_killed_with_the_model_alive(lab: Lab) -> None:
    client = lab.start("batch")
    lab.until_there("process_start")
    lab.pause("after the model was started", 0, 0.8)
    for pid in lab.there("/supervise.py"):
        os.kill(pid, signal.SIGKILL)
    lab.end(client)
    lab.assert_all_well()
    assert lab.tallied("load") == 1


def events_with_garbage_and_a_torn_end(lab: Lab) -> None:
    name = lab.launched()
    lab.until_there("row_start")
    lab.pause("after the first row began", 0, 0.5)
    for pid in lab.there("/supervise.py"):
        os.kill(pid, signal.SIGKILL)
    [folder] = lab.folders()
    torn = b'{"ev":"run_done","t":5,"run":"rs_a","outputs":['
    with (folder / "events.jsonl").open("ab") as events:
        events.write(lab.chance.randbytes(200).replace(b"\n", b"") + b"\n" + torn[: lab.chance.randint(1, len(torn))])
    lab.tree.cli("attach", name)
    lab.assert_all_well()


def two_clients_attach_to_one_batch(lab: Lab) -> None:
    name = lab.launched()
    lab.pause("before the first", 0, 0.5)
    first = lab.start("attach", name)
    lab.pause("between them", 0, 0.8)
    second = lab.start("attach", name)
    for client in (first, second):
        done = lab.end(client)
        assert [line.split()[:2] for line in done.lines if line[:3] == "rs_"] == [[run, "done"] for run in PROMPTS]
    lab.assert_all_well()
    assert not any(lab.tree.run_paths(run).history.exists() for run in PROMPTS)


def two_projects_batch_at_once(lab: Lab) -> None:
    other = _copy(lab, "other")
    other.config(lab.tree.paths.config.read_text().replace("5f3a91c2", "0123abcd"))
    clients = [lab.start("batch")]
    lab.pause("between them", 0, 0.6)
    clients.append(replace(lab, tree=other).start("batch"))
    for client in clients:
        lab.end(client)
    for tree in (lab.tree, other):
        for run, prompt in PROMPTS.items():
            lab.assert_right(tree, run, prompt)
    assert set(aftermath.rows_done(lab.tree).values()) == {2}  # once in each project
    lab.assert_nothing_left(lab.tree, other)


def two_clones_batch_the_same_runs(lab: Lab) -> None:
    clone = _copy(lab, "clone")
    first = lab.start("batch", "--batch-name", "mine")
    lab.pause("between them", 0, 0.5)
    second = replace(lab, tree=clone).start("batch", "--batch-name", "theirs")
    ends = {name: client.end() for name, client in (("mine", first), ("theirs", second))}
    assert sorted(done.code for done in ends.values()) == [0, 4], {name: done.err for name, done in ends.items()}
    won, lost = sorted(ends, key=lambda name: ends[name].code)
    winner, loser = (lab.tree, clone) if won == "mine" else (clone, lab.tree)
    assert f"rs_a is in {won}_" in ends[lost].err
    loser.cli("cancel", loser.batches()[0].name)
    assert set(aftermath.states(loser).values()) == {"pending"}
    assert lab.tallied("done") == len(PROMPTS)
    replace(lab, tree=winner).assert_all_well()
    lab.assert_nothing_left(lab.tree, clone)


def input_edited_while_it_is_sent(lab: Lab) -> None:
    lab.pad(200_000)
    lab.line.bytes_per_s = 400_000
    client = lab.start("batch")
    sent = lab.draw("bytes sent", 3_000, 210_000)
    lab.until(lambda: lab.line.sent > sent, or_ended=client)
    video = lab.tree.root / "inputs/videos/city/color.mp4"
    _edit(video, lab.pick("in place", "replaced", "shorter", "longer"))
    lab.line.bytes_per_s = 0
    done = lab.end(client, 0, 1, 3, 4)
    made_before = set(lab.states().values()) == {"changed"}
    if made_before:  # the host had the whole of it: the results are those of the video as it was
        assert done.code == 0
        _assert_made_from_what_was_sent(lab)
        return
    if "queued" in lab.states().values():
        assert "was changed since" in done.err
        lab.tree.cli("cancel", lab.batch_name())
        lab.tree.cli("batch")
    else:
        assert set(lab.states().values()) == {"bad-input"}, done.err
        lab.tree.cli("retry")
    lab.assert_all_well()


def gc_at_the_moment_of_a_push(lab: Lab) -> None:
    lab.tree.cli("batch", "rs_a")
    _age(lab.dir)
    lab.line.bytes_per_s = 200_000
    client = lab.start("batch", "rs_b", "rs_c")
    client.wait_for(f"phase: {lab.pick('push', 'launch')}")
    lab.pause("later", 0, 0.4)
    lab.tree.cli("gc", "lab")
    lab.line.bytes_per_s = 0
    lab.end(client)
    lab.assert_all_well()


def wrong_host_key(lab: Lab) -> None:
    known = lab.sshd.folder / "line.known_hosts"
    right = known.read_text()
    other = " ".join((lab.sshd.folder / "other_key.pub").read_text().split()[:2])
    wrong = {"not known": "", "changed": f"[127.0.0.1]:{lab.line.port} {other}\n", "revoked": f"@revoked {right}"}
    how = lab.pick(*wrong)
    known.write_text(wrong[how])
    told = lab.tree.cli("batch", expect=4).err
    assert {"not known": "is not known here", "changed": "has changed", "revoked": "as revoked"}[how] in told
    assert not lab.dir.exists()
    known.write_text(right)
    lab.catch_up()
    lab.assert_all_well()


def output_truncated_in_flight(lab: Lab) -> None:
    mark, damage = lab.root / "damaged", lab.pick("cut short", "torn", "other bytes")
    size = int(lab.draw("bytes", 0, 1_700))
    command = {
        "cut short": f'truncate -s {size} "$file"',
        "torn": f'truncate -s {size} "$file"; code=12',
        "other bytes": f'printf x | dd of="$file" bs=1 seek={size} conv=notrunc status=none',
    }[damage]
    rsync = f"""
case "$*" in *--include-from*) ;; *) exec {shutil.which("rsync")} "$@" ;; esac
{shutil.which("rsync")} "$@"
code=$?
for file in '{lab.tree.paths.staging}'/*/pulled/done/*/output.mp4; do
    [ -e "$file" ] && [ ! -e '{mark}' ] || continue
    {command}
    touch '{mark}'
done
exit $code"""
    lab.tree.cli("batch", env=aftermath.programs(lab.tree, rsync=rsync))
    assert mark.exists()
    lab.assert_all_well()


def _copy(lab: Lab, name: str) -> Tree:
    """The same project once more."""
    root = lab.root / name
    shutil.copytree(lab.tree.root, root)
    return replace(lab.tree, root=root)


def _edit(video: Path, how: str) -> None:
    """Change a video under whoever reads it, in its last box, so that it stays a video."""
    data = video.read_bytes()
    changed = {
        "in place": data[:-100_000] + bytes(100_000),
        "replaced": data[:-100_000] + bytes(100_000),
        "shorter": data,
        "longer": data + b"\0\0\0\x0cfreelong",
    }[how]
    if how == "shorter":
        video.write_bytes(data[: len(data) - 200_008])
    elif how == "replaced":
        video.with_name("new").write_bytes(changed)
        video.with_name("new").replace(video)
    else:
        with video.open("r+b") as file:
            file.write(changed)


def _assert_made_from_what_was_sent(lab: Lab) -> None:
    for run, prompt in PROMPTS.items():
        lab.assert_right(lab.tree, run, prompt)
    lab.assert_nothing_left()


def _age(folder: Path) -> None:
    """Everything there was touched three days ago."""
    days_ago = time.time() - 3 * 86_400
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (days_ago, days_ago))


@dataclass(frozen=True)
class Setting:
    """What a case needs: how long a row takes, and whether the host runs containers."""

    case: Case
    row_s: float = 0.15
    boxed: bool = False


CASES: Mapping[str, Setting] = {
    setting.case.__name__: setting
    for setting in (
        Setting(session_killed_during_push, row_s=0.02),
        Setting(session_killed_during_follow, row_s=0.3),
        Setting(session_killed_during_pull, row_s=0.1),
        Setting(line_frozen_and_back),
        Setting(port_refused_for_a_while, row_s=0.3),
        Setting(answer_to_launch_lost),
        Setting(client_killed),
        Setting(client_gone_for_the_whole_batch),
        Setting(model_killed),
        Setting(supervisor_killed_with_the_model_alive, row_s=0.3),
        Setting(events_with_garbage_and_a_torn_end),
        Setting(two_clients_attach_to_one_batch, row_s=0.4),
        Setting(two_projects_batch_at_once),
        Setting(two_clones_batch_the_same_runs, row_s=0.8),
        Setting(input_edited_while_it_is_sent, row_s=0.02),
        Setting(gc_at_the_moment_of_a_push, row_s=0.05),
        Setting(wrong_host_key, row_s=0.02),
        Setting(output_truncated_in_flight, row_s=0.05),
    )
}

pytestmark = needs_sshd


@pytest.mark.parametrize("name", [name for name, setting in CASES.items() if not setting.boxed])
def test_every_run_gets_its_right_result_once(name: str, tmp_path: Path) -> None:
    _try(name, 0, tmp_path, None)


def _try(name: str, number: int, folder: Path, engine: Engine | None) -> None:
    """One moment of one case, told before it is tried."""
    setting, chance = CASES[name], random.Random(f"{SEED} {name} {number}")
    with running_lab(folder / f"{name}-{number}", chance, engine=engine, row_s=setting.row_s) as lab:
        try:
            setting.case(lab)
        finally:
            print(f"seed {SEED}: {name} {number}: {', '.join(lab.moment)}")

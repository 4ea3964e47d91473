"""The fault matrix of a real GPU host: whatever goes wrong, and whenever, every run gets its right result, once.

A case is a function over a `Lab`; what it draws from the seed is its moment. `make test` tries one moment of each case,
`make soak` (COSMOSCTL_SOAK=1) ten. COSMOSCTL_FAULT_SEED sets another seed.
"""

import fcntl
import json
import os
import random
import shlex
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests import aftermath
from tests.aftermath import Client
from tests.containers import IMAGE, Engine, needs_podman
from tests.disks import small_disk
from tests.killed_client import Moment
from tests.lab import PROMPTS, Lab, end_connections, running_lab
from tests.sshd import Sshd, needs_sshd, running_sshd, write_client_config
from tests.tree import REPOSITORY, Tree
from tests.users import NAME, SecondUser, second_user

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
    other, prompts = _copy(lab, "other"), {run: f"the other's {prompt}" for run, prompt in PROMPTS.items()}
    for run, prompt in prompts.items():
        other.prompt(f"ps_{run}", prompt)
    other.config(lab.tree.paths.config.read_text().replace("5f3a91c2", "0123abcd"))
    clients = [lab.start("batch")]
    lab.pause("between them", 0, 0.6)
    clients.append(replace(lab, tree=other).start("batch"))
    for client in clients:
        lab.end(client)
    _assert_both_right(lab, ((lab.tree, PROMPTS), (other, prompts)))
    lab.assert_nothing_left(lab.tree, other)


def two_users_batch_at_once(lab: Lab) -> None:
    """Each with a folder of its own on one machine, where they share a GPU."""
    with (
        second_user(sys.executable, "-c", "import cosmosctl") as ann,
        running_sshd(
            ann.root / "sshd", before=ann.among_us, env={"COSMOSCTL_GPU_LOCKS": str(ann.open / "locks")}
        ) as sshd,
    ):
        trees = (_of_user(lab, ann, sshd, "root", "us"), _of_user(lab, ann, sshd, NAME, "ann"))
        theirs = {run: f"the other's {prompt}" for run, prompt in PROMPTS.items()}
        for run, prompt in theirs.items():
            trees[1].prompt(f"ps_{run}", prompt)
        ann.own(trees[1].home)
        first, second = lab.pick((0, 1), (1, 0))
        clients = {first: Client(trees[first], "batch", before=ann.alone if first else ())}
        lab.pause("between them", 0, 0.6)
        clients[second] = Client(trees[second], "batch", before=ann.alone if second else ())
        for client in clients.values():
            lab.end(client)
        shutil.copy(ann.tally, lab.tally)
        _assert_both_right(lab, ((trees[0], PROMPTS), (trees[1], theirs)))
        starts, ends = _model_times(trees)
        assert max(starts) >= min(ends), "two models had the GPU at once"
        text = trees[1].paths.config.read_text().replace(str(ann.root / "ann/dir"), str(ann.root / "us/dir"))
        trees[1].config(text)
        refused = Client(trees[1], "batch", "rs_a", before=ann.alone)
        assert "us/dir belongs to another user" in lab.end(refused, 4).err
        for tree in trees:
            end_connections(tree)
            aftermath.assert_nobody_left(tree)


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
    assert how != "changed" or "ssh-keygen -R" in told
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


def result_replaced_by_a_link_to_a_secret(lab: Lab) -> None:
    lab.launched()
    lab.until_there("batch_done")
    what = lab.pick("done/rs_a/output.mp4", "done/rs_a", "done", "logs/01-edge.1.log", "logs", "events.jsonl")
    [folder] = lab.folders()
    secret = _secret_like(folder / what, lab.root / "secret")
    (folder / what).rename(lab.root / "real")
    (folder / what).symlink_to(lab.pick(str(secret), os.path.relpath(secret, (folder / what).parent)))
    done = lab.tree.cli("attach", expect=None)
    _assert_no_secret(lab)
    if what == "events.jsonl":
        assert (done.code, "is a link" in done.err) == (4, True)
        (folder / what).unlink()
        (lab.root / "real").rename(folder / what)
        lab.tree.cli("attach")
        _assert_no_secret(lab)
    assert lab.tallied("done") == len(PROMPTS)
    lost = {"done": set(PROMPTS), "done/rs_a": {"rs_a"}, "done/rs_a/output.mp4": {"rs_a"}}.get(what, set())
    assert lab.states() == {run: "bad-output" if run in lost else "done" for run in PROMPTS}
    assert (done.code == 0) == (not lost and what != "events.jsonl")
    assert "is a link" in done.out + done.err or not lost
    lab.assert_nothing_left()


def more_than_a_result_can_be(lab: Lab) -> None:
    name = lab.launched()
    lab.until_there("batch_done")
    [folder] = lab.folders()
    what = lab.pick("done/rs_a/output.mp4", "logs/01-edge.1.log", "told", "many")
    events = folder / "events.jsonl"
    if what == "told":
        told = f'"path":"output.mp4","bytes":{300 << 30}'
        events.write_text(events.read_text().replace('"path":"output.mp4","bytes":', told, 1))
    elif what == "many":
        entry = '{"path":"x","bytes":1,"sha256":"0"},'
        events.write_text(events.read_text().replace('"outputs":[', '"outputs":[' + entry * 100, 1))
    else:
        os.truncate(folder / what, 300 << 30)
    done = lab.tree.cli("attach", name, expect=None)
    is_log = what.startswith("logs/")
    assert done.code == (0 if is_log else 1), done.err
    assert lab.states() == {run: "bad-output" if run == "rs_a" and not is_log else "done" for run in PROMPTS}
    words = {
        "told": "names a file of",
        "many": "names 10",
        "done/rs_a/output.mp4": "larger than its event tells",
    }
    assert words.get(what, "") in done.out
    assert sum(file.stat().st_size for file in lab.tree.root.rglob("*") if file.is_file()) < 4 << 20
    lab.assert_nothing_left()


def disk_full_on_the_host(lab: Lab) -> None:
    lab.dir.mkdir()
    with small_disk(lab.dir, lab.root / "spare", mib=60) as filler:
        client = lab.start("batch")
        client.wait_for(f"phase: {lab.pick('push', 'launch', 'follow', 'pull')}")
        lab.pause("later", 0, 0.3)
        filler.fill(keep_kib=int(lab.draw("KiB left", 0, 40)))
        lab.pause("full", 0.3, 1.5)
        filler.free()
        lab.end(client, 0, 1, 4)
        lab.catch_up()
        if "done" not in set(lab.states().values()) or len(set(lab.states().values())) > 1:
            assert set(lab.states().values()) <= {"done", "model-error", "not-reached", "bad-output"}
            lab.tree.cli("retry")
        lab.assert_all_well()


def disk_full_here(lab: Lab) -> None:
    with small_disk(lab.tree.root, lab.root / "spare", mib=3) as filler:
        client = lab.start("batch")
        client.wait_for(f"phase: {lab.pick('bundle', 'push', 'launch', 'follow', 'pull', 'collect', 'close')}")
        lab.pause("later", 0, 0.2)
        filler.fill(keep_kib=int(lab.draw("KiB left", 0, 60)))
        done = lab.end(client, 0, 3)
        assert done.code == 0 or "there is no space left on the disk" in done.err
        filler.free()
        lab.catch_up()
        lab.assert_all_well()


def container_killed(lab: Lab) -> None:
    client = lab.start("batch")
    lab.until(lambda: lab.tallied("start") > 0)
    lab.pause("after the first row began", 0, 1.2)
    lab.boxes("kill", expect=None)
    lab.end(client)
    lab.assert_all_well()


def host_rebooted(lab: Lab) -> None:
    client = lab.start("batch")
    lab.until(lambda: lab.tallied("start") > 0)
    lab.pause("after the first row began", 0, 1.2)
    lab.line.refuse()
    lab.kill_sessions()
    lab.boxes("rm", "--force", "--time", "0")
    lab.pause("down", 0, 1)
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
        lab.pause("later", 0, 0.5)
        assert lab.tallied("load") == 0
    lab.end(client)
    lab.assert_all_well()


def image_missing(lab: Lab) -> None:
    engine = _own_image(lab)
    told = _without(lab, lambda: engine("untag", lab.image, lab.image), lambda: engine("tag", IMAGE, lab.image))
    assert not told or lab.image in told
    lab.assert_all_well()


def engine_missing(lab: Lab) -> None:
    engine = _own_image(lab)
    program, away = lab.root / "podman", lab.root / "away"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(engine.command)} "$@"\n')
    program.chmod(0o755)
    lab.engine = replace(engine, command=(str(program),))
    lab.configure()
    told = _without(lab, lambda: program.rename(away), lambda: away.rename(program))
    assert not told or str(program) in told
    lab.assert_all_well()


def python_missing_in_the_image(lab: Lab) -> None:
    engine = _own_image(lab)
    bare = _without_python(engine)
    told = _without(lab, lambda: engine("tag", bare, lab.image), lambda: engine("tag", IMAGE, lab.image))
    assert not told or "python3" in told
    lab.assert_all_well()


def _without(lab: Lab, take_away: Callable[[], object], bring_back: Callable[[], object]) -> str:
    """What a batch says that lacks something from a drawn moment on; then it is brought back, and attach goes on."""
    at_once = lab.pick(True, False)
    if at_once:
        take_away()
    lab.line.bytes_per_s = 100_000
    client = lab.start("batch")
    if not at_once:
        client.wait_for("phase: push")
        lab.pause("later", 0, 0.8)
        take_away()
    lab.line.bytes_per_s = 0
    done = lab.end(client, *((4,) if at_once else (0, 4)))
    nothing_sent = not list(lab.dir.rglob("*.mp4"))
    bring_back()
    if done.code:
        assert nothing_sent or "phase: launch" in done.err
        assert set(lab.states().values()) == {"queued"}
        lab.catch_up()
    return done.err if done.code else ""


def _own_image(lab: Lab) -> Engine:
    """The engine, where the host's image has a name of its own."""
    assert lab.engine is not None
    lab.image = f"localhost/{lab.chance.randbytes(6).hex()}:1"
    lab.engine("tag", IMAGE, lab.image)
    lab.configure()
    return lab.engine


def _without_python(engine: Engine) -> str:
    """The name of an image where nothing is called python3."""
    name = "localhost/no-python:1"
    with _BUILDING:
        if name not in engine("images", "--format", "{{.Repository}}:{{.Tag}}"):
            container = engine("create", IMAGE, "true").strip()
            engine("commit", "--quiet", "--change", "ENV PATH=/bin", container, name)
            engine("rm", container)
    return name


_BUILDING = threading.Lock()


SECRET = b"the secret of the host's user"


def _secret_like(real: Path, place: Path) -> Path:
    """A file, or a folder with the very names that `real` has, that holds nothing but the secret."""
    if real.is_file():
        place.write_bytes(SECRET)
    else:
        for file in real.rglob("*"):
            copy = place / file.relative_to(real)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.mkdir() if file.is_dir() else copy.write_bytes(SECRET)
    return place


def _assert_no_secret(lab: Lab) -> None:
    """It is nowhere in the project, and no link is."""
    for path in lab.tree.root.rglob("*"):
        assert not path.is_symlink()
        assert not path.is_file() or SECRET not in path.read_bytes(), path


def _assert_both_right(lab: Lab, wanted: Sequence[tuple[Tree, Mapping[str, str]]]) -> None:
    """The runs of each project have their own results, and each row was finished once."""
    for tree, prompts in wanted:
        for run, prompt in prompts.items():
            lab.assert_right(tree, run, prompt)
    every = [prompt for _, prompts in wanted for prompt in prompts.values()]
    assert aftermath.rows_done(lab.tree) == Counter(aftermath.named(every))


def _of_user(lab: Lab, ann: SecondUser, sshd: Sshd, login: str, name: str) -> Tree:
    """The lab's project once more, in a folder of that name, reached and run as that user; the GPU is number 0."""
    home = ann.root / name
    shutil.copytree(lab.tree.root, home / "project")
    (home / "s").mkdir(mode=0o700)
    shutil.copy(sshd.folder / "user_key", home / "key")
    config = write_client_config(sshd, name=f"{name}.conf")
    config.write_text(config.read_text().replace(str(sshd.folder / "user_key"), str(home / "key")))
    env = {"COSMOSCTL_PREVIEW_ROW_S": "0.2", "COSMOSCTL_PREVIEW_TALLY": str(ann.tally), "PYTHONPATH": str(REPOSITORY)}
    command = ["python3", "-m", "cosmosctl.preview.transfer1"]
    (home / "project/cosmosctl.yaml").write_text(
        f"project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n"
        f"{sshd.block(address=f'{login}@box', config=config)}    dir: {home}/dir\n    engine: bare\n    gpus: [0]\n"
        f"    models: {json.dumps({'transfer1': {'command': command}})}\n    env: {json.dumps(env)}\n"
    )
    return Tree(home / "project", home, {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "s")})


def _model_times(trees: Sequence[Tree]) -> tuple[list[float], list[float]]:
    """When the models of all batches of these projects were started, and when they had ended."""
    events = [event for tree in trees for event in tree.events()]
    kinds = ("process_start", "process_end")
    starts, ends = ([float(event["t"]) for event in events if event["ev"] == kind] for kind in kinds)
    return starts, ends


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
        Setting(two_users_batch_at_once),
        Setting(two_clones_batch_the_same_runs, row_s=0.8),
        Setting(input_edited_while_it_is_sent, row_s=0.02),
        Setting(gc_at_the_moment_of_a_push, row_s=0.05),
        Setting(wrong_host_key, row_s=0.02),
        Setting(output_truncated_in_flight, row_s=0.05),
        Setting(result_replaced_by_a_link_to_a_secret, row_s=0.02),
        Setting(more_than_a_result_can_be, row_s=0.02),
        Setting(disk_full_on_the_host),
        Setting(disk_full_here, row_s=0.1),
        Setting(container_killed, row_s=0.4, boxed=True),
        Setting(host_rebooted, row_s=0.4, boxed=True),
        Setting(gpu_of_another_batch_is_waited_for, row_s=0.1, boxed=True),
        Setting(image_missing, row_s=0.1, boxed=True),
        Setting(engine_missing, row_s=0.1, boxed=True),
        Setting(python_missing_in_the_image, row_s=0.1, boxed=True),
    )
}

pytestmark = needs_sshd


@pytest.mark.parametrize("name", [name for name, setting in CASES.items() if not setting.boxed])
def test_every_run_gets_its_right_result_once(name: str, tmp_path: Path) -> None:
    _try(name, 0, tmp_path, None)


@needs_podman
@pytest.mark.parametrize("name", [name for name, setting in CASES.items() if setting.boxed])
def test_every_run_gets_its_right_result_once_in_a_container(name: str, tmp_path: Path, engine: Engine) -> None:
    _try(name, 0, tmp_path, engine)


@needs_podman
@pytest.mark.soak
@pytest.mark.skipif("COSMOSCTL_SOAK" not in os.environ, reason="COSMOSCTL_SOAK is not set; make soak sets it")
def test_every_run_gets_its_right_result_once_at_ten_moments_of_each_case(tmp_path: Path, engine: Engine) -> None:
    """COSMOSCTL_FAULT_CASES, words, names the cases to try; else all are."""
    names = os.environ.get("COSMOSCTL_FAULT_CASES", "").split() or list(CASES)
    with ThreadPoolExecutor(LANES) as pool:
        tries = {
            (name, number): pool.submit(_told, name, number, tmp_path, engine)
            for number in range(TIMES)
            for name in names
        }
    told = {key: one.result() for key, one in tries.items()}
    print(_table({name: [told[name, number] for number in range(TIMES)] for name in names}))
    assert [f"{name} {number}: {one.trouble}" for (name, number), one in told.items() if one.trouble] == []


@dataclass(frozen=True)
class Told:
    """What came of one moment: `finished` and `again` count rows, `trouble` is why it failed."""

    seconds: float
    finished: int = 0
    again: int = 0
    skipped: str = ""
    trouble: str = ""


def _told(name: str, number: int, folder: Path, engine: Engine) -> Told:
    begin = time.monotonic()
    try:
        lab = _try(name, number, folder, engine if CASES[name].boxed else None)
    except pytest.skip.Exception as e:
        return Told(time.monotonic() - begin, skipped=str(e))
    except Exception as e:  # the others go on; the test fails at its end
        print(f"FAILED {name} {number}: {type(e).__name__}: {e}", flush=True)
        return Told(time.monotonic() - begin, trouble=f"{type(e).__name__}: {e}")
    rows = aftermath.rows_done(lab.tree)
    shutil.rmtree(lab.root, ignore_errors=True)
    return Told(time.monotonic() - begin, sum(rows.values()), sum(rows.values()) - len(rows))


def _table(told: Mapping[str, Sequence[Told]]) -> str:
    """The figures of a soak, a line a case."""
    head = f"seed {SEED}\n{'case':<44} moments  failed  skipped  rows  rows again  seconds"
    lines = [
        f"{name:<44} {len(all_of):>7} {sum(bool(one.trouble) for one in all_of):>7} "
        f"{sum(bool(one.skipped) for one in all_of):>8} {sum(one.finished for one in all_of):>5} "
        f"{sum(one.again for one in all_of):>11} {sum(one.seconds for one in all_of):>8.1f}"
        for name, all_of in told.items()
    ]
    return "\n".join([head, *lines])


def _try(name: str, number: int, folder: Path, engine: Engine | None) -> Lab:
    """One moment of one case, told when it is over."""
    setting, chance = CASES[name], random.Random(f"{SEED} {name} {number}")
    with running_lab(folder / f"{name}-{number}", chance, engine=engine, row_s=setting.row_s) as lab:
        try:
            setting.case(lab)
        finally:
            print(f"seed {SEED}: {name} {number}: {', '.join(lab.moment)}", flush=True)
    return lab

"""Others on the same host, and in the same project, at the same time."""

import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.sshd import Sshd, running_sshd, write_client_config
from tests.support import aftermath
from tests.support.aftermath import PROMPTS, Client
from tests.support.lab import Lab, end_connections
from tests.support.tree import REPOSITORY, Tree
from tests.support.users import NAME, SecondUser, second_user


def two_projects_batch_at_once(lab: Lab) -> None:
    other, prompts = _copy(lab, "other"), {run: f"the other's {prompt}" for run, prompt in PROMPTS.items()}
    for run, prompt in prompts.items():
        other.prompt(f"ps_{run}", prompt)
    other.config(lab.tree.paths.config.read_text().replace("5f3a91c2", "0123abcd"))
    clients = [lab.start("batch")]
    _until_some_phase(lab, clients[0])
    clients.append(replace(lab, tree=other).start("batch"))
    for client in clients:
        lab.end(client)
    _assert_both_right(lab, ((lab.tree, PROMPTS), (other, prompts)))
    lab.assert_nothing_left(lab.tree, other)


def two_users_batch_at_once(lab: Lab) -> None:
    """Each with a folder of its own on one machine, where they share a GPU."""
    with (
        second_user(sys.executable, "-c", "import cosmosctl") as ann,
        running_sshd(ann.root / "sshd", before=ann.among_us) as sshd,
    ):
        trees = (_of_user(lab, ann, sshd, "root", "us"), _of_user(lab, ann, sshd, NAME, "ann"))
        theirs = {run: f"the other's {prompt}" for run, prompt in PROMPTS.items()}
        for run, prompt in theirs.items():
            trees[1].prompt(f"ps_{run}", prompt)
        ann.own(trees[1].home)
        first, second = lab.pick((0, 1), (1, 0))
        clients = {first: Client(trees[first], "batch", before=ann.alone if first else ())}
        _until_some_phase(lab, clients[first])
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
    for tree in (lab.tree, clone):
        replace(lab, tree=tree).hold("words")
    first = lab.start("batch", "--batch-name", "mine")
    _until_some_phase(lab, first)
    second = replace(lab, tree=clone).start("batch", "--batch-name", "theirs")
    lab.until(lambda: first.has_ended() or second.has_ended())
    lab.let_go()
    ends = {name: client.end() for name, client in (("mine", first), ("theirs", second))}
    assert sorted(done.code for done in ends.values()) == [0, 4], {name: done.err for name, done in ends.items()}
    won, lost = sorted(ends, key=lambda name: ends[name].code)
    winner, loser = (lab.tree, clone) if won == "mine" else (clone, lab.tree)
    assert f"rs_a is in {won}_" in ends[lost].err
    assert "a batch of another copy of this project" in ends[lost].err
    assert set(aftermath.states(loser).values()) == {"pending"}
    assert lab.tallied("done") == len(PROMPTS)
    replace(lab, tree=winner).assert_all_well()
    lab.assert_nothing_left(lab.tree, clone)


def input_edited_while_it_is_sent(lab: Lab) -> None:
    client = lab.sending(200_000)
    video = lab.tree.root / "inputs/videos/city/color.mp4"
    _edit(video, lab.pick("in place", "replaced", "shorter", "longer"))
    lab.line.thaw()
    done = lab.end(client, 0, 1, 3, 4)
    made_before = set(lab.states().values()) == {"changed"}
    if made_before:  # the host had the whole of it: the results are those of the video as it was
        assert done.code == 0
        _assert_made_from_what_was_sent(lab)
        return
    if set(lab.states().values()) <= {"queued", "pending"}:
        assert "was changed since" in done.err
        if "queued" in lab.states().values():
            lab.tree.cli("cancel", lab.batch_name())
        lab.tree.cli("batch")
    else:
        assert set(lab.states().values()) == {"bad-input"}, done.err
        lab.tree.cli("retry")
    lab.assert_all_well()


def gc_at_the_moment_of_a_push(lab: Lab) -> None:
    lab.tree.cli("batch", "rs_a")
    _age(lab.dir)
    sending, go = lab.root / "sending", lab.root / "go"
    meet = f"touch '{sending}'; while ! [ -e '{go}' ]; do sleep 0.02; done"
    push = f'{shutil.which("rsync")} "$@"; code=$?; {meet}; exit $code' if lab.pick(True, False) else meet
    rsync = f'case "$*" in *--compare-dest*) {push} ;; esac'
    client = lab.start("batch", "rs_b", "rs_c", env=aftermath.programs(lab.tree, rsync=rsync))
    lab.until(sending.exists, or_ended=client)
    if lab.pick(True, False):
        lab.tree.cli("gc", "lab")
        go.touch()
    else:
        go.touch()
        client.wait_for("phase: launch")
        lab.tree.cli("gc", "lab")
    lab.end(client)
    lab.assert_all_well()


def _until_some_phase(lab: Lab, client: Client) -> None:
    """Go on at once, or once that command is so far."""
    if phase := lab.pick("", "bundle", "push", "launch", "follow"):
        client.wait_for(f"phase: {phase}")


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
    own = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "s"), "XDG_STATE_HOME": str(home / "state")}
    own |= {"COSMOSCTL_GPU_LOCKS": str(ann.open / "locks")}
    return Tree(home / "project", home, own)


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

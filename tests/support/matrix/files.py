"""What lies there and what comes back: links, too much of it, full disks."""

import os
from pathlib import Path

from tests.support.aftermath import PROMPTS
from tests.support.disks import small_disk
from tests.support.lab import Lab

SECRET = b"the secret of the host's user"


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
        "told": "names files of",
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
        if lab.pick(True, False):
            lab.until_some_events(or_ended=client)
        filler.fill(keep_kib=int(lab.draw("KiB left", 0, 40)))
        lab.until_looked_around(lab.pick(5, 10, 20))
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
        if lab.pick(True, False):
            lab.until_some_events(or_ended=client)
        filler.fill(keep_kib=int(lab.draw("KiB left", 0, 60)))
        done = lab.end(client, 0, 3)
        assert done.code == 0 or "there is no space left on the disk" in done.err
        filler.free()
        lab.catch_up()
        lab.assert_all_well()


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

"""What a host sends back cannot leave its place here: no links followed, no devices, no more than a result can be."""

import os
import re
import shutil
from pathlib import Path

import pytest

from cosmosctl import collect, remote, tasks, trust
from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.errors import HostError
from cosmosctl.events import RunEnd
from tests import aftermath
from tests.tree import Tree
from tests.waiting import wait_until

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
    events = aftermath.host_folder(swift) / "events.jsonl"
    wait_until(lambda: '"ev":"batch_done"' in events.read_text(encoding="utf-8"))
    return swift


def read(tree: Tree) -> AllowedBatch:
    return trust.allowed_batch(tree.batches()[0])


def pulled(tree: Tree, target: Path, *, most_bytes: int = 1 << 20) -> list[str]:
    """The names of what a pull of `FILES` brings."""
    remote.pull(tasks.context(), read(tree), FILES, target, most_bytes=most_bytes)
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


def test_events_without_end_are_given_up(ended: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "EVENTS_BYTES", 100)
    with pytest.raises(HostError, match=r"events\.jsonl: the host sends more than 0 MiB of events"):
        remote.follow(tasks.context(), ended.paths, read(ended))
    assert ended.batches()[0].events.stat().st_size <= 100


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r'("path":"output.mp4","bytes":)\d+', rf"\g<1>{300 << 30}", "the host names a file of"),
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


def test_of_the_files_that_a_failed_run_left_only_so_many_are_fetched() -> None:
    kept = [f"failed/rs_a/01-edge.1/f{number}" for number in range(1000)]
    end = RunEnd("rs_a", "failed", {"ev": "run_failed", "t": 1, "run": "rs_a", "kept": kept})
    assert collect.wanted_files(end) == tuple(kept[: collect.MOST_OUTPUTS])


@pytest.mark.parametrize("place", ["done/rs_a/output.mp4", "done/rs_a", "events.jsonl"])
def test_links_in_what_was_handed_back_are_not_followed(ended: Tree, tmp_path: Path, place: str) -> None:
    back = shutil.copytree(aftermath.host_folder(ended), tmp_path / aftermath.host_folder(ended).name)
    linked(back / place, tmp_path / "secret")
    ended.cli("fetch", "--from", str(back), expect=None)
    found = {"rs_a": "bad-output", "rs_b": "done"}
    assert aftermath.states(ended) == (dict.fromkeys(found, "queued") if place == "events.jsonl" else found)
    files = [path for path in ended.root.rglob("*") if path.is_file()]
    assert not any(SECRET in path.read_bytes() for path in files)

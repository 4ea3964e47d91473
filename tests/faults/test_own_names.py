"""Links, caches and names that a clone brings under the names of the tool's own files: nothing outside is touched."""

import contextlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from cosmosctl.cli.main import exit_code
from cosmosctl.errors import FileError
from cosmosctl.io import own, user_state
from cosmosctl.io.links import LINK_WORDS
from cosmosctl.io.moving import copy_whole
from cosmosctl.io.signed import read_cache, write_cache
from cosmosctl.media.control import write_control
from cosmosctl.plan import bundle_reader, inputs
from cosmosctl.results.receipts import read_receipt, trouble
from cosmosctl.store import hash_file, load_all
from tests.support.tree import Tree

DAYS_AGO = time.time() - 3 * 86_400
SECRET = "the key of the safe"
BATCH_FOLDERS = ("batches", "batches/{B}", "batches/{B}/unclaimed")
CACHES = tuple(f".cosmosctl/{name}" for name in ("index", "hashes.json", "videos.json", "controls.json", "lock"))
FOLDERS = (
    ".cosmosctl",
    *(f".cosmosctl/{name}" for name in ("schema", "staging", "controls", "locks", "staging/{B}", "staging/{B}/pulled")),
    *BATCH_FOLDERS,
    *(f"runs/rs_a/{name}" for name in ("history", "logs", "preview", "preview/outputs", "preview/logs")),
    "runs/rs_b/preview",
)
FILES = (
    *CACHES,
    *(f"batches/{{B}}/{name}" for name in ("batch.yaml", "batch.local.yaml", "plan.json", "rows.txt", "events.jsonl")),
    *(f"batches/{{B}}/{name}" for name in ("end.yaml", "batch.log", "launch.yaml", "inputs.txt", "notes.txt")),
    *(f"runs/rs_a/{name}" for name in ("result.yaml", "result.local.yaml", "logs/failure.yaml", "manifest.txt")),
    *(f"runs/rs_a/preview/{name}" for name in ("result.yaml", "manifest.txt", "logs/batch.log", "logs/execution.log")),
    "runs/rs_a/preview/outputs/output.mp4",
)
VERBS = (
    ("status",),
    ("check",),
    ("list", "batches"),
    ("show", "rs_a"),
    ("history", "rs_a"),
    ("logs", "rs_a"),
    ("logs", "{B}"),
    ("fetch", "--from", "{HOST}"),
    ("fetch",),
    ("attach", "{B}"),
    ("fetch", "rs_a"),
    ("batch", "rs_b"),
    ("gc", "local"),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A project with one run that has a preview, one that has none, and what its batch left on this machine."""
    base = tmp_path_factory.mktemp("finished")
    tree = Tree(base / "project", base / "home", {"COSMOSCTL_PREVIEW_ROW_S": "0.01"})
    tree.root.mkdir()
    tree.config("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
    tree.scene()
    tree.prompt("ps_a")
    tree.run("rs_a", controls="{edge: {weight: 0.5, preset: low}}")
    tree.cli("batch")
    tree.run("rs_b")
    return tree


@pytest.fixture
def clone(finished: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A copy of it, with nothing allowed; its batch looks unfinished and was made here."""
    monkeypatch.setenv("COSMOSCTL_ALLOW_HOSTS", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(finished.home))
    monkeypatch.setenv("COSMOSCTL_GPU_LOCKS", str(finished.home / "locks"))
    monkeypatch.setenv("COSMOSCTL_PREVIEW_ROW_S", "0.01")
    shutil.copytree(finished.root, tmp_path / "project")
    tree = Tree(tmp_path / "project", finished.home, {**finished.env, "COSMOSCTL_ALLOW_HOSTS": ""})
    tree.batches()[0].end.unlink()
    (tree.paths.derived / "index").unlink(missing_ok=True)  # so that the schemas are written again
    return tree


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """What belongs to the user: files, and folders that nobody touched for days, under names that the tool uses."""
    folder = tmp_path / "mine"
    for name in ("thesis.txt", "logs/batch.log", "docs/thesis.txt", "half_20260101_000000/plan.json", "pulled/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SECRET)
    for name in ("run.json", "prompt.json", "project.json", ".cosmosctl-1a2b3c4d.tmp", "batch_20260101_000000.new/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SECRET)
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (DAYS_AGO, DAYS_AGO))
    return folder


def seen(folder: Path) -> dict[str, tuple[int, bytes]]:
    paths = sorted((folder, *folder.rglob("*")))
    return {str(one): (one.lstat().st_mtime_ns, one.read_bytes() if one.is_file() else b"") for one in paths}


def replaced(tree: Tree, place: str, target: Path) -> Path:
    """The place of the project, now a link."""
    link = tree.root / place.format(B=tree.batches()[0].name)
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


def told(tree: Tree, verb: tuple[str, ...], names: Mapping[str, str] = MappingProxyType({})) -> tuple[int, str]:
    """Exit code and words of a command, run in this process."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = exit_code(["-C", str(tree.root), *(word.format(**names) for word in verb)])
    said.seek(0)
    return code, said.read()


@pytest.mark.parametrize("place", [*FOLDERS, *FILES])
def test_a_link_under_a_name_of_the_tools_leads_no_verb_outside(clone: Tree, canary: Path, place: str) -> None:
    names = {"B": clone.batches()[0].name, "HOST": str(clone.home / "cosmosctl")}
    replaced(clone, place, canary if place in FOLDERS else canary / "thesis.txt")
    before = seen(canary)
    for verb in VERBS if place in (*FOLDERS, *CACHES) else VERBS[:-2]:
        code, words = told(clone, verb, names)
        assert code in (0, 1, 2, 3, 4), f"{verb}: {code}\n{words}"
        assert SECRET not in words, verb
        assert seen(canary) == before, f"{verb} went through {place}"


@pytest.mark.parametrize("place", [".cosmosctl", ".cosmosctl/staging", "batches", "runs/rs_a/history"])
def test_a_link_is_named_with_the_command_that_allows_it(
    finished: Tree, clone: Tree, tmp_path: Path, place: str
) -> None:
    shutil.copy(finished.batches()[0].end, clone.batches()[0].end)
    (tmp_path / "disk").mkdir()
    link = replaced(clone, place, tmp_path / "disk")
    assert f"{place}: is a symbolic link" in told(clone, ("status",))[1]
    assert told(clone, ("host", "allow", "--link", str(link)))[0] == 0
    assert "symbolic link" not in told(clone, ("status",))[1]
    assert link.is_symlink()


def test_history_on_another_disk_is_used_once_it_was_allowed(finished: Tree, clone: Tree, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    clone.run_paths("rs_a").history.symlink_to(tmp_path / "disk")
    clone.run("rs_a", controls="{edge: {weight: 0.6, preset: low}}")
    shutil.copy(finished.batches()[0].end, clone.batches()[0].end)
    code, words = told(clone, ("batch", "rs_a"))
    assert code == 3
    assert "cosmosctl host allow --link" in words
    told(clone, ("host", "allow", "--link", str(clone.run_paths("rs_a").history)))
    assert told(clone, ("batch", "rs_a"))[0] == 0
    assert [path.name for path in (tmp_path / "disk").iterdir()] == [clone.batches()[0].name]


def test_a_link_in_place_of_a_file_cannot_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOSCTL_ALLOW_HOSTS", "*")
    (tmp_path / "result.yaml").symlink_to("/dev/zero")
    with pytest.raises(own.NotOwn, match="is a symbolic link"):
        own.read_bytes(tmp_path / "result.yaml", most=10)


def test_no_buffer_is_made_for_all_that_a_file_might_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, read, asked = b"x" * (3 << 20), os.read, list[int]()
    (tmp_path / "a").write_bytes(data)

    def spied(descriptor: int, size: int) -> bytes:
        asked.append(size)
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", spied)
    with own.opened(tmp_path / "a", os.O_RDONLY) as descriptor:
        assert own.read_up_to(descriptor, 1 << 60) == data
    with own.opened(tmp_path / "a", os.O_RDONLY) as descriptor:
        assert own.read_up_to(descriptor, (2 << 20) + 1) == data[: (2 << 20) + 1]
    assert max(asked) == len(data) + 1


def test_what_tells_no_size_is_read_all_the_same() -> None:
    with own.opened(Path("/proc/self/maps"), os.O_RDONLY) as descriptor:
        assert own.read_up_to(descriptor, 1 << 20).count(b"\n") > 10


def test_a_receipt_has_at_most_a_mebibyte(clone: Tree) -> None:
    receipt = clone.run_paths("rs_a").preview.receipt
    receipt.write_text(receipt.read_text() + "".join(f"key{number}: {number}\n" for number in range(90_000)))
    assert "is larger than 1 MiB" in trouble(receipt)
    assert read_receipt(receipt) is None


def test_only_what_the_bundle_wrote_is_sent(clone: Tree, tmp_path: Path) -> None:
    (batch,) = clone.batches()
    (tmp_path / "id_ed25519").write_text(SECRET)
    group = next(path for path in batch.root.iterdir() if path.is_dir())
    for place in (batch.root / "notes.txt", group / "notes.txt", batch.root / "more"):
        place.symlink_to(tmp_path / "id_ed25519")
    (batch.root / "plain.txt").write_text("not the bundle's")
    sent = [path.relative_to(batch.root).as_posix() for path in bundle_reader.sendable(batch)]
    assert {"batch.yaml", "plan.json", "rows.txt", "inputs.txt", f"{group.name}/command"} < set(sent)
    assert not [name for name in sent if "notes" in name or name in ("more", "plain.txt")]
    (group / "command").unlink()
    (group / "command").symlink_to(tmp_path / "id_ed25519")
    with pytest.raises(own.NotOwn, match="command: is a symbolic link"):
        bundle_reader.sendable(batch)


def test_what_lay_in_staging_as_a_link_is_gone_before_a_host_writes_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(SECRET)
    (tmp_path / "pulled/logs").mkdir(parents=True)
    (tmp_path / "pulled/logs/p.log").symlink_to(tmp_path / "mine")
    (tmp_path / "pulled/done").symlink_to(tmp_path)
    (tmp_path / "pulled/logs/q.log").write_text("kept")
    own.remove_strange(tmp_path / "pulled")
    assert sorted(path.name for path in (tmp_path / "pulled").rglob("*")) == ["logs", "q.log"]
    assert (tmp_path / "mine").read_text() == SECRET


def test_gc_removes_here_only_what_has_a_name_that_the_tool_gives(clone: Tree) -> None:
    kept = [clone.paths.batches / "my notes", clone.paths.batches / "mine", clone.paths.staging / "thesis"]
    gone = [clone.paths.batches / "half_20260101_000000", clone.paths.staging / "half_20260101_000000.new"]
    for folder in (*kept, *gone):
        folder.mkdir(parents=True)
        (folder / "x").write_text("x")
        os.utime(folder, (DAYS_AGO, DAYS_AGO))
    assert told(clone, ("gc", "local"))[0] == 0
    assert all(folder.is_dir() for folder in kept)
    assert not any(folder.exists() for folder in gone)


@pytest.mark.parametrize("marked", [False, True])
def test_gc_on_a_host_removes_only_what_launches_made(
    clone: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    there = tmp_path / "other project"
    for name in ("batches/b", "inputs/videos", "inputs/0123456789abcdef"):
        (there / name).mkdir(parents=True)
        (there / name / "file").write_text(SECRET)
    if marked:
        (there / "launch.lock").touch()
    for path in (there, *there.rglob("*")):
        os.utime(path, (DAYS_AGO, DAYS_AGO))
    block = f"  desk: {{engine: preview, dir: {json.dumps(str(there))}}}\n"
    clone.config(f"project: 5f3a91c2\nmodel: transfer1\nhost: local\nhosts:\n{block}")
    monkeypatch.setenv("COSMOSCTL_ALLOW_HOSTS", "desk")
    assert told(clone, ("gc", "desk"))[0] == 0
    left = sorted(path.name for path in (there / "inputs").iterdir())
    assert left == (["videos"] if marked else ["0123456789abcdef", "videos"])
    assert (there / "batches/b/file").is_file()


# Caches


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Whoever has another key, until `undo`."""
    with monkeypatch.context() as there:
        there.setenv("XDG_STATE_HOME", str(tmp_path / "stranger"))
        yield there


def test_what_another_user_remembered_of_hashes_and_videos_is_forgotten(clone: Tree, tmp_path: Path) -> None:
    memories = [clone.paths.derived / "hashes.json", clone.paths.videos_index, clone.paths.controls_index]
    for memory in memories:
        write_cache(memory, {"a": "b"})
        assert read_cache(memory) == {"a": "b"}
        memory.write_text(memory.read_text().replace('"b"', '"c"'))
        assert read_cache(memory) is None
        memory.write_text('{"signature":"","known":\n{"a": "b"}\n}\n')
        assert read_cache(memory) is None
    write_cache(memories[0], {"a": "b"})
    shutil.copy(memories[0], memories[1])
    assert read_cache(memories[1]) is None


def test_an_index_of_another_user_is_not_read(clone: Tree, stranger: pytest.MonkeyPatch) -> None:
    index = clone.paths.derived / "index"
    index.unlink(missing_ok=True)
    for path in clone.root.rglob("*"):
        os.utime(path, (DAYS_AGO, DAYS_AGO))
    first = load_all(clone.root).index
    first.note(first.notes("rs_a"), "forged", ["by a stranger"])
    first.save()
    assert load_all(clone.root).index.notes("rs_a")
    stranger.undo()
    assert load_all(clone.root).index.notes("rs_a") == {}


def test_without_a_key_all_is_right_and_nothing_is_remembered(clone: Tree, tmp_path: Path, stranger: object) -> None:
    (tmp_path / "stranger").write_text("no folder")
    shutil.rmtree(clone.paths.derived)
    video = clone.root / "inputs/videos/city/color.mp4"
    os.utime(video, (DAYS_AGO, DAYS_AGO))
    assert hash_file(clone.root, video) == user_state.digest_of(video.read_bytes())
    assert inputs.find(clone.paths, ["inputs/videos/city/color.mp4"]).mistakes == {}
    load_all(clone.root)
    names = own.names(clone.paths.derived)
    assert not {"index", "hashes.json", "videos.json"} & set(names)


def test_a_control_that_git_brought_is_computed_anew(clone: Tree) -> None:
    source = "inputs/videos/city/color.mp4"
    found = inputs.find(clone.paths, [source])
    control = inputs.control_file(clone.paths, found.files[source], "edge", "low")
    right = control.read_bytes()
    write_control("vis", "very_high", clone.root / source, control, progress=lambda *_: None)
    assert control.read_bytes() != right
    inputs.compute(clone.paths, found.files, [(source, "edge", "low")], progress=lambda *_: None)
    assert control.read_bytes() == right


def test_a_control_that_was_computed_here_is_kept(clone: Tree) -> None:
    source = "inputs/videos/city/color.mp4"
    found = inputs.find(clone.paths, [source])
    control = inputs.control_file(clone.paths, found.files[source], "edge", "low")
    before = control.stat()
    inputs.compute(clone.paths, found.files, [(source, "edge", "low")], progress=lambda *_: pytest.fail("computed"))
    assert control.stat().st_ino == before.st_ino


def test_what_lies_strangely_in_history_is_told_in_a_line_each_and_stops_nothing(clone: Tree, canary: Path) -> None:
    history = clone.root / "runs/rs_a/history"
    history.mkdir()
    for name in ("far", "farther"):
        (history / name).symlink_to(canary)
    for name in ("zz$(touch x)", "a\x1b[2Jb"):
        (history / name).mkdir()
    nobody = {"COSMOSCTL_ALLOW_HOSTS": ""}
    links = (
        f"runs/rs_a/history/far: {LINK_WORDS}; and 1 more here (rm {history}/far, "
        f"or cosmosctl host allow --link {history}/far)"
    )
    names = "runs/rs_a/history/: 2 names: 'a\\x1b[2Jb', 'zz$(touch x)'; no batch has such a name, so it is passed over"
    for _ in range(2):
        found = load_all(clone.root)
        assert [problem.words for problem in found.problems] == [names, links]
        assert found.problems_of(["rs_a"]) == ()
    told = clone.cli("status", env=nobody).out
    assert (told.count("symbolic link"), told.count("no batch has such a name")) == (1, 1)
    for name in ("far", "farther"):
        clone.cli("host", "allow", "--link", str(history / name), env=nobody)
    assert [problem.words for problem in load_all(clone.root).problems] == [names]


def test_what_cannot_be_moved_where_it_belongs_is_told_as_a_mistake_of_that_place(tmp_path: Path) -> None:
    source, target = tmp_path / "outputs", tmp_path / "there"
    source.mkdir()
    (source / "output.mp4").touch()
    (target / "full").mkdir(parents=True)
    for act in (copy_whole, own.rename):
        with pytest.raises(FileError, match=f"{target}: cannot write"):
            act(source, target)
    assert (source / "output.mp4").is_file()
    with pytest.raises(FileError, match="cannot write: it is a folder"):
        own.rename(source / "output.mp4", target)

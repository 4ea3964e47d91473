"""The project as values: found, read, remembered, and new files in it."""

import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from cosmosctl.commands.start.init import init_project
from cosmosctl.domain.project import Control, Host, Place, Prompt, Run
from cosmosctl.errors import FileError, FilesError
from cosmosctl.io.atomic import create_exclusive, replace_with, write_text
from cosmosctl.io.signed import write_cache
from cosmosctl.io.stat_key import is_settled, stat_key
from cosmosctl.store import (
    Snapshot,
    find_root,
    hash_file,
    hash_files,
    load_all,
    load_config,
    load_prompt,
    load_run,
)
from cosmosctl.store.new_files import create_prompt, create_run
from tests.support.examples import examples
from tests.support.waiting import wait_for_next_tick

SCENE = "inputs/videos/city"
WEIGHTS = (Control("vis", 0.3), Control("edge", 0.4, preset="low"), Control("depth", 0.2), Control("seg", 0.0))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in a folder with an awkward name: one scene, one prompt, two runs."""
    root = tmp_path / 'it\'s "a" $project;\n-x'
    (root / SCENE).mkdir(parents=True)
    for name in ("color.mp4", "depth.MOV", "segmentation.mkv", "notes.txt", "color.txt"):
        (root / SCENE / name).write_bytes(name.encode())
    (root / "cosmosctl.yaml").write_text('project: "5f3a91c2"\ndefaults: {transfer1: {num_steps: 20}}\n')
    create_prompt(root, "A city at night", SCENE, name="ps_city")
    create_run(root, "ps_city", WEIGHTS, name="rs_one")
    create_run(root, "ps_city", WEIGHTS, name="rs_two", settings={"seed": 2})
    return root


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is five seconds ahead: files that were just written count as old enough to be remembered."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 5_000_000_000)


def same(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots hold equal values, places included."""
    return (
        replace(one, prompts=dict(one.prompts), runs=dict(one.runs))
        == replace(other, prompts=dict(other.prompts), runs=dict(other.runs))
    ) and all(dict(one.runs[run].places) == dict(other.runs[run].places) for run in one.runs)


# Where the project is


def test_the_project_is_found_from_any_folder_inside(root: Path) -> None:
    assert find_root(root) == root
    assert find_root(root / "runs/rs_one") == root
    assert find_root(root / "not/there/yet") == root


def test_outside_of_a_project_the_hint_is_init(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r": not in a cosmosctl project \(no cosmosctl.yaml here or above\)$") as caught:
        find_root(tmp_path)
    assert caught.value.hint == "cosmosctl init"


# Values


def test_the_whole_project_is_read_as_values(root: Path) -> None:
    snapshot = load_all(root)
    assert snapshot.problems == ()
    assert snapshot.config.project == "5f3a91c2"
    assert snapshot.config.defaults == {"transfer1": {"num_steps": 20}}
    assert dict(snapshot.prompts) == {
        "ps_city": Prompt(
            id="ps_city",
            text="A city at night",
            videos={
                "color": f"{SCENE}/color.mp4",
                "depth": f"{SCENE}/depth.MOV",
                "seg": f"{SCENE}/segmentation.mkv",
            },
        )
    }
    assert dict(snapshot.runs) == {
        "rs_one": Run("rs_one", "ps_city", WEIGHTS),
        "rs_two": Run("rs_two", "ps_city", WEIGHTS, settings={"seed": 2}),
    }
    assert snapshot.runs["rs_two"].places["seed"] == Place("runs/rs_two/run.yaml", 8, 7)
    assert (snapshot.prompt_ids, snapshot.run_ids) == (("ps_city",), ("rs_one", "rs_two"))
    assert snapshot.prompt_of("rs_two") == "ps_city"
    assert snapshot.problems_of(["rs_one", "rs_two"]) == ()
    snapshot.require(["rs_one", "rs_two"])


def test_one_file_can_be_read_alone(root: Path) -> None:
    snapshot = load_all(root)
    assert load_config(root) == snapshot.config
    assert load_prompt(root, "ps_city") == snapshot.prompts["ps_city"]
    assert load_run(root, "rs_two") == snapshot.runs["rs_two"]
    assert dict(load_run(root, "rs_two").places) == dict(snapshot.runs["rs_two"].places)


def test_a_prompt_may_name_its_videos_one_by_one(root: Path) -> None:
    prompt = create_prompt(root, "x", {"color": f"./{SCENE}//color.mp4", "vis": f"{SCENE}/depth.MOV"})
    assert load_prompt(root, prompt).videos == {"color": f"{SCENE}/color.mp4", "vis": f"{SCENE}/depth.MOV"}


def test_runs_that_are_wanted_must_be_well(root: Path) -> None:
    (root / "runs/rs_two/run.yaml").write_text("prompt: ps_city\ncontrols: {vis: 2}\n")
    snapshot = load_all(root)
    snapshot.require(["rs_one"])
    with pytest.raises(FilesError, match=r"^runs/rs_two/run.yaml:2:17: controls.vis must be .*, got 2$"):
        snapshot.require(["rs_one", "rs_two"])


def test_this_machine_is_always_a_host(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data/home")
    assert load_config(root).hosts == {"local": Host("local", "preview", "/data/home/cosmosctl")}
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/me")
    assert load_all(root).config.hosts["local"].dir == "/home/me/.local/share/cosmosctl"
    (root / "cosmosctl.yaml").write_text("project: x\nhosts: {near: {engine: bare}, desk: {engine: bare, dir: /d}}\n")
    assert load_all(root).config.hosts == {
        "local": Host("local", "preview", "/home/me/.local/share/cosmosctl"),
        "near": Host("near", "bare", "/home/me/.local/share/cosmosctl"),
        "desk": Host("desk", "bare", "/d"),
    }


def test_no_project_can_put_a_host_of_its_own_behind_the_name_of_the_built_in_one(root: Path) -> None:
    (root / "cosmosctl.yaml").write_text("project: x\nhosts:\n  local: {engine: bare, dir: /d}\n")
    snapshot = load_all(root)
    assert [str(problem) for problem in snapshot.problems] == [
        "cosmosctl.yaml:3:3: hosts.local is the name of the built-in preview on this machine; call yours otherwise"
    ]
    assert snapshot.host().engine == "preview"


# New files


def test_a_new_prompt_is_a_file_to_go_on_writing_in(root: Path) -> None:
    create_prompt(
        root, "A city\nat night\n", SCENE, name="ps_x", negative_prompt="fog: none", tags=["a b"], notes="why"
    )
    assert (root / "prompts/ps_x.yaml").read_text() == (
        "# yaml-language-server: $schema=../.cosmosctl/schema/prompt.json\n"
        "text: |\n"
        "  A city\n"
        "  at night\n"
        "video: inputs/videos/city\n"
        'negative_prompt: "fog: none"\n'
        "tags: [a b]\n"
        "notes: why\n"
    )


def test_a_new_run_is_a_file_to_go_on_writing_in(root: Path) -> None:
    controls = (Control("vis", 1.0), Control("edge", 0.4, preset="low"), Control("seg", 0.1, "a b.mp4", prompt="car"))
    create_run(root, "ps_city", controls, name="rs_x", model="transfer1", settings={"seed": 2, "warm": True})
    assert (root / "runs/rs_x/run.yaml").read_text() == (
        "# yaml-language-server: $schema=../../.cosmosctl/schema/run.json\n"
        "prompt: ps_city\n"
        "model: transfer1\n"
        "controls:\n"
        "  vis: 1.0\n"
        "  edge: {weight: 0.4, preset: low}\n"
        "  seg: {weight: 0.1, input: a b.mp4, prompt: car}\n"
        "seed: 2\n"
        "warm: true\n"
    )


def test_the_first_line_of_a_new_file_names_a_schema_that_is_there(root: Path) -> None:
    load_all(root)
    for file in (root / "prompts/ps_city.yaml", root / "runs/rs_one/run.yaml"):
        schema = file.read_text().splitlines()[0].partition("$schema=")[2]
        assert json.loads((file.parent / schema).read_bytes())["type"] == "object"


def test_new_ids_are_free_and_of_the_usual_form(root: Path) -> None:
    prompts = [create_prompt(root, "x", SCENE) for _ in range(20)]
    runs = [create_run(root, "ps_city", WEIGHTS) for _ in range(20)]
    assert len({*prompts, *runs}) == 40
    assert all(len(name) == 9 and name.startswith("ps_") for name in prompts)
    assert all(len(name) == 9 and name.startswith("rs_") for name in runs)
    assert len(load_all(root).runs) == 22


def test_a_new_project_id_is_text_even_when_it_looks_like_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda size: "12e45678")
    init_project(tmp_path, demo=False)
    assert load_config(tmp_path).project == "12e45678"


def test_text_that_is_not_utf_8_makes_no_file(root: Path) -> None:
    with pytest.raises(FileError, match=r"ps_x.yaml: cannot be written: the text is not UTF-8$"):
        create_prompt(root, os.fsdecode(b"a\xff"), SCENE, name="ps_x")
    assert not (root / "prompts/ps_x.yaml").exists()


CONTROLS = st.builds(
    Control,
    st.sampled_from(["vis", "edge"]),
    st.floats(0.001, 1),
    st.none(),
    st.sampled_from([None, "low", "very_high"]),
) | st.builds(Control, st.just("seg"), st.floats(0.001, 1), st.sampled_from([None, "auto"]), st.none(), st.just("a: b"))
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**32 - 1),
        "guidance": st.integers(0, 100) | st.floats(0, 100),
        "negative_prompt": st.text(st.characters(exclude_categories=["Cs"])),
        "warm": st.booleans(),
    },
)


@examples(30, suppress=[HealthCheck.function_scoped_fixture])
@given(st.lists(CONTROLS, min_size=1, max_size=3, unique_by=lambda control: control.name), SETTINGS, st.text("a\n #:"))
def test_any_run_reads_back_as_it_was_given(
    root: Path, controls: list[Control], chosen: dict[str, int | float | str | bool], notes: str
) -> None:
    run = create_run(root, "ps_city", controls, settings=chosen, notes=notes)
    ordered = sorted(controls, key=lambda control: ("vis", "edge", "depth", "seg").index(control.name))
    assert load_run(root, run) == Run(run, "ps_city", tuple(ordered), None, chosen, (), notes)


# What is remembered


def test_a_second_look_gives_the_same_without_parsing(root: Path, later: None) -> None:
    (root / "runs/rs_bad").mkdir()
    (root / "runs/rs_bad/run.yaml").write_text("prompt: ps_citty\ncontrols: {vis: 2}\n")
    first = load_all(root)
    code = (
        "import sys; from pathlib import Path; from cosmosctl.store import load_all\n"
        "snapshot = load_all(Path(sys.argv[1]))\n"
        "print(len(snapshot.runs), *snapshot.problems, sorted({'pydantic', 'ruamel.yaml'} & set(sys.modules)), sep='|')"
    )
    out = subprocess.run((sys.executable, "-c", code, str(root)), check=True, capture_output=True, text=True).stdout
    assert out.strip().split("|") == [
        "2",
        "runs/rs_bad/run.yaml:1:9: there is no prompt 'ps_citty'; did you mean ps_city?",
        "runs/rs_bad/run.yaml:2:17: controls.vis must be between 0 and 1, got 2",
        "[]",
    ]
    assert same(load_all(root), first)


def test_an_index_that_did_not_change_is_not_written_again(root: Path, later: None) -> None:
    load_all(root)
    before = (root / ".cosmosctl/index").stat()
    load_all(root)
    assert stat_key((root / ".cosmosctl/index").stat()) == stat_key(before)


def test_the_index_is_a_header_and_a_line_for_each_file(root: Path, later: None) -> None:
    load_all(root)
    header, *entries = (root / ".cosmosctl/index").read_text().split("\n")
    assert sorted(json.loads(header)) == ["format", "rules", "signature"]
    assert [line.split("\t")[0] for line in entries] == [
        "cosmosctl.yaml",
        "prompts/ps_city.yaml",
        "runs/rs_one/run.yaml",
        "runs/rs_two/run.yaml",
        "schemas",
    ]


def test_a_file_that_was_just_written_is_not_remembered(root: Path) -> None:
    load_all(root)
    index = root / ".cosmosctl/index"
    assert not index.exists() or "run.yaml" not in index.read_text()


def edit_in_place(file: Path) -> None:
    """The same size and, by hand, the same modification time."""
    before = file.stat()
    wait_for_next_tick(file.parent)
    file.write_bytes(file.read_bytes().replace(b"0.3", b"0.5"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_rename(file: Path) -> None:
    file.with_name("new").write_bytes(file.read_bytes().replace(b"0.3", b"0.5"))
    file.with_name("new").replace(file)


@pytest.mark.parametrize("edit", [edit_in_place, replace_by_rename])
def test_an_edited_run_is_noticed(root: Path, later: None, edit: Callable[[Path], None]) -> None:
    assert load_all(root).runs["rs_one"].weights["vis"] == 0.3
    edit(root / "runs/rs_one/run.yaml")
    assert load_all(root).runs["rs_one"].weights["vis"] == 0.5
    assert load_all(root).runs["rs_two"].weights["vis"] == 0.3


def test_new_renamed_and_removed_files_are_noticed(root: Path, later: None) -> None:
    load_all(root)
    (root / "runs/rs_one").rename(root / "runs/rs_three")
    create_run(root, "ps_city", WEIGHTS, name="rs_four")
    assert load_all(root).run_ids == ("rs_four", "rs_three", "rs_two")
    (root / "prompts/ps_city.yaml").unlink()
    assert list(load_all(root).runs) == []
    assert "rs_one" not in (root / ".cosmosctl/index").read_text()


def test_videos_that_come_and_go_are_noticed(root: Path, later: None) -> None:
    files = create_prompt(root, "x", {"color": f"{SCENE}/color.mp4"})
    assert load_all(root).problems == ()
    (root / SCENE / "edge.webm").write_bytes(b"x")
    assert load_all(root).prompts["ps_city"].videos["edge"] == f"{SCENE}/edge.webm"
    (root / SCENE / "color.mp4").rename(root / "color.mp4")
    assert {problem.subject for problem in load_all(root).problems} == {"prompts/ps_city", f"prompts/{files}"}
    (root / "color.mp4").rename(root / SCENE / "color.mp4")
    assert load_all(root).problems == ()


@examples(20, suppress=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_index_is_made_anew(root: Path, later: None, data: st.DataObject) -> None:
    first = load_all(root)
    index = root / ".cosmosctl/index"
    whole = index.read_bytes()
    cut, junk = data.draw(st.integers(0, len(whole))), data.draw(st.binary(max_size=20))
    index.write_bytes(whole[:cut] + junk + whole[cut + data.draw(st.integers(0, 40)) :])
    assert same(load_all(root), first)
    assert json.loads((root / ".cosmosctl/index").read_text().splitlines()[0])["format"] == 6


def test_what_the_index_was_made_by_must_be_this_very_code(root: Path, later: None) -> None:
    load_all(root)
    index = root / ".cosmosctl/index"
    header, body = index.read_text().split("\n", 1)
    index.write_text(json.dumps({**json.loads(header), "rules": "older"}) + "\n" + body.replace("0.3", "0.9"))
    assert load_all(root).runs["rs_one"].weights["vis"] == 0.3


def test_more_facts_of_a_run_are_kept_until_their_file_changes(root: Path, later: None) -> None:
    receipt, asked = root / "runs/rs_one/result.yaml", []

    def read(file: str) -> dict[str, str]:
        asked.append(file)
        return {"text": Path(file).read_text()}

    def fact() -> Any:
        index = load_all(root).index
        found = index.fact(index.notes("rs_one"), "receipt", str(receipt), read)
        index.save()
        return found

    assert fact() is None
    receipt.write_text("a\tb\n")
    assert [fact(), fact()] == [{"text": "a\tb\n"}] * 2
    assert asked == [str(receipt)]
    receipt.write_text("longer")
    assert fact() == {"text": "longer"}
    receipt.unlink()
    assert fact() is None


def test_notes_of_a_run_that_is_gone_are_dropped(root: Path, later: None) -> None:
    index = load_all(root).index
    for run in ("rs_one", "rs_gone"):
        index.note(index.notes(run), "spec", ["what", 1])
    index.save()
    again = load_all(root).index
    assert again.notes("rs_one")["spec"] == ["what", 1]
    assert again.notes("rs_gone") == {}


# Hashes


def test_a_hash_is_remembered_while_the_file_is_the_same(root: Path, later: None) -> None:
    video = root / SCENE / "color.mp4"
    expected = hashlib.sha256(b"color.mp4").hexdigest()
    assert hash_file(root, video) == expected
    memory = root / ".cosmosctl/hashes.json"
    known = json.loads(memory.read_text())["known"]
    assert known == {f"{SCENE}/color.mp4": [stat_key(video.stat()), expected]}
    write_cache(memory, {f"{SCENE}/color.mp4": [stat_key(video.stat()), "f" * 64]})
    assert hash_file(root, video) == "f" * 64
    edit_in_place_video(video)
    assert hash_file(root, video) == hashlib.sha256(b"COLOR.mp4").hexdigest()


def edit_in_place_video(video: Path) -> None:
    before = video.stat()
    wait_for_next_tick(video.parent)
    video.write_bytes(b"COLOR.mp4")
    os.utime(video, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_many_files_are_hashed_with_one_write_of_the_memory(root: Path, later: None, tmp_path: Path) -> None:
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"x")
    inside = Path(SCENE) / "color.mp4"
    found = hash_files(root, [inside, outside, inside])
    assert found == {inside: hashlib.sha256(b"color.mp4").hexdigest(), outside: hashlib.sha256(b"x").hexdigest()}
    assert set(json.loads((root / ".cosmosctl/hashes.json").read_text())["known"]) == {
        f"{SCENE}/color.mp4",
        str(outside),
    }


def test_a_fresh_file_is_hashed_each_time(root: Path) -> None:
    video = root / SCENE / "color.mp4"
    hash_file(root, video)
    assert not (root / ".cosmosctl/hashes.json").exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": ["k"]}', b"\xff\xfe"])
def test_a_damaged_memory_of_hashes_is_forgotten(root: Path, later: None, damage: bytes) -> None:
    (root / ".cosmosctl").mkdir(exist_ok=True)
    (root / ".cosmosctl/hashes.json").write_bytes(damage)
    assert hash_file(root, root / SCENE / "color.mp4") == hashlib.sha256(b"color.mp4").hexdigest()
    assert len(json.loads((root / ".cosmosctl/hashes.json").read_bytes())["known"]) == 1


def test_a_file_that_grows_while_it_is_read_is_told(root: Path) -> None:
    video = root / SCENE / "growing.mp4"
    video.write_bytes(b"x" * 64_000_000)
    stop = threading.Event()

    def grow() -> None:
        with video.open("ab", buffering=0) as file:
            while not stop.wait(0.0005):
                file.write(b"x")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.raises(FileError, match=r"growing.mp4: changes while it is read$"):
            hash_file(root, video)
    finally:
        stop.set()
        writer.join()
    assert hash_file(root, video) == hashlib.sha256(video.read_bytes()).hexdigest()


def test_a_missing_video_cannot_be_hashed(root: Path) -> None:
    with pytest.raises(FileError, match=r"none.mp4: cannot read: it does not exist$"):
        hash_file(root, root / "none.mp4")


# Files that are whole or not there


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.yaml"
    write_text(file, "one\n")
    file.chmod(0o640)
    with pytest.raises(KeyboardInterrupt), replace_with(file) as temp:
        temp.write_text("half")
        raise KeyboardInterrupt
    assert file.read_text() == "one\n"
    write_text(file, "two\r\n")
    assert file.read_bytes() == b"two\r\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["b.yaml"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("keep me")
    (tmp_path / "result.yaml").symlink_to(secret)
    write_text(tmp_path / "result.yaml", "ours")
    assert secret.read_text() == "keep me"
    assert not (tmp_path / "result.yaml").is_symlink()


def test_only_one_of_many_creates_a_file(tmp_path: Path) -> None:
    made: list[int] = []

    def create(number: int) -> None:
        try:
            create_exclusive(tmp_path / "new", str(number).encode())
            made.append(number)
        except FileError:
            return

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "new").read_text() == str(made[0])
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match=r"file/below: cannot write: "):
        write_text(tmp_path / "file" / "below", "y")
    (tmp_path / "folder/full").mkdir(parents=True)
    with pytest.raises(FileError, match=r"folder: cannot write: it is a folder$"):
        write_text(tmp_path / "folder", "y")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_time_stamp_is_trusted_two_seconds_after_the_last_change(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    os.utime(tmp_path / "a", ns=(0, 10**18))
    status = (tmp_path / "a").stat()
    changed = status.st_ctime_ns
    assert not is_settled(status, changed - 1)
    assert not is_settled(status, changed + 1_999_999_999)
    assert is_settled(status, changed + 2_000_000_000)
    os.utime(tmp_path / "a", ns=(0, changed + 10**12))
    status = (tmp_path / "a").stat()
    assert is_settled(status, status.st_ctime_ns + 2_000_000_000)
    assert not is_settled(status, changed + 10**12 + 1)

"""A file of the tool that cannot be read is told, and fetch writes it anew from what is here; nothing is computed."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import cosmosctl
from cosmosctl.git.conflict import marks_line, sides
from cosmosctl.results.receipts import read_failure, read_receipt
from cosmosctl.yaml.file import load_tool
from tests.support.aftermath import Client, faults
from tests.support.disks import mount, mounted
from tests.support.tree import Done, Tree, on_this_machine

OTHER = "batch: other_20260101_000000"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = on_this_machine(tmp_path, {"COSMOSCTL_PREVIEW_ROW_S": "0.02"})
    tree.run("rs_one")
    return tree


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_receipt_with_marks_of_a_merge_is_told_and_becomes_the_side_whose_video_is_here(
    tree: Tree, is_ours: bool
) -> None:
    tree.cli("batch")
    place = tree.run_paths("rs_one").preview
    mine = place.receipt.read_text(encoding="utf-8")
    theirs = mine.replace(f"batch: {tree.batches()[0].name}", OTHER)
    theirs = theirs.replace(
        json.loads(tree.cli("show", "rs_one", "--json").out)["preview"]["outputs"]["output.mp4"], "f" * 64
    )
    place.receipt.write_text(_conflict(mine, theirs) if is_ours else _conflict(theirs, mine), encoding="utf-8")
    assert tree.states() == {"rs_one": "damaged"}
    told = tree.cli("status").out
    assert "runs/rs_one/preview/result.yaml: has the marks of a merge conflict in line 3" in told
    assert "cosmosctl fetch RUN" in told
    assert "nothing is pending" in tree.cli("batch", expect=1).err
    tree.cli("fetch", "rs_one")
    assert place.receipt.read_text(encoding="utf-8") == mine
    assert tree.states() == {"rs_one": "done"}
    logged = {line.split()[4] for line in tree.cli("log").lines}
    assert logged == {tree.batches()[0].name, "other_20260101_000000"}


@pytest.mark.parametrize("command", [("batch",), ("batch", "--all"), ("batch", "--dry-run"), ("batch", "--failed")])
def test_a_bare_batch_says_that_it_leaves_out_a_run_whose_receipt_cannot_be_read(
    tree: Tree, command: tuple[str, ...]
) -> None:
    tree.cli("batch")
    tree.run_paths("rs_one").preview.receipt.write_text("torn")
    tree.run("rs_two")
    done = tree.cli(*command, expect=1)
    why = "runs/rs_one/preview/result.yaml: is damaged: it is no receipt of cosmosctl; cosmosctl fetch rs_one"
    assert f"left out: rs_one: {why}" in done.err.splitlines()
    assert "1 run left out because of receipts that cannot be read" in done.err
    assert tree.states() == {"rs_one": "damaged", "rs_two": "pending" if "--dry-run" in command else "done"}


def test_a_bare_retry_says_that_it_leaves_out_a_run_whose_note_of_a_failure_cannot_be_read(tree: Tree) -> None:
    tree.cli("batch", env=faults("gpu-oom"), expect=1)
    tree.run_paths("rs_one").preview.failure.write_text("torn")
    done = tree.cli("retry", expect=1)
    assert "left out: rs_one: runs/rs_one/preview/logs/failure.yaml: is damaged" in done.err
    assert "cosmosctl fetch rs_one" in done.err


def test_python_tells_the_run_whose_receipt_cannot_be_read(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.cli("batch")
    tree.run_paths("rs_one").preview.receipt.write_text("torn")
    tree.run("rs_two")
    for name, value in tree.environment().items():
        monkeypatch.setenv(name, value)
    result = cosmosctl.Project(tree.root).batch().wait()
    assert (set(result.output_mapping), set(result.left_out), result.ok) == ({"rs_two"}, {"rs_one"}, False)
    assert result.left_out["rs_one"][0].endswith("cosmosctl fetch rs_one")


def test_a_copied_run_has_no_result_that_could_be_upscaled(tree: Tree) -> None:
    tree.cli("batch")
    shutil.copytree(tree.run_paths("rs_one").root, tree.run_paths("rs_copy").root)
    spec = tree.run_paths("rs_large").spec
    spec.parent.mkdir()
    spec.write_text("prompt: ps_a\nupscale: {run: rs_copy, weight: 0.5}\n", encoding="utf-8")
    told = tree.cli("batch", "rs_large", expect=3).err
    assert "runs/rs_large/run.yaml: rs_copy has no result, or an old one: there is nothing to upscale" in told
    tree.cli("batch", "rs_copy", "rs_large")
    assert set(tree.states().values()) == {"done"}


@pytest.mark.parametrize("text", ["", "run: [", "run: rs_one\n", "\0\1"])
def test_a_damaged_receipt_is_made_again_from_the_plan_and_the_events(tree: Tree, text: str) -> None:
    tree.cli("batch")
    receipt = tree.run_paths("rs_one").preview.receipt
    whole = read_receipt(receipt)
    receipt.write_text(text)
    assert tree.states() == {"rs_one": "damaged"}
    tree.cli("fetch", "rs_one")
    assert read_receipt(receipt) == whole
    assert tree.states() == {"rs_one": "done"}


def test_a_receipt_that_was_removed_is_made_again_from_the_plan_and_the_events(tree: Tree) -> None:
    tree.cli("batch")
    receipt = tree.run_paths("rs_one").preview.receipt
    whole = read_receipt(receipt)
    receipt.unlink()
    tree.cli("fetch", "rs_one")
    assert read_receipt(receipt) == whole


def test_a_damaged_receipt_of_a_video_that_nobody_knows_is_not_made_up(tree: Tree) -> None:
    tree.cli("batch")
    place = tree.run_paths("rs_one").preview
    place.receipt.write_text("torn")
    (place.outputs / "output.mp4").write_bytes(b"another")
    told = tree.cli("fetch", "rs_one", expect=3).err
    assert "is damaged: it is no receipt of cosmosctl; nothing here tells what its video is" in told
    assert place.receipt.read_text() == "torn"


def test_a_damaged_note_of_a_failure_is_told_and_made_again(tree: Tree) -> None:
    tree.cli("batch", env=faults("gpu-oom"), expect=1)
    failure = tree.run_paths("rs_one").preview.failure
    whole = read_failure(failure)
    failure.write_text("torn")
    assert tree.states() == {"rs_one": "damaged"}
    tree.cli("fetch", "rs_one", expect=4)
    assert read_failure(failure) == whole
    assert tree.states() == {"rs_one": "gpu-oom"}


def test_a_damaged_end_of_a_batch_is_told_and_attach_writes_it_anew(tree: Tree) -> None:
    tree.cli("batch")
    batch = tree.batches()[0]
    whole = batch.end.read_text(encoding="utf-8")
    batch.end.write_text(_conflict("state: done\n", "state: cancelled\n"), encoding="utf-8")
    shutil.rmtree(tree.home)  # its host is gone
    assert f"cosmosctl attach {batch.name} writes it anew" in tree.cli("status").out
    tree.cli("attach", batch.name)
    assert batch.end.read_text(encoding="utf-8") == whole


@pytest.mark.parametrize("damage", ["marks, ours", "marks, theirs", "torn", "empty", "no text"])
def test_a_damaged_head_of_a_batch_is_told_and_attach_writes_it_anew(tree: Tree, damage: str) -> None:
    tree.cli("batch")
    batch = tree.batches()[0]
    text = batch.report.read_text(encoding="utf-8")
    other = re.sub(r"^key: .*$", "key: '00000000'", text, flags=re.MULTILINE)
    spoilt = {
        "marks, ours": _conflict(text, other).encode(),
        "marks, theirs": _conflict(other, text).encode(),
        "torn": text[: len(text) // 2].encode(),
        "empty": b"",
        "no text": b"\xff\xfe\0",
    }[damage]
    batch.report.write_bytes(spoilt)
    told = f"batches/{batch.name}/batch.yaml: "
    more = f"; cosmosctl attach {batch.name} writes it anew"
    for verb in (("status",), ("list", "batches"), ("show", batch.name)):
        done = tree.cli(*verb)
        assert told in done.out + done.err
        assert more in done.out + done.err
    tree.cli("attach", batch.name)
    assert told not in tree.cli("status").out
    anew = load_tool(batch.report.read_text(encoding="utf-8"))
    assert {**anew, "groups": _without_settings(anew)} == {
        **load_tool(text),
        "groups": _without_settings(load_tool(text)),
    }
    if "marks" in damage:
        assert anew == load_tool(text)


def test_a_damaged_head_in_a_clone_is_told_with_gits_own_command(tree: Tree) -> None:
    tree.cli("batch")
    batch = tree.batches()[0]
    text = batch.report.read_text(encoding="utf-8")
    batch.plan.unlink()
    [row] = json.loads(tree.cli("list", "batches", "--json").out)
    assert (row["status"], row["host"], row["model"], row["mistakes"]) == ("elsewhere", "local", "transfer1", [])
    batch.report.write_text(_conflict(text, text), encoding="utf-8")
    assert f"git checkout --theirs batches/{batch.name}/batch.yaml, or --ours" in tree.cli("status").out
    batch.report.write_text("torn")
    assert f"git checkout batches/{batch.name}/batch.yaml" in tree.cli("list", "batches").err


@pytest.mark.parametrize("place", ["beginning", "end"])
def test_a_damaged_plan_of_a_batch_is_told(tree: Tree, place: str) -> None:
    tree.cli("batch")
    batch = tree.batches()[0]
    data = batch.plan.read_bytes()
    batch.plan.write_bytes(b"<<<<<<< HEAD\n" + data if place == "beginning" else data[:-40])
    told = f"batches/{batch.name}/plan.json: cannot be read: its {place}"
    assert told in tree.cli("status").out
    listed = tree.cli("list", "batches")
    assert "unreadable" in listed.out
    assert told in listed.err
    assert told in tree.cli("show", batch.name).out
    assert tree.states() == {"rs_one": "done"}


@pytest.mark.parametrize("text", ["", "torn", "# sha256, bytes, time, file\n<<<<<<< HEAD\n"])
def test_a_damaged_manifest_is_told_and_fetch_writes_it_anew(tree: Tree, text: str) -> None:
    tree.cli("batch")
    manifest = tree.run_paths("rs_one").preview.manifest
    whole = manifest.read_bytes()
    manifest.write_text(text)
    assert "runs/rs_one/preview/manifest.txt: is damaged" in tree.cli("status").out
    assert "cosmosctl fetch rs_one" in tree.cli("show", "rs_one").out
    assert tree.states() == {"rs_one": "done"}
    tree.cli("fetch", "rs_one")
    assert manifest.read_bytes() == whole
    assert "manifest" not in tree.cli("status").out


@pytest.mark.parametrize("file", ["runs/rs_one/run.yaml", "prompts/ps_a.yaml", "cosmosctl.yaml"])
def test_marks_of_a_merge_in_a_file_of_the_user_are_called_so(tree: Tree, file: str) -> None:
    path = tree.root / file
    text = path.read_text(encoding="utf-8")
    path.write_text(_conflict(text, text), encoding="utf-8")
    told = tree.cli("check", expect=3)
    assert f"{file}:3:1: these are the marks of a merge conflict" in told.out + told.err


def test_both_sides_of_a_conflict_are_read_back_and_what_only_looks_like_marks_is_left_alone() -> None:
    assert sides(_conflict("a\n", "b\n")) == ("# 1\n# 2\na\n", "# 1\n# 2\nb\n")
    assert marks_line(_conflict("a\n", "b\n")) == 3
    assert marks_line("<<<<<<< HEAD\nno end\n") == 0
    assert marks_line("text: |\n  <<<<<<< HEAD\n  =======\n  >>>>>>> b\n") == 0


def test_a_run_whose_folder_cannot_be_written_to_keeps_no_other_from_coming_home(tree: Tree) -> None:
    tree.run("rs_two")
    tree.run("rs_zed")
    stuck = tree.run_paths("rs_one").root
    with mounted("--bind", str(stuck), at=stuck):
        mount("-o", "remount,bind,ro", str(stuck))
        told = tree.cli("batch", expect=3).err
        name = tree.batches()[0].name
        assert f"run rs_one cannot come home: {stuck}" in told
        assert f"cosmosctl attach {name}" in told
        assert tree.states() == {"rs_one": "running", "rs_two": "done", "rs_zed": "done"}
        tree.cli("attach", expect=3)
    tree.cli("attach")
    assert set(tree.states().values()) == {"done"}
    assert tree.run_paths("rs_one").preview.batch_log.samefile(tree.batches()[0].log)


@pytest.mark.parametrize("place", ["", "preview", "preview/logs"])
def test_a_folder_of_a_run_that_may_not_be_looked_into_ends_no_verb_and_keeps_no_other_run_from_anything(
    tree: Tree, place: str
) -> None:
    tree.run("rs_two")
    if place:
        tree.cli("batch", env=faults("gpu-oom") if place == "preview/logs" else {}, expect=None)
    stuck = tree.run_paths("rs_one").root / place
    name = "" if place else tree.cli("batch", "--detach").out.strip()
    stuck.chmod(0)
    try:
        codes = {verb: as_nobody_special(tree, *verb.split()) for verb in ("status", "list runs", "log", "show rs_one")}
        assert {verb: done.code for verb, done in codes.items()} == dict.fromkeys(codes, 0)
        assert "permission denied" in codes["status"].out
        if name:
            told = as_nobody_special(tree, "attach")
            assert (told.code, "run rs_one cannot come home" in told.err) == (3, True)
            assert tree.states()["rs_two"] == "done"
    finally:
        stuck.chmod(0o755)
    if name:
        tree.cli("attach")
        assert set(tree.states().values()) == {"done"}


def as_nobody_special(tree: Tree, *args: str) -> Done:
    """A command of root without the right to look wherever it likes, or of whoever we are."""
    without = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", "--inh-caps", "-all")
    return Client(tree, *args, before=without if os.geteuid() == 0 else ()).end()


def test_line_ends_that_git_changed_damage_nothing(tree: Tree) -> None:
    """As in a clone with core.autocrlf, on a machine where files go to and fro between Windows and WSL2."""
    tree.cli("batch", "rs_one")
    place = tree.run_paths("rs_one").preview
    before = tree.cli("status").out
    for file in (
        tree.batches()[0].report,
        tree.batches()[0].end,
        place.receipt,
        place.manifest,
        tree.paths.prompt("ps_a"),
    ):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert tree.cli("status").out == before
    assert tree.states()["rs_one"] == "done"
    done = tree.cli("list", "batches")
    assert (done.lines[1].split()[1], done.err) == ("done", "")


def test_show_of_a_copied_run_does_not_show_the_results_of_the_original(tree: Tree) -> None:
    tree.cli("batch")
    shutil.copytree(tree.run_paths("rs_one").root, tree.run_paths("rs_copy").root)
    assert "preview" in json.loads(tree.cli("show", "rs_one", "--json").out)
    assert "preview" not in json.loads(tree.cli("show", "rs_copy", "--json").out)
    assert tree.cli("log", "rs_copy").out == ""
    assert "has no result to compare with" in tree.cli("diff", "rs_copy", expect=2).err


def test_an_upscale_of_a_run_that_is_random_is_not_called_reproducible(tree: Tree) -> None:
    path = tree.run_paths("rs_large").spec
    path.parent.mkdir()
    path.write_text("prompt: ps_a\nupscale: {run: rs_one, weight: 0.5}\n", encoding="utf-8")
    said = json.loads(tree.cli("show", "rs_large", "--json").out)["reproducible"]
    assert said == "no: the result of rs_one, which it enlarges, is another one each time"


def _without_settings(head: Any) -> list[Any]:
    """The groups of a batch.yaml; which of the settings its runs have in common are a start's is in no other file."""
    return [{**group, "settings": None} for group in head["groups"]]


def _conflict(ours: str, theirs: str) -> str:
    return f"# 1\n# 2\n<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n"

"""What is shown of prompts and runs that cannot be used: clones without videos, files with mistakes."""

import json
import shutil
from typing import Any

import pytest

from tests.support.tree import Tree


@pytest.fixture
def clone(quick_tree: Tree) -> Tree:
    """A project as git brings it: files and receipts, no videos."""
    quick_tree.cli("init", ".")
    quick_tree.run("rs_a", controls="{vis: 0.3, edge: 0.4}", more="seed: 7\n")
    quick_tree.run("rs_new", more="seed: 8\n")
    quick_tree.cli("batch", "rs_a")
    receipt = quick_tree.run_paths("rs_a").preview.receipt.read_text()
    assert "preview: true" in receipt
    quick_tree.run_paths("rs_a").result.report.write_text(receipt.replace("preview: true", "preview: false"))
    quick_tree.git("init", "--quiet")
    quick_tree.git("add", ".")
    quick_tree.git("commit", "--quiet", "-m", "a look")
    target = quick_tree.root.parent / "clone"
    quick_tree.git("clone", "--quiet", str(quick_tree.root), str(target))
    return Tree(target, quick_tree.home, quick_tree.env)


def test_in_a_clone_a_run_with_its_receipt_is_absent_and_keeps_its_weights_prompt_and_seed(clone: Tree) -> None:
    rows = runs(clone)
    assert (rows["rs_a"]["status"], rows["rs_new"]["status"]) == ("absent", "invalid")
    assert (rows["rs_a"]["prompt_id"], rows["rs_a"]["prompt"]) == ("ps_a", "a street")
    assert rows["rs_a"]["weights"] == {"vis": 0.3, "edge": 0.4}
    assert rows["rs_a"]["settings"] == {"seed": 7}
    assert rows["rs_new"]["weights"] == {"edge": 0.5}
    assert rows["rs_new"]["settings"] == {"seed": 8}
    assert "there is no folder" in rows["rs_new"]["detail"]
    shown = json.loads(clone.cli("show", "rs_a", "--json").out)
    assert (shown["status"], shown["settings"], shown["prompt"]) == ("absent", {"seed": 7}, "a street")
    assert shown["result"]["batch"]
    assert "Absent" in clone.cli("status").out


def test_in_a_clone_a_result_that_was_fetched_is_done_and_missing_videos_keep_it_from_a_batch_alone(
    clone: Tree,
) -> None:
    clone.run_paths("rs_new").spec.unlink()
    assert "Mistakes" not in clone.cli("status").out
    clone.cli("fetch", "rs_a")
    row = runs(clone)["rs_a"]
    assert (row["status"], row["output"]) == ("done", "runs/rs_a/outputs/output.mp4")
    told = clone.cli("status").out
    assert "Done:" in told
    assert "Mistakes" not in told
    assert "there is no folder" in clone.cli("check", expect=3).err
    assert "there is no folder" in clone.cli("batch", "rs_a", expect=3).err
    clone.scene()
    clone.run("rs_a", controls="{edge: {weight: 0.4, input: inputs/gone.mp4}}")
    assert runs(clone)["rs_a"]["status"] == "done"
    clone.run("rs_a", more="sede: 4\n")
    assert runs(clone)["rs_a"]["status"] == "invalid"


def test_a_missing_video_is_a_mistake_where_a_run_that_has_no_result_wants_it(clone: Tree) -> None:
    told = clone.cli("status").out
    assert told.index("Mistakes:") < told.index("prompts/ps_a.yaml") < told.index("Absent")


def test_in_a_clone_a_failure_is_what_its_receipt_says(clone: Tree) -> None:
    shutil.copytree(clone.root.parent / "project/inputs", clone.root / "inputs", dirs_exist_ok=True)
    clone.run("rs_new", more="seed: 9\n")
    clone.cli("batch", "rs_new", env={"COSMOSCTL_PREVIEW_FAULTS": "block:street"}, expect=1)
    shutil.rmtree(clone.root / "inputs/videos")
    assert (runs(clone)["rs_new"]["status"], runs(clone)["rs_new"]["reason"]) == ("failed", "blocked")


def test_in_a_clone_a_run_whose_control_file_is_missing_is_absent_too(clone: Tree) -> None:
    clone.scene()
    text = clone.run_paths("rs_a").spec.read_text()
    clone.run_paths("rs_a").spec.write_text(text.replace("edge: 0.4", "edge: {weight: 0.4, input: inputs/gone.mp4}"))
    assert runs(clone)["rs_a"]["status"] == "absent"


def test_a_prompt_with_a_mistake_is_listed_and_shown_with_it(quick_tree: Tree) -> None:
    quick_tree.prompt("ps_gone", "a lost scene", scene="inputs/videos/nowhere")
    quick_tree.prompt("ps_x", more="vidoe: here\n")
    quick_tree.run("rs_x", "ps_x")
    rows = {row["id"]: row for row in json.loads(quick_tree.cli("list", "prompts", "--json").out)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "ps_a": "well",
        "ps_gone": "invalid",
        "ps_x": "invalid",
    }
    assert (rows["ps_gone"]["prompt"], rows["ps_x"]["runs"]) == ("a lost scene", 1)
    assert "prompts/ps_x.yaml:3:1" in rows["ps_x"]["mistakes"][0]
    assert "prompts/ps_x.yaml:3:1" in quick_tree.cli("list", "prompts").out
    assert "prompts/ps_x.yaml:3:1" in quick_tree.cli("show", "ps_x").out
    assert "prompts/ps_x.yaml:3:1" in quick_tree.cli("batch", "ps_x", expect=3).err


@pytest.mark.parametrize(
    ("text", "prompt", "weights"),
    [
        ("prompt: ps_a\ncontrols: {edge: 0.5, vis: much}\nsede: 4\n", "ps_a", {"edge": 0.5}),
        ("prompt: 12\ncontrols: {edge: 0.5}\n", "", {"edge": 0.5}),
        ("prompt: no id!\ncontrols: none\n", "no id!", {}),
        ("prompt: ps_nowhere\ncontrols: {edge: 0.5}\n", "ps_nowhere", {"edge": 0.5}),
        ("prompt: [ps_a\n", "", {}),
        ("- a list\n", "", {}),
    ],
)
def test_every_key_of_an_invalid_run_is_there_and_of_the_kind_it_always_is(
    quick_tree: Tree, text: str, prompt: str, weights: dict[str, float]
) -> None:
    quick_tree.run("rs_well")
    quick_tree.run("rs_bad")
    quick_tree.run_paths("rs_bad").spec.write_text(text, encoding="utf-8")
    rows = runs(quick_tree)
    assert rows["rs_bad"]["status"] == "invalid"
    assert (rows["rs_bad"]["prompt_id"], rows["rs_bad"]["weights"]) == (prompt, weights)
    kinds = {run: {key: type(value) for key, value in row.items()} for run, row in rows.items()}
    assert kinds["rs_bad"] == kinds["rs_well"]


def runs(tree: Tree) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in json.loads(tree.cli("list", "runs", "--json").out)}

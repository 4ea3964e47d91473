"""Provenance: what changed since a result, which batches took a run, what is the same each time."""

import hashlib
import json

import pytest

from cosmosctl.commands.look.diff import word_diff
from cosmosctl.results.receipts import read_receipt, receipt_of
from cosmosctl.yaml.file import dump_tool, load_tool
from tests import clips
from tests.support.tree import Tree


def test_diff_tells_values_words_and_videos_that_changed_since_the_result(quick_tree: Tree) -> None:
    quick_tree.prompt("ps_a", "a street at night, in rain")
    quick_tree.run("rs_one", controls="{edge: 0.5, depth: 0.1}", more="seed: 1\n")
    quick_tree.cli("batch")
    assert quick_tree.cli("diff", "rs_one").out == ""
    quick_tree.prompt("ps_a", "a street at dawn, in rain")
    quick_tree.run("rs_one", controls="{edge: 0.7}", more="seed: 2\n")
    clips.color(quick_tree.root / "inputs/videos/city/color.mp4", shade=90)
    lines = quick_tree.cli("diff", "rs_one").lines
    assert "seed: 1 -> 2" in lines
    assert "controls.edge.weight: 0.5 -> 0.7" in lines
    assert "controls.depth.weight: 0.1 -> not set" in lines
    assert "  a street at [-night-]{+dawn+}, in rain" in lines
    assert any(line.startswith("video: content ") for line in lines)
    assert len([line for line in lines if line.startswith("prompt:")]) == 1


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("one two", "one two", "one two"),
        ("one two", "one", "one[- two-]"),
        ("", "new", "{+new+}"),
        ("red car.", "blue car!", "[-red-]{+blue+} car[-.-]{+!+}"),
    ],
)
def test_word_diff_marks_whole_words(before: str, after: str, shown: str) -> None:
    assert word_diff(before, after) == shown


def test_diff_of_a_run_without_a_result_says_what_to_type(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    told = quick_tree.cli("diff", "rs_one", expect=2).err
    assert "no result to compare with" in told
    assert "cosmosctl batch rs_one" in told


def test_log_lists_every_attempt_newest_first_with_those_in_history(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    quick_tree.run("rs_two")
    quick_tree.cli("batch", "rs_one", "--batch-name", "first")
    quick_tree.cli("batch", "rs_one", "--model", "cosmos3", "--batch-name", "second")
    quick_tree.cli("batch", "rs_two", env={"COSMOSCTL_PREVIEW_FAULTS": "block"}, expect=1)
    past = json.loads(quick_tree.cli("log", "rs_one", "--json").out)
    assert [(entry["batch"].partition("_")[0], entry["state"], entry["model"]) for entry in past] == [
        ("second", "done", "cosmos3"),
        ("first", "done", "transfer1"),
    ]
    assert past[1]["video"].startswith("runs/rs_one/history/first_")
    assert (quick_tree.root / past[1]["video"]).is_file()
    every = quick_tree.cli("log").lines
    assert len(every) == 3
    assert any("rs_two" in line and "blocked" in line for line in every)


@pytest.mark.parametrize(
    ("family", "controls", "said"),
    [
        ("transfer1", "{edge: 0.5, vis: {weight: 0.5, preset: low}}", "no: transfer1 makes edge with random"),
        ("transfer1", "{edge: {weight: 0.5, preset: low}, seg: 0}", "yes"),
        ("transfer2.5", "{edge: 0.5, vis: 0.5, depth: 0.1}", "yes"),
        ("transfer2.5", "{edge: 0.5, seg: {weight: 0.5, input: auto}}", "no: transfer2.5 makes seg with random"),
        ("cosmos3", "{edge: 0.5, vis: {weight: 0.5, preset: low}}", "yes"),
    ],
)
def test_show_says_what_is_the_same_each_time(quick_tree: Tree, family: str, controls: str, said: str) -> None:
    quick_tree.run("rs_one", controls=controls, more=f"model: {family}\n")
    assert json.loads(quick_tree.cli("show", "rs_one", "--json").out)["reproducible"].startswith(said)


@pytest.mark.parametrize(
    ("family", "offer"),
    [("transfer1", "text encoder"), ("transfer2.5", "max_frames"), ("cosmos3", "max_frames")],
)
def test_out_of_memory_says_what_this_model_offers_and_is_not_tried_again(
    quick_tree: Tree, family: str, offer: str
) -> None:
    quick_tree.run("rs_one", more=f"model: {family}\n")
    told = quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_FAULTS": "gpu-oom"}, expect=1).out
    assert "the GPU ran out of memory" in told
    assert "offload_models: true" in told
    assert offer in told
    assert sum(event["ev"] == "process_start" for event in quick_tree.events()) == 1


@pytest.mark.parametrize("was", ["true", "false"])
def test_offloading_makes_no_result_old_nor_do_receipts_that_hold_it(quick_tree: Tree, was: str) -> None:
    quick_tree.run("rs_one")
    quick_tree.cli("batch", "rs_one")
    receipt = quick_tree.run_paths("rs_one").preview.receipt
    facts = load_tool(receipt.read_text())
    del facts["format"]
    facts["effective"]["offload_models"] = was == "true"  # as releases before wrote it
    text = json.dumps(dict(sorted(facts["effective"].items())), separators=(",", ":"))
    facts["spec"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    receipt.write_text(dump_tool(facts))
    assert receipt_of(receipt.read_text()) == read_receipt(receipt)
    for value in ("true", "false"):
        quick_tree.run("rs_one", more=f"offload_models: {value}\n")
        assert quick_tree.states() == {"rs_one": "done"}
        assert quick_tree.cli("diff", "rs_one").out == ""

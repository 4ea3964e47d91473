"""One batch end to end on the built-in host: the files it leaves, in the run's folder and in the batch's."""

import hashlib
import json

import pytest

from cosmosctl.media.probe import probe
from tests.support.tree import Tree, loads


def test_a_batch_leaves_a_video_its_logs_and_receipts_in_each_runs_folder(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: {weight: 0.6, preset: low}, depth: 0.2}")
    tree.run("rs_two", controls="{edge: {weight: 0.1, preset: low}, depth: 0.7}")

    done = tree.cli("batch", "--batch-name", "urban_v1")

    assert tree.states() == {"rs_one": "done", "rs_two": "done"}
    for run in ("rs_one", "rs_two"):
        preview = tree.run_paths(run).preview
        video = probe(preview.outputs / "output.mp4")
        assert (video.width, video.height, video.frames, float(video.fps)) == (960, 704, 9, 24.0)
        assert (preview.outputs / "prompt.txt").read_text(encoding="utf-8") == "a street"
        assert f"runs/{run}/preview/outputs/output.mp4" in done.out
        assert not tree.run_paths(run).result.receipt.exists()
    assert loads(tree.events()) == 1
    assert "PREVIEW" in done.err.splitlines()[0] + done.err


def test_the_manifest_names_each_output_with_its_size_and_sha256(tree: Tree) -> None:
    tree.run("rs_one")
    tree.cli("batch")
    preview = tree.run_paths("rs_one").preview
    lines = preview.manifest.read_text(encoding="utf-8").splitlines()[1:]
    found = {line.split()[3]: (line.split()[0], int(line.split()[1])) for line in lines}
    assert set(found) == {f"outputs/{path.name}" for path in preview.outputs.iterdir()}
    for name, (digest, size) in found.items():
        data = (preview.root / name).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (digest, size)


def test_batch_log_is_the_same_in_all_runs_and_execution_log_holds_only_its_own_part(tree: Tree) -> None:
    for number in (1, 2, 3):
        tree.prompt(f"ps_{number}", f"prompt number {number}")
        tree.run(f"rs_{number}", f"ps_{number}")
    tree.cli("batch")
    previews = [tree.run_paths(f"rs_{number}").preview for number in (1, 2, 3)]
    whole = {preview.batch_log.read_bytes() for preview in previews}
    assert whole == {tree.batches()[0].log.read_bytes()}
    for number, preview in enumerate(previews):
        own = preview.execution_log.read_text(encoding="utf-8")
        assert own.count("Saved prompt to ") == 1
        assert f"video_{number}/prompt.txt" in own
        assert own in whole.copy().pop().decode()


def test_the_batch_folder_holds_the_whole_configuration_and_git_sees_one_file_of_it(bare_tree: Tree) -> None:
    bare_tree.cli("init", ".")
    bare_tree.scene()
    bare_tree.prompt("ps_a")
    bare_tree.run("rs_one")
    bare_tree.git("init", "--quiet")
    bare_tree.git("add", ".")
    bare_tree.git("commit", "--quiet", "-m", "before")
    bare_tree.cli("batch", "--batch-name", "night")
    batch = bare_tree.batches()[0]
    names = {path.relative_to(batch.root).as_posix() for path in batch.root.rglob("*") if path.is_file()}
    assert names == {
        "batch.yaml",
        "batch.local.yaml",
        "plan.json",
        "inputs.txt",
        "rows.txt",
        "launch.yaml",
        "events.jsonl",
        "batch.log",
        "end.yaml",
        "01-edge/batch.jsonl",
        "01-edge/controlnet_spec.json",
        "01-edge/command",
    }
    seen = bare_tree.git("status", "--porcelain", "--untracked-files=all").split()[1::2]
    assert seen == [f"batches/{batch.name}/batch.yaml"]


def test_the_guides_quick_start_makes_one_group_and_one_model_start(quick_tree: Tree) -> None:
    runs = []
    weights = ("0.3 0.4 0.2 0.1", "0.4 0.3 0.3 0.0", "0.2 0.5 0.2 0.1")
    for text, four in zip(("day", "night", "snow"), weights, strict=True):
        prompt = quick_tree.cli("create", "prompt", f"a city by {text}", "inputs/videos/city").out.strip()
        runs.append(quick_tree.cli("create", "run", prompt, "--weights", *four.split()).out.strip())
    dry = quick_tree.cli("batch", *runs, "--batch-name", "urban_scenes", "--dry-run")
    assert "1 model start\n" in dry.out
    quick_tree.cli("batch", *runs, "--batch-name", "urban_scenes")
    assert loads(quick_tree.events()) == 1
    assert {quick_tree.states()[run] for run in runs} == {"done"}
    lines = (quick_tree.batches()[0].root / "01-vis-edge-depth-seg/batch.jsonl").read_text().splitlines()
    given = [[c["control_weight"] for c in json.loads(line)["control_overrides"].values()] for line in lines]
    assert sorted(given) == sorted([float(weight) for weight in four.split()] for four in weights)


def test_a_second_batch_of_a_done_run_moves_its_result_to_history(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    quick_tree.cli("batch", "--batch-name", "first")
    before = (quick_tree.run_paths("rs_one").preview.outputs / "output.mp4").read_bytes()
    first = quick_tree.batches()[0].name
    quick_tree.cli("batch", "rs_one", "--batch-name", "second")
    kept = quick_tree.run_paths("rs_one").kept(first)
    assert (kept.outputs / "output.mp4").read_bytes() == before
    assert kept.receipt.exists()
    assert quick_tree.states() == {"rs_one": "done"}


def test_with_nothing_pending_batch_says_what_else_there_is_and_the_flag(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    quick_tree.cli("batch")
    done = quick_tree.cli("batch")
    assert done.out == ""
    assert "nothing is pending; there are 1 done (--all)" in done.err


def test_editing_a_run_makes_it_changed_and_says_what_changed(quick_tree: Tree) -> None:
    quick_tree.run("rs_one", more="seed: 1\n")
    quick_tree.cli("batch")
    quick_tree.run("rs_one", controls="{edge: 0.7}", more="seed: 2\n")
    assert quick_tree.states() == {"rs_one": "changed"}
    assert "seed, controls.edge.weight" in quick_tree.cli("status").out
    quick_tree.cli("batch", "--changed")
    assert quick_tree.states() == {"rs_one": "done"}


@pytest.mark.parametrize(
    "text", ['it\'s "quoted"', "$(touch pwned) `id`", "two\nlines\n", "🎬 日本", "a\u2028b\u2029c"]
)
def test_a_prompt_arrives_in_prompt_txt_byte_for_byte(quick_tree: Tree, text: str) -> None:
    prompt = quick_tree.cli("create", "prompt", text, "inputs/videos/city").out.strip()
    run = quick_tree.cli("create", "run", prompt, "--weights", "0", "1", "0", "0").out.strip()
    quick_tree.cli("batch", run)
    assert (quick_tree.run_paths(run).preview.outputs / "prompt.txt").read_bytes() == text.encode()
    assert not (quick_tree.root / "pwned").exists()

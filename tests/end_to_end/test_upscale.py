"""Upscaling: a run of its own kind, after its source in the same batch, or in the next one."""

import json
from pathlib import Path
from typing import Any

import pytest

from cosmosctl import models
from cosmosctl.domain.project import Config, Control, Prompt, Run
from cosmosctl.domain.spec import Spec
from cosmosctl.media.probe import probe
from tests import clips
from tests.support.family_batch import COLOR, family_batch, specs_of
from tests.support.tree import Tree, loads


def upscaling(source: Spec, run: str, weight: float = 0.5) -> Spec:
    """A run that enlarges the result of `source`."""
    prompt = Prompt("ps_a", f"{source.text}, larger", {"color": COLOR})
    made = Run(run, "ps_a", (Control("upscale", weight, input=source.run),))
    return models.spec_of(made, prompt, Config("5f3a91c2", "transfer1", "local", {}, {}), source=source)


def plan_of(folder: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return plan


def test_it_runs_in_its_own_group_after_its_sources_and_reads_their_results(tmp_path: Path) -> None:
    first, second = specs_of("transfer1", ("one", "two"))
    batch = family_batch(tmp_path, [upscaling(first, "a_up"), first, upscaling(second, "b_up", 0.7), second])
    group = plan_of(batch.folder)["groups"][1]
    assert [one["name"] for one in plan_of(batch.folder)["groups"]] == ["01-edge", "02-upscale"]
    assert [json.loads(row["line"]) for row in group["rows"]] == [
        {
            "visual_input": f"{batch.folder}/done/{source}/output.mp4",
            "prompt": f"{text}, larger",
            "control_overrides": {"upscale": {"control_weight": weight}},
        }
        for source, text, weight in (("rs_1", "one", 0.5), ("rs_2", "two", 0.7))
    ]
    base = json.loads(group["files"]["controlnet_spec.json"])
    assert (base["upscale"], base["num_steps"]) == ({"control_weight": 0.5}, 10)
    assert (batch.folder / "02-upscale/batch.jsonl").read_text().count(f"{batch.folder}/done/") == 2
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    assert b'done/rs_1/output.mp4"' in (batch.folder / "done/a_up/output.mp4").read_bytes()


def test_a_source_without_a_result_makes_it_not_reached_and_no_other(tmp_path: Path) -> None:
    first, second = specs_of("transfer1", ("one", "two"))
    specs = [first, second, upscaling(first, "up_1"), upscaling(second, "up_2")]
    batch = family_batch(tmp_path, specs, faults="block:one")
    batch.run()
    assert batch.ends() == {"rs_1": "blocked", "rs_2": "done", "up_1": "not-reached", "up_2": "done"}
    assert "rs_1, whose result it reads, has none" in batch.failed("up_1")["detail"]


def test_when_no_source_has_a_result_the_upscaler_is_never_started(tmp_path: Path) -> None:
    first = specs_of("transfer1", ("one",))[0]
    batch = family_batch(tmp_path, [first, upscaling(first, "up_1")], faults="before-first")
    batch.run()
    assert batch.ends() == {"rs_1": "model-error", "up_1": "not-reached"}
    assert len(batch.events("process_start")) == 1
    assert batch.events("batch_done")[0]["failed"] == 2


@pytest.mark.parametrize("fault", ["crash_once:one,crash_once:two", "crash_once:two"])
def test_it_waits_for_a_source_that_is_tried_again(tmp_path: Path, fault: str) -> None:
    first, second = specs_of("transfer1", ("one", "two"))
    specs = [first, second, upscaling(first, "up_1"), upscaling(second, "up_2")]
    batch = family_batch(tmp_path, specs, faults=fault)
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    order = [event["run"] for event in batch.events("run_done")]
    assert order.index("rs_1") < order.index("up_1")
    assert order.index("rs_2") < order.index("up_2")


def test_it_waits_on_several_workers_and_after_a_restart_of_the_supervisor(tmp_path: Path) -> None:
    specs = specs_of("transfer1", ("one", "two", "three"))
    batch = family_batch(
        tmp_path, [*specs, *(upscaling(spec, f"up_{spec.run}") for spec in specs)], faults="held:three"
    )
    batch.replan(lambda plan: plan.update(gpus=[None, None, None]))
    supervisor = batch.start()
    batch.until("run_done")
    supervisor.kill()
    supervisor.wait()
    (tmp_path / "state" / "go").touch()
    batch.run()
    assert set(batch.ends().values()) == {"done"}
    order = [event["run"] for event in batch.events("run_done")]
    assert all(order.index(spec.run) < order.index(f"up_{spec.run}") for spec in specs)


def test_upscale_of_a_run_makes_a_run_linked_to_it_and_a_video_three_times_as_large(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: {weight: 0.5, preset: low}}", more="fps: 30\n")
    made = tree.cli("upscale", "rs_one", "--weight", "0.7").lines[0]
    assert tree.states() == {"rs_one": "done", made: "done"}
    text = tree.run_paths(made).spec.read_text(encoding="utf-8")
    assert "upscale:\n  run: rs_one\n  weight: 0.7\n" in text or "upscale: {run: rs_one, weight: 0.7}\n" in text
    assert "fps: 30" in text
    small, large = (probe(tree.run_paths(run).preview.outputs / "output.mp4") for run in ("rs_one", made))
    assert (large.width, large.height, large.frames, large.fps) == (
        *(3 * small.width, 3 * small.height),
        *(small.frames, small.fps),
    )
    assert loads(tree.events()) == 2
    assert tree.cli("upscale", "rs_one", "--weight", "0.7").lines[0] == made
    assert loads(tree.events()) == 1


def test_it_takes_ten_steps_whatever_the_projects_default_is(quick_tree: Tree) -> None:
    quick_tree.config("project: 5f3a91c2\ndefaults: {transfer1: {num_steps: 35, guidance: 6}}\n")
    quick_tree.run("rs_one")
    made = quick_tree.cli("upscale", "rs_one").lines[0]
    shown = json.loads(quick_tree.cli("show", made, "--json").out)
    assert (shown["settings"]["num_steps"], shown["settings"]["guidance"]) == (10, 6)
    assert shown["controls"] == {"upscale": "0.5, enlarges the result of rs_one"}


def test_inference_with_an_upscale_weight_chains_both_in_one_batch(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    made = quick_tree.cli("inference", "rs_one", "--upscale-weight", "0.7").lines[0]
    assert quick_tree.states() == {"rs_one": "done", made: "done"}
    assert len(quick_tree.batches()) == 1
    quick_tree.run("rs_one", more="seed: 5\n")
    assert quick_tree.states() == {"rs_one": "changed", made: "changed"}


def test_the_result_of_another_family_is_upscaled_in_the_next_batch(quick_tree: Tree) -> None:
    quick_tree.run("rs_one", more="model: cosmos3\n")
    made = quick_tree.cli("inference", "rs_one", "--upscale-weight", "0.7").lines[0]
    assert quick_tree.states() == {"rs_one": "done", made: "done"}
    plans = [json.loads(batch.plan.read_text(encoding="utf-8")) for batch in quick_tree.batches()]
    assert sorted(plan["model"] for plan in plans) == ["cosmos3", "transfer1"]
    upscaler = next(plan for plan in plans if plan["model"] == "transfer1")
    assert upscaler["inputs"][0]["source"] == "runs/rs_one/preview/outputs/output.mp4"


def test_a_video_file_is_upscaled_with_a_prompt_of_its_own(quick_tree: Tree) -> None:
    clips.color(quick_tree.root / "mine.mp4")
    made = quick_tree.cli("upscale", "--video", "mine.mp4", "--prompt", "a sharp street").lines[0]
    preview = quick_tree.run_paths(made).preview.outputs
    assert quick_tree.states() == {made: "done"}
    assert (preview / "prompt.txt").read_text(encoding="utf-8") == "a sharp street"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("upscale: {run: rs_gone, weight: 0.5}\n", "2:16: upscale.run rs_gone is no run that makes a video"),
        ("upscale: {run: rs_one, weight: 1.5}\n", "2:32: upscale.weight must be more than 0 and at most 1"),
        ("upscale: {weight: 0.5}\ncontrols: {edge: 1}\n", "upscale cannot stand together with controls"),
        ("upscale: {run: rs_one, weight: 0.5}\nresolution: 720\n", "3:13: resolution is not a setting of transfer1"),
    ],
)
def test_mistakes_are_told_at_their_place(quick_tree: Tree, text: str, told: str) -> None:
    quick_tree.run("rs_one")
    quick_tree.cli("batch", "rs_one")
    path = quick_tree.run_paths("rs_up").spec
    path.parent.mkdir()
    path.write_text(f"prompt: ps_a\n{text}", encoding="utf-8")
    assert told in quick_tree.cli("batch", "rs_up", expect=3).err


def test_a_source_without_a_result_that_is_not_batched_with_it_is_told(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    path = quick_tree.run_paths("rs_up").spec
    path.parent.mkdir()
    path.write_text("prompt: ps_a\nupscale: {run: rs_one, weight: 0.5}\n", encoding="utf-8")
    told = quick_tree.cli("batch", "rs_up", expect=3).err
    assert "rs_one has no result" in told
    assert "cosmosctl batch rs_one rs_up" in told


def test_no_text_is_taken_for_the_path_of_a_result_that_is_still_to_come(tmp_path: Path) -> None:
    text = "\0done/rs_1/output.mp4, {work} and {batch}"
    (first,) = specs_of("transfer1", (text,))
    folder = family_batch(tmp_path, [first, upscaling(first, "a_up")]).folder
    own, larger = (json.loads(row["line"]) for group in plan_of(folder)["groups"] for row in group["rows"])
    assert (own["prompt"], larger["prompt"]) == (text, f"{text}, larger")
    assert larger["visual_input"] == f"{folder}/done/rs_1/output.mp4"

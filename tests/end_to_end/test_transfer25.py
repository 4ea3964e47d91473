"""What transfer2.5 is given, what its check says, and its stand-in's documented failures."""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cosmosctl import models
from cosmosctl.domain.project import Config, Control, Host, HostModel, Prompt, Run, Setting
from cosmosctl.domain.spec import Spec
from cosmosctl.models import transfer25
from cosmosctl.models.protocol import Clip
from tests.support.family_batch import family_batch, specs_of
from tests.support.tree import Tree

CLIP = Clip(1280, 704, 24.0, 93)
SEEN = {"color": "/c/inputs/0/video.mp4", "depth": "/c/inputs/2/video.mp4"}
MODEL = "model: transfer2.5\n"


def spec_of(*controls: Control, color: str = "v/color.mp4", text: str = "a street", **settings: Setting) -> Spec:
    prompt = Prompt("ps_a", text, {"color": color})
    run = Run("rs_a", "ps_a", controls or (Control("edge", 1.0),), settings=settings)
    return models.spec_of(run, prompt, Config("p", "transfer2.5", "local", {}, {}))


def findings(spec: Spec, clips: Mapping[str, Clip] | None = None) -> list[tuple[str, str]]:
    known = dict.fromkeys(spec.input_paths, CLIP) | dict(clips or {})
    return [(finding.level, finding.key) for finding in transfer25.check(spec, known)]


def test_a_row_holds_everything_but_the_models_own_flags_in_the_words_of_its_parser() -> None:
    spec = spec_of(
        Control("vis", 0.2, preset="low"),
        Control("edge", 0.3, preset="high"),
        Control("depth", 0.4, input="v/depth.mp4"),
        Control("seg", 0.1, input="auto", prompt="cars"),
        max_frames=50,
        negative_prompt="fog",
        guidance=4,
        offload_models=True,
    )
    line = json.loads(transfer25.row(spec, SEEN, CLIP))
    assert re.fullmatch("r[0-9a-f]{12}", line.pop("name"))
    assert line == {
        "prompt": "a street",
        "video_path": "/c/inputs/0/video.mp4",
        "negative_prompt": "fog",
        "seed": 2025,
        "guidance": 4,
        "num_steps": 35,
        "resolution": "720",
        "max_frames": 50,
        "vis": {"control_weight": 0.2, "preset_blur_strength": "low"},
        "edge": {"control_weight": 0.3, "preset_edge_threshold": "high"},
        "depth": {"control_weight": 0.4, "control_path": "/c/inputs/2/video.mp4"},
        "seg": {"control_weight": 0.1, "control_prompt": "cars"},
    }


def test_the_command_holds_flags_of_the_start_alone() -> None:
    assert transfer25.arguments([spec_of(seed=3)], checkpoints="") == ("-i", "{work}/batch.jsonl", "-o", "{work}/out")
    more = transfer25.arguments([spec_of(distilled=True, offload_models=True)], checkpoints="/ck")
    assert more[4:] == ("--model", "edge/distilled", "--offload-guardrail-models")
    assert transfer25.env([spec_of(distilled=True)])["COSMOS_EXPERIMENTAL_CHECKPOINTS"] == "1"
    assert "COSMOS_EXPERIMENTAL_CHECKPOINTS" not in transfer25.env([spec_of()])


def test_runs_share_a_start_exactly_when_their_control_sets_model_and_flags_are_the_same() -> None:
    edge = transfer25.group_key(spec_of(seed=1, guidance=2, resolution="480"))
    assert edge == transfer25.group_key(spec_of(Control("edge", 0.2, preset="low"), text="rain"))
    both = spec_of(Control("edge", 1.0), Control("seg", 0.0))
    assert len({edge, *(transfer25.group_key(one) for one in (both, spec_of(distilled=True)))}) == 3
    assert edge != transfer25.group_key(spec_of(offload_models=True))


def test_the_distilled_model_takes_four_steps_unless_the_run_says_otherwise() -> None:
    assert spec_of(distilled=True).settings["num_steps"] == 4
    assert spec_of(distilled=True, num_steps=6).settings["num_steps"] == 6


def test_a_whole_guidance_with_a_point_reaches_its_parser_as_a_whole_number() -> None:
    guidance = spec_of(guidance=3.0).settings["guidance"]
    assert (guidance, type(guidance)) == (3, int)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("guidance", 3.5), ("guidance", 8), ("seed", -1), ("num_steps", 0), ("max_frames", 0)],
        *[("sigma_max", 80), ("resolution", "719"), ("fps", 24), ("control_guidance", 1.0), ("warm", True)],
    ],
)
def test_what_its_parser_refuses_is_an_error_at_its_key(name: str, value: Setting) -> None:
    more: dict[str, Any] = {name: value}
    assert ("error", name) in findings(spec_of(**more))


def test_an_ending_without_a_reader_is_an_error_with_the_command_that_helps() -> None:
    found = transfer25.check(spec_of(color="v/color.mkv"), {"v/color.mkv": CLIP})
    assert [(f.level, f.key) for f in found] == [("error", "prompt")]
    assert "ffmpeg -i v/color.mkv -c copy v/color.mp4" in found[0].message


def test_surprises_are_warnings_at_their_key() -> None:
    assert findings(spec_of(), {"v/color.mp4": Clip(1280, 704, 29.97, 60)}) == [("warning", "prompt")] * 2
    assert findings(spec_of(max_frames=93), {"v/color.mp4": Clip(1280, 704, 24, 200)}) == [("warning", "max_frames")]
    assert findings(spec_of(), {"v/color.mp4": Clip(1280, 704, 24, 6000)}) == [("warning", "prompt")]
    assert findings(spec_of(Control("edge", 0.7), Control("depth", 0.7))) == [("warning", "controls")]
    assert findings(spec_of(distilled=True), {"v/color.mp4": Clip(1280, 704, 24, 94)}) == [("warning", "distilled")]


@pytest.mark.parametrize("distilled", [False, True])
def test_a_setting_that_no_sampler_reads_is_refused_with_the_reason(distilled: bool) -> None:
    spec = spec_of(sigma_max=80, distilled=distilled)
    (found,) = [one for one in transfer25.check(spec, {"v/color.mp4": CLIP}) if one.key == "sigma_max"]
    assert (found.level, found.message) == ("error", "has no effect: both samplers of transfer2.5 drop it; take it out")


def test_what_the_distilled_model_does_not_read_is_said_of_settings_that_somebody_chose() -> None:
    assert findings(spec_of(distilled=True)) == []
    assert findings(spec_of(guidance=4, negative_prompt="fog")) == []
    chosen = spec_of(distilled=True, guidance=4, negative_prompt="fog")
    assert findings(chosen) == [("warning", "guidance"), ("warning", "negative_prompt")]


@pytest.mark.parametrize("settings", [{"max_frames": 1}, {}])
def test_a_single_frame_is_refused(settings: dict[str, Setting]) -> None:
    clip = CLIP if settings else Clip(1280, 704, 24, 1)
    found = [one for one in findings(spec_of(**settings), {"v/color.mp4": clip}) if one[0] == "error"]  # type: ignore[arg-type]
    assert found == [("error", "max_frames" if settings else "prompt")]


def test_a_control_needs_no_more_frames_than_are_made() -> None:
    spec = spec_of(Control("depth", 1.0, input="v/depth.mp4"), max_frames=93)
    long, some = Clip(1280, 704, 24, 200), Clip(1280, 704, 24, 120)
    assert findings(spec, {"v/color.mp4": long, "v/depth.mp4": some}) == [("warning", "max_frames")]
    few = {"v/color.mp4": long, "v/depth.mp4": Clip(1280, 704, 24, 92)}
    assert ("error", "controls.depth") in findings(spec, few)


def test_any_seed_will_do_for_any_number_of_chunks() -> None:
    assert findings(spec_of(seed=2**32 - 1), {"v/color.mp4": Clip(1280, 704, 24, 400)}) == []


def test_the_distilled_model_has_edge_alone() -> None:
    assert ("error", "distilled") in findings(spec_of(Control("edge", 0.5), Control("vis", 0.5), distilled=True))


def test_a_control_file_that_is_too_short_is_an_error() -> None:
    spec = spec_of(Control("depth", 1.0, input="v/depth.mp4"))
    assert findings(spec, {"v/depth.mp4": Clip(1280, 704, 24, 92)}) == [("error", "controls.depth")]


@pytest.mark.parametrize(("frames", "steps"), [(1, 1), (93, 1), (94, 2), (185, 2), (186, 3)])
def test_chunks_of_93_frames_overlap_by_one(frames: int, steps: int) -> None:
    assert transfer25.steps(frames) == steps


def test_its_own_controls_are_the_same_each_time_but_for_the_colours_of_seg() -> None:
    spec = spec_of(Control("vis", 0.1), Control("edge", 0.1, preset="low"), Control("depth", 0.1), Control("seg", 0.1))
    assert transfer25.random_controls(spec) == ("seg",)


def four(tree: Tree) -> list[str]:
    """Four runs of one start, in its order."""
    for number in (1, 2, 3, 4):
        tree.prompt(f"ps_{number}", f"prompt number {number}")
        tree.run(f"rs_{number}", f"ps_{number}", more=MODEL)
    return [f"rs_{number}" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("fault", ["block", "block-video"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_block_exits_0_without_a_video_and_the_others_are_done(quick_tree: Tree, fault: str, number: int) -> None:
    runs = four(quick_tree)
    quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_FAULTS": f"{fault}:number {number}"}, expect=1)
    assert quick_tree.states() == {run: "blocked" if run == f"rs_{number}" else "done" for run in runs}
    events = quick_tree.events()
    assert [event["code"] for event in events if event["ev"] == "process_end"] == [0]


def test_its_result_lies_in_the_runs_folder_like_any_other(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: {weight: 0.6, preset: low}, depth: 0.2}", more=MODEL + "max_frames: 5\n")
    tree.cli("batch")
    outputs = tree.run_paths("rs_one").preview.outputs
    names = ["control_depth.mp4", "control_edge.mp4", "output.mp4", "prompt.txt", "sample_args.json"]
    assert sorted(path.name for path in outputs.iterdir()) == names
    assert json.loads((outputs / "sample_args.json").read_text())["edge"]["preset_edge_threshold"] == "low"


def test_progress_counts_the_steps_of_all_chunks(quick_tree: Tree) -> None:
    quick_tree.run("rs_one", more=MODEL + "num_steps: 10\n")
    quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_ROW_S": "2.5"})
    told = [(event["done"], event["total"]) for event in quick_tree.events() if event["ev"] == "progress"]
    assert told == sorted(told)
    assert {total for _, total in told} == {10}


def test_a_default_that_the_family_does_not_have_is_told_once_in_the_projects_file(tree: Tree) -> None:
    config = tree.root / "cosmosctl.yaml"
    config.write_text(config.read_text() + "defaults: {transfer2.5: {sigma_max: 80}}\n")
    tree.run("rs_one", more="model: transfer2.5\n")
    tree.run("rs_two", more="model: transfer2.5\n")
    err = tree.cli("check", expect=3).err
    assert err.count("cosmosctl.yaml:4:26: defaults.transfer2.5.sigma_max has no effect: both samplers") == 1


def test_weights_of_a_host_are_refused_at_their_line_with_the_reason(tree: Tree) -> None:
    block = "{engine: bare, models: {transfer2.5: {repo: /src, checkpoints: /weights}}}"
    config = tree.root / "cosmosctl.yaml"
    config.write_text(config.read_text() + f"hosts:\n  lab: {block}\n")
    line = config.read_text().count("\n")
    err = tree.cli("check", expect=3).err
    assert f"cosmosctl.yaml:{line}:58: hosts.lab.models.transfer2.5.checkpoints: transfer2.5 loads it as the one" in err


def test_each_process_has_a_folder_of_its_own_for_temporary_files_which_goes_with_it(tmp_path: Path) -> None:
    """Masks and controls that the program makes have the same names in every process."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, pathlib, sys, tempfile\n"
        "print('at', tempfile.gettempdir(), flush=True)\n"
        "pathlib.Path(tempfile.gettempdir(), 'color_edge_mask.mp4').write_text('mask')\n"
    )
    (tmp_path / "shared").mkdir()
    block = HostModel(command=(sys.executable, str(program)))
    host = Host(
        "lab", "bare", str(tmp_path / "d"), models={"transfer2.5": block}, env={"TMPDIR": str(tmp_path / "shared")}
    )
    specs = [*specs_of("transfer2.5", ["one"]), *specs_of("transfer2.5", ["two"], [Control("vis", 1.0)])]
    batch = family_batch(tmp_path / "d", [replace(spec, run=f"rs_{spec.text}") for spec in specs], host=host)
    batch.run()
    used = [
        line.split(" ", 1)[1]
        for log in sorted((batch.folder / "logs").iterdir())
        for line in log.read_text().splitlines()
        if line.startswith("at ")
    ]
    assert len(set(used)) == len(batch.events("process_start")) >= 2
    assert all(Path(folder).is_relative_to(batch.folder / "work") for folder in used)
    assert not any(Path(folder).exists() for folder in used)

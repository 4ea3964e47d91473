"""What cosmos3 is given, what its check says, and its stand-in's documented failures."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from cosmosctl import models
from cosmosctl.domain.project import Config, Control, Prompt, Run, Setting
from cosmosctl.domain.spec import Spec
from cosmosctl.models import cosmos3
from cosmosctl.models.protocol import Clip
from tests.tree import Tree, loads

CLIP = Clip(1280, 720, 24.0, 93)
SEEN = {"color": "/c/inputs/0/video.mp4", "depth": "/c/inputs/2/video.mp4"}
MODEL = "model: cosmos3\n"


def spec_of(*controls: Control, color: str = "v/color.mp4", text: str = "a street", **settings: Setting) -> Spec:
    prompt = Prompt("ps_a", text, {"color": color})
    run = Run("rs_a", "ps_a", controls or (Control("edge", 1.0),), settings=settings)
    return models.spec_of(run, prompt, Config("p", "cosmos3", "local", {}, {}))


def findings(spec: Spec, clips: Mapping[str, Clip] | None = None) -> list[tuple[str, str]]:
    known = dict.fromkeys(spec.input_paths, CLIP) | dict(clips or {})
    return [(finding.level, finding.key) for finding in cosmos3.check(spec, known)]


def test_a_row_holds_everything_that_the_program_would_guess() -> None:
    spec = spec_of(
        Control("vis", 0.2, preset="low"),
        Control("edge", 0.3),
        Control("depth", 0.4, input="v/depth.mp4"),
        sigma_max=80,
        max_frames=50,
        negative_prompt="fog",
        resolution="480",
        diffusion_cache=False,
    )
    line = json.loads(cosmos3.row(spec, SEEN, Clip(704, 1280, 24, 93)))
    assert re.fullmatch("r[0-9a-f]{12}", line.pop("name"))
    assert line == {
        "prompt": "a street",
        "vision_path": "/c/inputs/0/video.mp4",
        "negative_prompt": "fog",
        "seed": 0,
        "num_steps": 35,
        "guidance": 6.0,
        "control_guidance": 1.0,
        "sigma_max": 80,
        "resolution": "480",
        "aspect_ratio": "9,16",
        "max_frames": 50,
        "num_video_frames_per_chunk": 93,
        "num_conditional_frames": 1,
        "blur": {"weight": 0.2, "preset_blur_strength": "low"},
        "edge": {"weight": 0.3},
        "depth": {"weight": 0.4, "control_path": "/c/inputs/2/video.mp4"},
    }


@pytest.mark.parametrize(
    ("controls", "guidances"),
    [
        ((Control("edge", 1.0),), (3.0, 1.5)),
        ((Control("vis", 1.0),), (3.0, 1.5)),
        ((Control("seg", 1.0, input="s.mp4"),), (3.0, 2.0)),
        ((Control("edge", 1.0), Control("vis", 0.0)), (6.0, 1.0)),
    ],
)
def test_both_guidances_are_written_as_the_program_would_tune_them(
    controls: tuple[Control, ...], guidances: tuple[float, float]
) -> None:
    spec = spec_of(*controls)
    assert (spec.settings["guidance"], spec.settings["control_guidance"]) == guidances
    assert spec_of(*controls, guidance=2).settings["guidance"] == 2


def test_the_command_holds_flags_of_the_start_alone() -> None:
    head = ("-i", "{work}/batch.jsonl", "-o", "{work}/out", "--checkpoint-path")
    assert cosmos3.arguments([spec_of(seed=3)], checkpoints="/ck") == (*head, "/ck")
    spec = spec_of(checkpoint="Cosmos3-Super", diffusion_cache=False, offload_models=True)
    assert cosmos3.arguments([spec], checkpoints="/ck")[4:] == (
        *("--checkpoint-path", "Cosmos3-Super"),
        *("--no-diffusion-cache", "--offload-guardrail-models"),
    )


def test_only_the_checkpoint_and_the_flags_part_groups() -> None:
    key = cosmos3.group_key(spec_of())
    both = spec_of(Control("vis", 0.5), Control("edge", 0.5), seed=9, guidance=1, resolution="256")
    assert cosmos3.group_key(both) == key
    parted = [spec_of(checkpoint="x"), spec_of(diffusion_cache=False), spec_of(offload_models=True)]
    assert len({key, *map(cosmos3.group_key, parted)}) == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("guidance", 7.5), ("control_guidance", 11), ("seed", -1), ("num_steps", 0), ("max_frames", 0)],
        *[("resolution", "1080"), ("fps", 23.97), ("distilled", True), ("warm", True)],
    ],
)
def test_what_its_parser_refuses_is_an_error_at_its_key(name: str, value: Setting) -> None:
    more: dict[str, Any] = {name: value}
    assert ("error", name) in findings(spec_of(**more))


def test_depth_and_seg_need_a_file() -> None:
    assert findings(spec_of(Control("depth", 0.5), Control("seg", 0.5, input="auto"))) == [
        ("error", "controls.depth"),
        ("error", "controls.seg"),
    ]
    assert findings(spec_of(Control("edge", 0.5), Control("depth", 0.0))) == []


def test_a_seg_prompt_is_no_setting_of_it() -> None:
    found = findings(spec_of(Control("edge", 0.5), Control("seg", 0.5, input="auto", prompt="cars")))
    assert ("error", "controls.seg.prompt") in found


def test_the_video_must_be_an_mp4_and_controls_need_not() -> None:
    spec = spec_of(Control("depth", 1.0, input="v/depth.mkv"), color="v/color.mov")
    assert findings(spec) == [("error", "prompt")]


def test_surprises_are_warnings_at_their_key() -> None:
    assert findings(spec_of(Control("edge", 0.4))) == [("warning", "controls.edge")]
    assert findings(spec_of(fps=30)) == [("warning", "fps")]
    assert findings(spec_of(), {"v/color.mp4": Clip(1280, 704, 24, 93)}) == [("warning", "prompt")]
    assert findings(spec_of(), {"v/color.mp4": Clip(1280, 720, 60, 93)}) == [("warning", "prompt")]
    assert findings(spec_of(max_frames=9)) == [("warning", "max_frames")]
    assert findings(spec_of(), {"v/color.mp4": Clip(1280, 720, 24, 6000)}) == [("warning", "prompt")]


def test_a_crop_is_told_with_what_is_lost() -> None:
    found = cosmos3.check(spec_of(), {"v/color.mp4": Clip(1280, 704, 24, 93)})
    assert "is cropped to 1280x720: 2% of its width is lost" in found[0].message


def test_nothing_that_it_makes_is_random() -> None:
    assert cosmos3.random_controls(spec_of(Control("edge", 0.5), Control("vis", 0.5))) == ()


def four(tree: Tree) -> None:
    """Four runs of one start, in its order, with different sets of controls."""
    sets = ("{edge: 1}", "{vis: 1}", "{edge: 0.5, vis: 0.5}", "{edge: 1}")
    for number, controls in enumerate(sets, start=1):
        tree.prompt(f"ps_{number}", f"prompt number {number}")
        tree.run(f"rs_{number}", f"ps_{number}", controls, more=MODEL)


@pytest.mark.parametrize(
    ("fault", "reason", "starts"),
    [("bad-input", "bad-input", 2), ("gpu-oom", "gpu-oom", 2), ("crash", "model-error", 3)],
)
def test_a_bad_sample_ends_the_job_and_the_others_are_done(
    quick_tree: Tree, fault: str, reason: str, starts: int
) -> None:
    four(quick_tree)
    quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_FAULTS": f"{fault}:number 2"}, expect=1)
    assert quick_tree.states() == {"rs_1": "done", "rs_2": reason, "rs_3": "done", "rs_4": "done"}
    assert loads(quick_tree.events()) == starts
    assert not list(quick_tree.run_paths("rs_2").root.rglob("sample_outputs.json"))


def test_runs_with_any_controls_share_one_start(quick_tree: Tree) -> None:
    four(quick_tree)
    quick_tree.cli("batch")
    assert [event["group"] for event in quick_tree.events() if event["ev"] == "process_start"] == ["01-mixed"]


def test_its_result_lies_in_the_runs_folder_like_any_other(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: {weight: 0.6, preset: low}, depth: 0.2}", more=MODEL + "resolution: 256\n")
    tree.cli("batch")
    outputs = tree.run_paths("rs_one").preview.outputs
    names = ["control_depth.mp4", "control_edge.mp4", "output.mp4", "sample_args.json", "sample_outputs.json"]
    assert sorted(path.name for path in outputs.iterdir()) == names

"""What cosmos3 is given, what its check says, and its stand-in's documented failures."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cosmosctl import models
from cosmosctl.domain.project import Config, Control, Prompt, Run, Setting
from cosmosctl.domain.spec import Spec
from cosmosctl.models import cosmos3
from cosmosctl.models.buckets import cosmos3_size, nearest_shape
from cosmosctl.models.protocol import Clip
from tests.support.tree import Tree, loads

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
        *[("resolution", "1080"), ("fps", 23.97), ("sigma_max", 80), ("distilled", True), ("warm", True)],
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


def test_a_setting_that_its_sampler_does_not_read_is_refused_with_the_reason() -> None:
    (found,) = cosmos3.check(spec_of(sigma_max=80), {"v/color.mp4": CLIP})
    assert found.message == "has no effect: unipc, the sampler that is used, does not read it; take it out"


DEPTH, EDGE = Control("depth", 0.5, input="v/depth.mp4"), Control("edge", 0.5)
LONG, SHORT = Clip(1280, 720, 24, 120), Clip(1280, 720, 24, 80)


@pytest.mark.parametrize(
    ("controls", "clip", "frames", "found"),
    [
        ((DEPTH,), LONG, 120, [("warning", "controls.depth")]),
        ((DEPTH,), CLIP, 93, []),
        ((DEPTH,), SHORT, 80, [("error", "controls.depth")]),
        ((DEPTH, EDGE), LONG, 93, [("warning", "controls.depth")]),
        ((DEPTH, EDGE), SHORT, 93, [("error", "controls.depth")]),
        ((DEPTH, Control("vis", 0.0)), LONG, 93, [("warning", "controls.depth")]),
    ],
)
def test_the_first_control_in_the_programs_order_sets_the_length(
    controls: tuple[Control, ...], clip: Clip, frames: int, found: list[tuple[str, str]]
) -> None:
    spec = spec_of(*(replace(one, weight=1.0) if len(controls) == 1 else one for one in controls))
    clips = {"v/color.mp4": CLIP, "v/depth.mp4": clip}
    assert cosmos3.frames(spec, {"color": CLIP.frames, "depth": clip.frames}) == frames
    assert findings(spec, clips) == found


def test_a_control_may_be_as_short_as_the_result() -> None:
    spec = spec_of(DEPTH, EDGE, max_frames=60)
    assert findings(spec, {"v/color.mp4": CLIP, "v/depth.mp4": SHORT}) == [("warning", "max_frames")]


def test_a_longer_first_control_plays_the_others_backwards_unless_max_frames_cuts_it() -> None:
    spec = spec_of(Control("edge", 0.5, input="v/edge.mp4"), Control("vis", 0.5))
    clips = {"v/color.mp4": CLIP, "v/edge.mp4": LONG}
    (found,) = cosmos3.check(spec, clips)
    assert "the result has its 120 frames" in found.message
    assert "played backwards from frame 93 on; max_frames: 93 keeps" in found.message
    assert findings(spec_of(*EDGE_FILE, max_frames=93), clips) == [("warning", "controls.edge")]
    assert cosmos3.frames(spec_of(*EDGE_FILE, max_frames=93), {"color": 93, "edge": 120}) == 93


EDGE_FILE = (Control("edge", 0.5, input="v/edge.mp4"), Control("vis", 0.5))


@pytest.mark.parametrize("checkpoint", ["Cosmos3-Edge", "nvidia/Cosmos3-Edge", "/data/Cosmos3-Edge/"])
def test_the_small_checkpoint_has_sizes_of_its_own(checkpoint: str) -> None:
    clip = {"v/color.mp4": Clip(832, 480, 24, 93)}
    assert spec_of(checkpoint=checkpoint).settings["resolution"] == "480"
    assert findings(spec_of(checkpoint=checkpoint), clip) == []
    assert findings(spec_of(checkpoint=checkpoint, resolution="720"), clip)[-1] == ("error", "resolution")
    assert spec_of(checkpoint="Cosmos3-Super").settings["resolution"] == "720"


def test_what_a_distilled_checkpoint_or_no_guidance_leaves_unread_is_said() -> None:
    chosen = spec_of(checkpoint="Cosmos3-Super-Image2Video-4Step", num_steps=20, guidance=2)
    assert findings(chosen) == [("warning", "num_steps"), ("warning", "guidance")]
    assert findings(spec_of(checkpoint="Cosmos3-Super-Image2Video-4Step")) == []
    assert findings(spec_of(guidance=1, negative_prompt="fog")) == [("warning", "negative_prompt")]


def test_weights_that_cannot_be_divided_by_their_sum_are_refused() -> None:
    assert findings(spec_of(Control("edge", 0.0), Control("vis", 0.0))) == [("error", "controls")]


@pytest.mark.parametrize("settings", [{"max_frames": 1}, {}])
def test_a_single_frame_is_refused(settings: dict[str, Setting]) -> None:
    clip = CLIP if settings else Clip(1280, 720, 24, 1)
    found = [one for one in findings(spec_of(**settings), {"v/color.mp4": clip}) if one[0] == "error"]  # type: ignore[arg-type]
    assert found == [("error", "max_frames" if settings else "prompt")]


def test_a_seed_that_is_too_large_for_the_last_chunk_is_refused_with_the_range() -> None:
    two = {"v/color.mp4": Clip(1280, 720, 24, 94)}
    assert findings(spec_of(seed=2**32 - 2), two) == findings(spec_of(seed=2**32 - 1)) == []
    (found,) = cosmos3.check(spec_of(seed=2**32 - 1), two)
    assert (found.level, found.key) == ("error", "seed")
    assert "between 0 and 4294967294 for a video of 2 chunks" in found.message


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(1280, 720, (1360, 768)), (640, 480, (1184, 880)), (512, 512, (1024, 1024)), (480, 640, (880, 1184))],
)
def test_each_shape_has_its_size_at_768(width: int, height: int, size: tuple[int, int]) -> None:
    assert cosmos3_size("768", nearest_shape(width, height)) == size
    found = cosmos3.check(spec_of(resolution="768"), {"v/color.mp4": Clip(width, 2 * height // 3, 24, 93)})
    assert found or size == (1360, 768)


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


def test_the_weights_of_a_host_count_where_a_run_names_none(tree: Tree) -> None:
    block = "{engine: bare, models: {cosmos3: {repo: /src, checkpoints: /weights/Cosmos3-Edge}}}"
    config = tree.root / "cosmosctl.yaml"
    config.write_text(config.read_text() + f"hosts:\n  gpu: {block}\n")
    tree.run("rs_one", controls="{edge: 1.0}", more=MODEL)
    for named in (["rs_one"], []):
        err = tree.cli("batch", *named, "--host", "gpu", "--dry-run", expect=3).err
        assert "runs/rs_one/run.yaml: resolution must be 480 or 256 with /weights/Cosmos3-Edge, got 720" in err
    tree.run("rs_one", controls="{edge: 1.0}", more=f"{MODEL}resolution: 480\n")
    tree.cli("batch", "rs_one", "--host", "gpu", "--dry-run")

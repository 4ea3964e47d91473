"""What transfer1 is given: group keys, lines, the base spec, the command, the checks."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmosctl.domain.project import Config, Control, Prompt, Run, Setting
from cosmosctl.domain.spec import Spec, changed_keys, effective_spec, fingerprint, spec_hash
from cosmosctl.models import transfer1
from cosmosctl.models.protocol import Clip

SEEN = {"color": "/c/inputs/0/video.mp4", "edge": "/c/inputs/1/video.mp4", "depth": "/c/inputs/2/video.mp4"}
CLIP = Clip(1280, 704, 24.0, 121)


def spec_of(
    *controls: Control,
    text: str = "a street",
    videos: Mapping[str, str] | None = None,
    defaults: Mapping[str, Setting] | None = None,
    negative_prompt: str | None = None,
    more: Mapping[str, Setting] | None = None,
    **settings: Setting,
) -> Spec:
    prompt = Prompt("ps_a", text, {"color": "v/color.mp4", **(videos or {})}, negative_prompt)
    run = Run("rs_a", "ps_a", controls or (Control("edge", 0.5),), settings={**settings, **(more or {})})
    config = Config("p", "transfer1", "local", {"transfer1": defaults or {}}, {})
    return effective_spec(run, prompt, config, model="transfer1", rules=transfer1.SETTINGS)


def findings(spec: Spec, **clips: Clip) -> list[tuple[str, str]]:
    known = dict.fromkeys(spec.input_paths, CLIP) | {f"v/{name}.mp4": clip for name, clip in clips.items()}
    return [(finding.level, finding.key) for finding in transfer1.check(spec, known)]


def test_a_line_holds_the_prompt_the_video_and_every_control_in_full() -> None:
    spec = spec_of(
        Control("seg", 0.1),
        Control("edge", 0.4, preset="low"),
        Control("depth", 0.2, input="v/depth.mp4"),
    )
    assert json.loads(transfer1.row(spec, SEEN, CLIP)) == {
        "visual_input": "/c/inputs/0/video.mp4",
        "prompt": "a street",
        "control_overrides": {
            "edge": {"control_weight": 0.4, "input_control": "/c/inputs/1/video.mp4"},
            "depth": {"control_weight": 0.2, "input_control": "/c/inputs/2/video.mp4"},
            "seg": {"control_weight": 0.1, "input_control": None},
        },
    }


def test_a_seg_prompt_travels_as_input_control_prompt() -> None:
    line = json.loads(transfer1.row(spec_of(Control("seg", 0.3, input="auto", prompt="cars")), SEEN, CLIP))
    assert line["control_overrides"]["seg"]["input_control_prompt"] == "cars"


def test_the_base_spec_holds_the_settings_and_passes_the_programs_validation() -> None:
    spec = spec_of(Control("vis", 0.5), Control("edge", 0.5), seed=7, negative_prompt="fog")
    base = json.loads(transfer1.files([spec])["controlnet_spec.json"])
    assert base.pop("input_video_path"), "an empty path is refused while sigma_max < 80"
    assert base.pop("prompt")
    assert base == {
        "seed": 7,
        "num_steps": 35,
        "guidance": 5,
        "sigma_max": 70.0,
        "fps": 24,
        "negative_prompt": "fog",
        "vis": {"control_weight": 0.5, "input_control": None},
        "edge": {"control_weight": 0.5, "input_control": None},
    }


def test_the_command_never_passes_a_setting_that_the_spec_file_holds() -> None:
    arguments = transfer1.arguments([spec_of(seed=3)], checkpoints="/ck")
    assert arguments == (
        *("--checkpoint_dir", "/ck"),
        *("--controlnet_specs", "{work}/controlnet_spec.json"),
        *("--batch_input_path", "{work}/batch.jsonl"),
        *("--video_save_folder", "{work}/out"),
        *("--batch_size", "1"),
        *("--num_gpus", "1"),
    )


def test_offloading_adds_its_flags_and_parts_groups() -> None:
    plain, offloading = spec_of(), spec_of(offload_models=True)
    arguments = transfer1.arguments([offloading], checkpoints="c")
    assert {"--offload_text_encoder_model", "--offload_guardrail_models"} <= set(arguments)
    assert transfer1.group_key(plain) != transfer1.group_key(offloading)


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 2), ("num_steps", 10), ("guidance", 7.0), ("sigma_max", 80.0), ("fps", 30), ("negative_prompt", "x")],
)
def test_settings_that_hold_for_a_whole_start_part_groups(name: str, value: Setting) -> None:
    assert transfer1.group_key(spec_of()) != transfer1.group_key(spec_of(more={name: value}))


def test_weights_prompts_and_files_do_not_part_groups() -> None:
    one = spec_of(Control("edge", 0.5), Control("depth", 0.1, input="auto"), text="rain")
    other = spec_of(Control("edge", 0.1, preset="low"), Control("depth", 0.9, input="d.mp4"), text="sun")
    assert transfer1.group_key(one) == transfer1.group_key(other)


def test_a_weight_of_zero_stays_in_the_set_and_leaving_it_out_takes_it_out() -> None:
    with_zero = spec_of(Control("edge", 0.5), Control("seg", 0.0))
    assert transfer1.group_key(with_zero) == transfer1.group_key(spec_of(Control("edge", 0.5), Control("seg", 0.2)))
    assert transfer1.group_key(with_zero) != transfer1.group_key(spec_of(Control("edge", 0.5)))


def test_a_weight_of_zero_gets_the_colour_video_so_that_nothing_is_computed() -> None:
    spec = spec_of(Control("edge", 0.5), Control("seg", 0.0, input="auto"))
    assert [control.source for control in spec.controls] == ["auto", "color"]


def test_values_come_from_the_run_then_the_prompt_then_the_project_then_the_model() -> None:
    spec = spec_of(defaults={"guidance": 7.0, "seed": 4, "negative_prompt": "p"}, negative_prompt="q", seed=9)
    assert (spec.settings["seed"], spec.settings["guidance"], spec.settings["fps"]) == (9, 7.0, 24)
    assert spec.settings["negative_prompt"] == "q"
    assert {name: spec.sources[name] for name in ("seed", "negative_prompt", "guidance", "fps")} == {
        "seed": "run",
        "negative_prompt": "prompt",
        "guidance": "project",
        "fps": "model",
    }


def test_the_prompts_file_is_used_when_the_run_says_nothing_and_not_when_it_says_auto() -> None:
    videos = {"depth": "v/depth.mp4"}
    assert spec_of(Control("depth", 0.5), videos=videos).controls[0].path == "v/depth.mp4"
    assert spec_of(Control("depth", 0.5, input="auto"), videos=videos).controls[0].source == "auto"


def test_a_setting_of_another_model_is_an_error() -> None:
    spec = spec_of(Control("edge", 0.5, preset="low"), resolution="720")
    found = transfer1.check(spec, {"v/color.mp4": CLIP})
    assert [(f.level, f.key, "is not a setting of transfer1" in f.message) for f in found] == [
        ("error", "resolution", True)
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", -1), ("seed", 1.5), ("num_steps", 0), ("guidance", float("nan")), ("fps", 0), ("negative_prompt", " ")],
)
def test_a_setting_out_of_range_is_an_error(name: str, value: Setting) -> None:
    spec = spec_of(Control("edge", 0.5, preset="low"), more={name: value})
    assert ("error", name) in findings(spec)


def test_a_control_of_another_aspect_or_shorter_than_the_video_is_an_error() -> None:
    spec = spec_of(Control("depth", 0.5, input="v/depth.mp4"))
    assert findings(spec, depth=Clip(640, 640, 24, 121)) == [("error", "controls.depth")]
    assert findings(spec, depth=Clip(1280, 704, 24, 100)) == [("error", "controls.depth")]
    assert findings(spec, depth=Clip(640, 352, 24, 121)) == []


def test_surprises_are_warnings_at_their_key() -> None:
    spec = spec_of(Control("edge", 0.5), Control("depth", 0.5, input="v/depth.mp4"))
    found = findings(spec, color=Clip(1280, 704, 30.0, 60), depth=Clip(1280, 704, 24, 121))
    assert found == [
        ("warning", "fps"),
        ("warning", "prompt"),
        ("warning", "controls.edge"),
        ("warning", "controls.depth"),
    ]


@pytest.mark.parametrize(("frames", "steps"), [(1, 1), (121, 1), (122, 2), (241, 2), (242, 3)])
def test_steps_count_clips_of_121_frames_that_overlap_by_one(frames: int, steps: int) -> None:
    assert transfer1.steps(frames) == steps


@given(st.text(min_size=1))
def test_any_prompt_becomes_one_ascii_line_and_reads_back_equal(text: str) -> None:
    line = transfer1.row(spec_of(text=text), SEEN, CLIP)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["prompt"] == text


def test_a_fingerprint_names_what_a_result_depends_on() -> None:
    facts: dict[str, Any] = fingerprint(spec_of(Control("edge", 0.5, preset="low")), {"v/color.mp4": "00ff"})
    assert facts["controls.edge.source"] == "preset low"
    assert facts["video"] == "00ff"
    assert spec_hash(facts) == spec_hash(dict(reversed(facts.items())))
    assert spec_hash(facts) != spec_hash({**facts, "seed": 2})


def test_the_result_is_as_long_as_its_shortest_video() -> None:
    assert transfer1.frames(spec_of(), {"color": 121, "depth": 100}) == 100
    assert transfer1.frames(spec_of(), {"color": 6000}) == 5000


def test_a_single_frame_is_refused() -> None:
    found = [one for one in transfer1.check(spec_of(), {"v/color.mp4": Clip(1280, 704, 24, 1)}) if one.level == "error"]
    assert [(one.key, "writes a picture and no video" in one.message) for one in found] == [("prompt", True)]


@pytest.mark.parametrize(("frames", "clips"), [(121, 1), (122, 2), (361, 3)])
def test_a_seed_that_is_too_large_for_the_last_clip_is_refused_with_the_range(frames: int, clips: int) -> None:
    clip = Clip(1280, 704, 24, frames)
    last = 2**32 - clips
    assert findings(spec_of(Control("depth", 0.5), seed=last), color=clip) == []
    found = [one for one in transfer1.check(spec_of(seed=last + 1), {"v/color.mp4": clip}) if one.level == "error"]
    assert [one.key for one in found] == ["seed"]
    assert f"between 0 and {last}" in found[0].message


def test_a_setting_of_the_project_that_the_family_does_not_have_is_an_error_too() -> None:
    assert ("error", "resolution") in findings(spec_of(defaults={"resolution": "720"}))


def test_what_only_fills_the_gpu_is_no_fact_of_a_result_and_older_hashes_stay() -> None:
    plain, offloading = (fingerprint(spec_of(offload_models=value), {"v/color.mp4": "00ff"}) for value in (False, True))
    assert plain == offloading
    assert spec_hash(plain) == spec_hash({**plain, "offload_models": True}) == "fafd842be27fe641"
    assert changed_keys({**plain, "offload_models": True, "fps": 30}, plain) == ("fps",)


def test_a_prompt_for_a_control_that_is_not_made_is_said_to_have_no_effect() -> None:
    asked = Control("seg", 0.5, prompt="cars")
    assert ("warning", "controls.seg.prompt") not in findings(spec_of(asked))
    assert findings(spec_of(asked, videos={"seg": "v/seg.mp4"})) == [("warning", "controls.seg.prompt")]
    assert findings(spec_of(Control("edge", 0.5, preset="low"), Control("seg", 0.0, prompt="cars"))) == [
        ("warning", "controls.seg.prompt")
    ]

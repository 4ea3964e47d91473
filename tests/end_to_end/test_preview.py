"""The stand-in for transfer.py: its command line, files, log, pictures and faults."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmosctl.media import lettering
from cosmosctl.media.control import BLURS, blurred
from cosmosctl.media.probe import probe
from cosmosctl.media.video_info import VideoInfo
from cosmosctl.models.transfer1 import PATTERNS
from cosmosctl.preview import specification
from cosmosctl.preview.drawing.annotators import annotator, sketched
from cosmosctl.preview.drawing.studio import open_studio
from cosmosctl.preview.transfer1 import clip_lengths
from tests import clips
from tests.stage import call_log, faults
from tests.stage.faults import Fault
from tests.stage.sleep_model import FRAMES
from tests.support import footage
from tests.support.waiting import PATIENCE_S, wait_until

TIMEOUT_S = PATIENCE_S
IDLE = {"COSMOSCTL_PREVIEW_ROW_S": "0.01"}
"""Rows that do nothing: for tests of files, log lines and faults."""

NASTY = (
    'He said "stop"; it\'s $(rm -rf /) `now` \\n %s {work}',
    "two\nlines\r\nand a tab\t.",
    "emoji 🚀🌃 and 城市 and Ελλάδα",
    "a separator\u2028in\u2029it\x85and\x0bhere",
    "  blanks around  ",
    "-leading dash",
)


@dataclass(frozen=True)
class Result:
    """What one start left."""

    code: int
    log: str
    errors: str
    out: Path

    def row(self, number: int) -> Path:
        """The folder of a row, counting from 0."""
        return self.out / f"video_{number}"

    def frames(self, number: int) -> list[npt.NDArray[np.uint8]]:
        return clips.frames_of(self.row(number) / "output.mp4")

    def info(self, number: int) -> VideoInfo:
        return probe(self.row(number) / "output.mp4")

    @property
    def messages(self) -> list[str]:
        return re.findall(r"^\[\d\d-\d\d \d\d:\d\d:\d\d\|[A-Z]+\|[^|\]]+:\d+:\w+\] (.*)$", self.log, re.MULTILINE)

    @property
    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.out)) for path in self.out.rglob("*"))


Row = Mapping[str, Any]


def start(
    tmp_path: Path,
    rows: Sequence[Row] | str,
    *flags: str,
    base: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run the program on rows (or on the very text of a batch file), as a batch would."""
    text = rows if isinstance(rows, str) else "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "batch.jsonl").write_text(text, encoding="utf-8")
    return run(tmp_path, "--batch_input_path", "batch.jsonl", *flags, base=base, env=env)


def run(
    tmp_path: Path, *flags: str, base: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None
) -> Result:
    """Run the program in `tmp_path`, with a base spec of an edge control where no other is given."""
    spec = {"input_video_path": "unused", "edge": {"control_weight": 0.5}} if base is None else base
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    command = (sys.executable, "-m", "cosmosctl.preview.transfer1", "--controlnet_specs", "spec.json")
    own = {key: value for key, value in os.environ.items() if not key.startswith("COSMOSCTL_")}
    done = subprocess.run(
        (*command, "--video_save_folder", "out", *flags),
        cwd=tmp_path,
        env={**own, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
    )
    return Result(done.returncode, done.stdout, done.stderr, tmp_path / "out")


def base(*hints: str, **settings: Any) -> dict[str, Any]:
    """A base spec as cosmosctl writes it."""
    return {"input_video_path": "unused", **settings, **{hint: {"control_weight": 0.5} for hint in hints}}


def row(video: Path, prompt: str = "a city", **controls: float | tuple[float, Path | None]) -> dict[str, Any]:
    """A row with every control in full: name -> weight (generated), or weight and file."""
    overrides = {}
    for hint, value in controls.items():
        weight, path = value if isinstance(value, tuple) else (value, None)
        overrides[hint] = {"control_weight": weight, "input_control": None if path is None else str(path)}
    return {"prompt": prompt, "visual_input": str(video), "control_overrides": overrides}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene folder of 12 frames of 160x120 pixels."""
    return clips.scene(tmp_path / "scene", width=160, height=120, frames=12)


def test_a_batch_leaves_a_folder_a_row(scene: Path, tmp_path: Path) -> None:
    color, depth, seg = (scene / f"{name}.mp4" for name in ("color", "depth", "segmentation"))
    rows = [
        row(color, vis=0.3, edge=0.4, depth=(0.2, depth), seg=(0.1, seg)),
        row(color, vis=(0.2, color), edge=0.5, depth=0.2, seg=0.1),
    ]
    result = start(tmp_path, rows, base=base("vis", "edge", "depth", "seg"))
    assert result.code == 0, result.errors
    assert result.files == [
        "video_0",
        "video_0/edge_input_control_0.mp4",
        "video_0/output.mp4",
        "video_0/prompt.txt",
        "video_0/vis_input_control_0.mp4",
        "video_1",
        "video_1/depth_input_control_0.mp4",
        "video_1/edge_input_control_0.mp4",
        "video_1/output.mp4",
        "video_1/prompt.txt",
        "video_1/seg_input_control_0.mp4",
    ]


def test_the_video_has_the_bucket_the_rate_and_the_frames(scene: Path, tmp_path: Path) -> None:
    result = start(tmp_path, [row(scene / "color.mp4", edge=0.5)], "--fps", "16")
    info, data = result.info(0), (result.row(0) / "output.mp4").read_bytes()
    assert (info.width, info.height, info.fps, info.frames) == (960, 704, Fraction(16), 12)
    assert (info.codec, info.pix_fmt, info.has_audio) == ("h264", "yuv420p", False)
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    ("size", "bucket"), [((128, 72), (1280, 704)), ((64, 64), (960, 960)), ((72, 128), (704, 1280))]
)
def test_every_shape_gets_its_bucket(size: tuple[int, int], bucket: tuple[int, int], tmp_path: Path) -> None:
    color = clips.color(tmp_path / "color.mp4", width=size[0], height=size[1], frames=3)
    info = start(tmp_path, [row(color, edge=0.5, vis=0.5, depth=0.1)], base=base("edge", "vis", "depth")).info(0)
    assert ((info.width, info.height), info.frames) == (bucket, 3)


def test_the_shortest_video_decides_the_length(scene: Path, tmp_path: Path) -> None:
    short = clips.color(tmp_path / "short.mp4", width=160, height=120, frames=5)
    result = start(tmp_path, [row(scene / "color.mp4", edge=(0, short))])
    assert result.info(0).frames == 5
    assert "Making all control and input videos to be length of 5 frames." in result.messages


def test_the_log_tells_the_phases_in_their_order(scene: Path, tmp_path: Path) -> None:
    result = start(tmp_path, [row(scene / "color.mp4", depth=0.5)], base=base("depth"), env=IDLE)
    starts = [
        "Loading base model checkpoint (local): checkpoints/",
        "Complete loading base model checkpoint (local)",
        "Loading ctrl model from ckpt_path: checkpoints/",
        "Reading batch inputs from path: batch.jsonl",
        "running preprocessor",
        "no input_control provided for depth. generating input control video with DepthAnything",
        "Running batch generation with batch_size=1",
        "Running guardrail checks on all prompts",
        "Starting T5 compute",
        "Completed T5 compute",
        "Run generation",
        "Making all control and input videos to be length of",
        "Starting latent encoding",
        "Starting diffusion sampling",
        "Completed diffusion sampling",
        "Starting VAE decode",
        "Completed VAE decode",
        "Finish generation",
        "Run guardrail on generated videos",
        "Saved video to out/video_0/output.mp4",
        "Saved prompt to out/video_0/prompt.txt",
    ]
    found = [text for message in result.messages for text in starts if message.startswith(text)]
    assert found == starts


def test_a_long_video_samples_one_clip_after_the_other(tmp_path: Path) -> None:
    color = clips.color(tmp_path / "color.mp4", frames=123)
    result = start(tmp_path, [row(color, edge=(0.5, color))])
    assert result.messages.count("Completed diffusion sampling") == 2
    assert result.info(0).frames == 123


@pytest.mark.parametrize(
    ("frames", "lengths"), [(1, [1]), (121, [121]), (122, [121, 1]), (241, [121, 120]), (242, [121, 120, 1])]
)
def test_clips_overlap_by_one_frame(frames: int, lengths: list[int]) -> None:
    assert clip_lengths(frames) == lengths


def test_prompts_arrive_byte_for_byte(tmp_path: Path) -> None:
    result = start(tmp_path, [row(tmp_path / "none.mp4", prompt, edge=0.5) for prompt in NASTY], env=IDLE)
    assert result.code == 0, result.errors
    assert [(result.row(n) / "prompt.txt").read_bytes() for n in range(len(NASTY))] == [p.encode() for p in NASTY]


def test_any_prompt_can_be_drawn(tmp_path: Path) -> None:
    color = clips.color(tmp_path / "color.mp4", frames=2)
    prompts = [*NASTY, "long " * 400, "unbroken" * 400, "नमस्ते ไทย العربية e\u0301", "\x00\x01"]
    result = start(tmp_path, [row(color, prompt, edge=(0.5, color)) for prompt in prompts])
    assert result.code == 0, result.errors
    assert [result.info(n).frames for n in range(len(prompts))] == [2] * len(prompts)


def seed_of(result: Result) -> str:
    """The seed that a row of an idle start was given: it lies in the video's last box."""
    data = (result.row(0) / "output.mp4").read_bytes()
    return str(json.loads(data[data.rindex(b'{"prompt"') :])["seed"])


@pytest.mark.parametrize(
    ("flags", "seed"),
    [((), "7"), (("--seed", "5"), "5"), (("--seed=5",), "7"), (("--see", "5"), "7")],
)
def test_the_spec_file_beats_all_flags_but_whole_tokens(flags: tuple[str, ...], seed: str, tmp_path: Path) -> None:
    result = start(tmp_path, [row(tmp_path / "x.mp4", edge=0.5)], *flags, base=base("edge", seed=7), env=IDLE)
    assert seed_of(result) == seed


def test_flags_have_the_documented_defaults(tmp_path: Path) -> None:
    result = start(tmp_path, [row(tmp_path / "x.mp4", edge=0.5)], env=IDLE)
    text = result.log.partition("final args: ")[2]
    args, _end = json.JSONDecoder().raw_decode(text)
    facts = {"num_steps": 35, "guidance": 5, "fps": 24, "seed": 1, "sigma_max": 70.0, "num_gpus": 1, "batch_size": 1}
    assert {key: args[key] for key in facts} == facts
    assert (args["blur_strength"], args["canny_threshold"], args["checkpoint_dir"]) == (
        "medium",
        "medium",
        "checkpoints",
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({**base("edge"), "blur": {}}, "ValueError: Invalid hint_key: blur"),
        ({"edge": {"control_weight": 1}}, "ValueError: Must have 'input_video' specified if sigma_max < 80"),
        ({"edge": {}, "sigma_max": 80}, "must have 'input_control' video specified"),
        ({**base(), "edge": {"control_weight": -1}}, "must be a valid non-negative float"),
        ({**base(), "edge": {"control_weight": "much"}}, "must be a valid non-negative float"),
        ({**base(), "edge": {"control_weight": None}}, "TypeError: float()"),
    ],
)
def test_a_wrong_base_spec_ends_it_before_the_model_loads(spec: dict[str, Any], said: str, tmp_path: Path) -> None:
    result = start(tmp_path, [row(tmp_path / "x.mp4", edge=0.5)], base=spec, env=IDLE)
    assert (result.code, said in result.errors) == (1, True), result.errors
    assert "Loading base model" not in result.log


@pytest.mark.parametrize(
    "block",
    [{}, {"control_weight": "0.3"}, {"control_weight": 2}, {"control_weight": "map.pt"}, {"input_control": None}],
)
def test_an_odd_but_legal_base_spec_passes(block: dict[str, Any], tmp_path: Path) -> None:
    result = start(tmp_path, [row(tmp_path / "x.mp4")], base={**base(), "edge": block}, env=IDLE)
    assert result.code == 0, result.errors


@pytest.mark.parametrize(
    "text", ['{"prompt": "a"}\n\n', '\n{"prompt": "a"}\n', '{"prompt": "a"}\n \n{"prompt": "b"}\n']
)
def test_a_blank_line_fails_after_the_model_has_loaded(text: str, tmp_path: Path) -> None:
    result = start(tmp_path, text, env=IDLE)
    assert (result.code, "JSONDecodeError" in result.errors) == (1, True)
    assert "Reading batch inputs from path: " in result.log
    assert not result.out.exists()


def test_an_unknown_control_of_a_row_is_ignored_with_a_warning(tmp_path: Path) -> None:
    result = start(tmp_path, [row(tmp_path / "x.mp4", edge=0.5, depth=0.5)], env=IDLE)
    assert result.code == 0
    assert "Ignoring unknown control key in override: depth" in result.messages
    assert "depth_input_control_0.mp4" not in str(result.files)


def test_null_in_a_row_restores_the_generated_control(tmp_path: Path) -> None:
    spec = base() | {"edge": {"control_weight": 0.5, "input_control": "file.mp4"}}
    rows = [{"prompt": "a", "visual_input": "x.mp4"}, row(Path("x.mp4"), edge=0.5)]
    result = start(tmp_path, rows, base=spec, env=IDLE)
    assert [name for name in result.files if "edge" in name] == ["video_1/edge_input_control_0.mp4"]


def test_the_rank_is_part_of_a_generated_controls_name(tmp_path: Path) -> None:
    result = start(tmp_path, [row(tmp_path / "x.mp4", edge=0.5)], env=IDLE | {"LOCAL_RANK": "3"})
    assert "video_0/edge_input_control_3.mp4" in result.files


def test_without_a_batch_file_one_video_is_made(scene: Path, tmp_path: Path) -> None:
    flags = ("--prompt", "a single one", "--input_video_path", str(scene / "color.mp4"), "--video_save_name", "mine")
    result = run(tmp_path, *flags, base={"edge": {"control_weight": 0.5}})
    assert result.code == 0, result.errors
    assert result.files == ["edge_input_control_0.mp4", "mine.mp4", "mine.txt"]
    assert (result.out / "mine.txt").read_text() == "a single one"


def test_controls_alone_are_enough_without_a_video(scene: Path, tmp_path: Path) -> None:
    spec = {"sigma_max": 80, "depth": {"control_weight": 1, "input_control": str(scene / "depth.mp4")}}
    result = start(tmp_path, [{"prompt": "only depth"}], base=spec)
    assert result.code == 0, result.errors
    assert result.info(0).frames == 12


def test_the_upscaler_triples_the_size(tmp_path: Path) -> None:
    color = clips.color(tmp_path / "color.mp4", width=128, height=72, frames=1)
    info = start(tmp_path, [row(color)], base=base("upscale")).info(0)
    assert (info.width, info.height) == (3840, 2112)


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    result = start(tmp_path, [row(tmp_path / "inputs" / "gone.mp4", edge=0.5)])
    assert result.code == 1
    assert re.search(dict(PATTERNS.reasons)["bad-input"], result.errors), result.errors


def test_a_control_of_another_shape_is_refused(scene: Path, tmp_path: Path) -> None:
    upright = clips.wrong_aspect(tmp_path / "upright.mp4")
    result = start(tmp_path, [row(scene / "color.mp4", edge=(0.5, upright))])
    assert result.code == 1
    assert f"{upright} is of another shape" in result.errors


@pytest.mark.parametrize(
    ("given_", "used"),
    [
        ({"vis": 0.3, "edge": 0.4}, {"vis": 0.3, "edge": 0.4}),
        ({"vis": 3, "edge": 1}, {"vis": 0.75, "edge": 0.25}),
        ({"vis": 2.0}, {"vis": 1.0}),
        ({"vis": "0.5", "edge": 0}, {"vis": 0.5, "edge": 0.0}),
        ({"vis": "map.pt", "edge": 0}, {"vis": 0.5, "edge": 0.5}),
        ({"vis": "map.pt", "edge": "none"}, {"vis": 0.5, "edge": 0.5}),
        ({"vis": "map.pt", "edge": "0"}, {"vis": 1.0, "edge": 0.0}),
    ],
)
def test_weights_are_normalised_as_documented(given_: dict[str, Any], used: dict[str, float]) -> None:
    hints = {hint: {"control_weight": weight} for hint, weight in given_.items()}
    assert specification.normalised_weights(hints) == pytest.approx(used)


def test_none_is_no_weight_without_a_map() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        specification.normalised_weights({"vis": {"control_weight": "none"}})


@given(st.dictionaries(st.sampled_from(sorted(specification.CHECKPOINTS)), st.floats(0, 100), min_size=1))
def test_weights_never_add_up_to_more_than_one(weights: dict[str, float]) -> None:
    used = specification.normalised_weights({hint: {"control_weight": weight} for hint, weight in weights.items()})
    assert sum(used.values()) <= 1 + 1e-9
    assert all(used[hint] <= weight + 1e-9 for hint, weight in weights.items())


def middle(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The part of a frame that no text and no small picture covers."""
    height, width = frame.shape[:2]
    return frame[height // 4 : height * 3 // 4, : width * 3 // 4].astype(float)


def likeness(frame: npt.NDArray[np.uint8], control: npt.NDArray[np.uint8]) -> float:
    """How much of `control` is in `frame`: the slope of the line through their gray values."""
    stretched = cv2.resize(control, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    x, y = middle(np.asarray(stretched, np.uint8)).mean(axis=2).ravel(), middle(frame).mean(axis=2).ravel()
    return float(np.cov(x, y)[0, 1] / x.var())


def test_more_weight_shows_more_of_a_control(scene: Path, tmp_path: Path) -> None:
    edges = scene / "color.mp4"
    weights = (0.1, 0.4, 0.8)
    result = start(tmp_path, [row(edges, edge=weight) for weight in weights])
    control = clips.frames_of(result.row(0) / "edge_input_control_0.mp4")[5]
    seen = [likeness(result.frames(number)[5], control) for number in range(3)]
    assert seen[0] + 0.1 < seen[1] < seen[2] - 0.1
    assert (seen[2] - seen[0]) / 0.7 == pytest.approx(0.65, abs=0.15)


def test_each_control_shows_by_its_own_weight(scene: Path, tmp_path: Path) -> None:
    color, depth = scene / "color.mp4", scene / "depth.mp4"
    rows = [row(color, edge=0.7, depth=(0.2, depth)), row(color, edge=0.2, depth=(0.7, depth))]
    result = start(tmp_path, rows, base=base("edge", "depth"))
    edges, depths = clips.frames_of(result.row(0) / "edge_input_control_0.mp4"), clips.frames_of(depth)
    first, second = result.frames(0)[5], result.frames(1)[5]
    assert likeness(first, edges[5]) > likeness(second, edges[5]) + 0.1
    assert likeness(first, depths[5]) < likeness(second, depths[5]) - 0.1


def test_a_weight_of_nought_leaves_no_trace(scene: Path, tmp_path: Path) -> None:
    color, seg = scene / "color.mp4", scene / "segmentation.mp4"
    with_seg, without = tmp_path / "with", tmp_path / "without"
    for folder in (with_seg, without):
        folder.mkdir()
    first = start(with_seg, [row(color, edge=0.5, seg=(0, seg))], base=base("edge", "seg"))
    second = start(without, [row(color, edge=0.5)])
    assert (first.row(0) / "output.mp4").read_bytes() == (second.row(0) / "output.mp4").read_bytes()


def test_only_the_ratio_of_large_weights_counts(scene: Path, tmp_path: Path) -> None:
    rows = [row(scene / "color.mp4", vis=weight, edge=weight) for weight in (0.5, 2.0)]
    result = start(tmp_path, rows, base=base("vis", "edge"))
    assert (result.row(0) / "output.mp4").read_bytes() == (result.row(1) / "output.mp4").read_bytes()


def test_another_seed_gives_another_tint(scene: Path, tmp_path: Path) -> None:
    colours = []
    for seed in ("1", "2", "3"):
        folder = tmp_path / seed
        folder.mkdir()
        result = start(folder, [row(scene / "color.mp4", edge=0.5)], "--seed", seed)
        colours.append(middle(result.frames(0)[5]).mean(axis=(0, 1)))
    distances = [np.abs(colours[a] - colours[b]).max() for a, b in ((0, 1), (1, 2), (0, 2))]
    assert min(distances) > 2
    assert max(distances) < 30


def test_the_same_row_gives_the_same_bytes(scene: Path, tmp_path: Path) -> None:
    rows = [row(scene / "color.mp4", vis=0.3, edge=0.4, depth=0.2, seg=0.1)] * 2
    result = start(tmp_path, rows, base=base("vis", "edge", "depth", "seg"))
    assert (result.row(0) / "output.mp4").read_bytes() == (result.row(1) / "output.mp4").read_bytes()


def test_the_frames_follow_the_input(scene: Path, tmp_path: Path) -> None:
    result = start(tmp_path, [row(scene / "color.mp4", edge=0.1)])
    made, source = result.frames(0), clips.frames_of(scene / "color.mp4")
    for number in (0, 5, 11):
        others = [np.abs(middle(made[number]) - middle(_stretched(frame))).mean() for frame in source]
        assert int(np.argmin(others)) == number


def _stretched(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.resize(frame, (960, 704), interpolation=cv2.INTER_AREA), np.uint8)


def test_the_word_preview_is_burnt_into_every_frame(scene: Path, tmp_path: Path) -> None:
    result = start(tmp_path, [row(scene / "color.mp4", edge=0.5)])
    for frame in result.frames(0):
        badge = frame[8:32, 12:116].astype(int)
        amber = (badge[..., 0] > 180) & (badge[..., 1] > 110) & (badge[..., 2] < 110)
        assert amber.mean() > 0.15


def test_a_control_that_several_rows_use_is_made_once(scene: Path, tmp_path: Path) -> None:
    source = scene / "color.mp4"
    with open_studio(tmp_path, blur_strength="medium") as studio:
        for hint in ("edge", "vis"):
            studio.make_control(hint, source, tmp_path / f"{hint}_a.mp4")
        source.unlink()
        for hint in ("edge", "vis"):
            studio.make_control(hint, source, tmp_path / f"{hint}_b.mp4")
            assert (tmp_path / f"{hint}_a.mp4").read_bytes() == (tmp_path / f"{hint}_b.mp4").read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("hint", ["vis", "edge", "depth", "seg", "keypoint"])
def test_a_generated_control_has_the_frames_of_the_input(hint: str, tmp_path: Path) -> None:
    source = clips.color(tmp_path / "color.mp4", width=62, height=46, frames=4)
    with open_studio(tmp_path, blur_strength="medium") as studio:
        studio.make_control(hint, source, tmp_path / "control.mp4")
    info = probe(tmp_path / "control.mp4")
    assert (info.width, info.height, info.frames, info.fps) == (64, 48, 4, Fraction(30))


@pytest.mark.parametrize("hint", ["vis", "edge", "depth", "seg", "keypoint"])
@pytest.mark.parametrize("size", [(160, 120), (63, 47), (8, 8)])
def test_annotators_keep_the_size(hint: str, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    made = annotator(hint, blur_strength="medium")(picture)
    assert (made.shape, made.dtype) == (picture.shape, picture.dtype)


def test_the_quick_blur_looks_like_the_whole_one(scene: Path) -> None:
    assert_quick_blur(clips.frames_of(scene / "color.mp4")[3])


@pytest.mark.parametrize("clip", footage.every("color", frames=footage.FEW))
def test_the_quick_blur_of_footage_looks_like_the_whole_one(clip: footage.Clip, tmp_path: Path) -> None:
    assert_quick_blur(clips.frames_of(clip.copied(tmp_path / "color.mp4"))[clip.frames // 2])


def assert_quick_blur(frame: npt.NDArray[np.uint8]) -> None:
    whole, quick = (blurred(frame, blur).astype(int) for blur in (BLURS["medium"], sketched(BLURS["medium"])))
    assert np.abs(whole - quick).mean() < 2.5
    assert np.abs(whole - quick).mean() < np.abs(frame.astype(int) - whole).mean() / 2


@given(st.text(max_size=300), st.integers(60, 900))
def test_wrapped_lines_fit_and_lose_no_letter(text: str, width: int) -> None:
    shown = lettering.legible(text)
    lines = lettering.wrapped(shown, width, size=20, lines=1000)
    assert all(lettering.width_of(line, 20) <= width or len(line) == 1 for line in lines)
    assert "".join(lines).replace(" ", "") == shown.replace(" ", "")


@given(st.text(max_size=300))
def test_legible_text_is_one_line_without_invisible_characters(text: str) -> None:
    shown = lettering.legible(text)
    assert shown == shown.strip()
    assert shown.isprintable()


def test_too_much_text_ends_in_an_ellipsis() -> None:
    lines = lettering.wrapped("word " * 100, 200, size=20, lines=3)
    assert (len(lines), lines[-1][-1]) == (3, "…")
    assert all(lettering.width_of(line, 20) <= 200 for line in lines)


def test_pictograms_become_a_lozenge_and_accents_are_joined() -> None:
    assert lettering.legible("go\u200b 🚀\ufe0f e\u0301\n城") == "go ◇ é 城"


FIVE = ("one", "two", "three", "four", "five")


def faulty(tmp_path: Path, asked: str, prompts: Sequence[str] = FIVE, **env: str) -> Result:
    """A start over idle rows with these faults."""
    rows = [row(tmp_path / "inputs" / "x.mp4", prompt, edge=(0.5, tmp_path / "x.mp4")) for prompt in prompts]
    return start(tmp_path, rows, env=IDLE | {"COSMOSCTL_PREVIEW_FAULTS": asked} | env)


def whole_rows(result: Result) -> list[int]:
    """The numbers of the rows that have both files."""
    done = [path.parent for path in result.out.glob("video_*/prompt.txt") if (path.parent / "output.mp4").exists()]
    return sorted(int(path.name.removeprefix("video_")) for path in done)


def reason(result: Result) -> str:
    """What cosmosctl makes of the end of a log."""
    text = result.log + result.errors
    return next((word for word, pattern in PATTERNS.reasons if re.search(pattern, text)), "model-error")


@pytest.mark.parametrize("asked", ["block@3", "block:three", "block-video@3", "block-video:three"])
def test_a_block_kills_the_rest_of_the_batch(asked: str, tmp_path: Path) -> None:
    result = faulty(tmp_path, asked)
    assert (result.code, whole_rows(result), reason(result)) == (1, [0, 1], "blocked")
    assert result.messages[-1] == "Guardrail blocked generation for entire batch."
    assert result.log.count("|CRITICAL|") == 4
    assert "TypeError: cannot unpack non-iterable NoneType object" in result.errors
    assert (result.row(2).exists(), result.row(3).exists()) == (True, False)
    assert not (result.row(2) / "output.mp4").exists()


def test_an_empty_prompt_is_blocked_like_any_other(tmp_path: Path) -> None:
    result = faulty(tmp_path, "", ("one", "", "three"))
    assert (result.code, whole_rows(result), reason(result)) == (1, [0], "blocked")


@pytest.mark.parametrize(
    ("asked", "why", "said"),
    [
        ("crash@3", "model-error", "RuntimeError: CUDA error"),
        ("gpu-oom@3", "gpu-oom", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate"),
        ("bad-input@3", "bad-input", "ValueError: Failed to load video frames from"),
    ],
)
def test_an_error_in_a_row_ends_the_start(asked: str, why: str, said: str, tmp_path: Path) -> None:
    result = faulty(tmp_path, asked)
    assert (result.code, whole_rows(result), reason(result)) == (1, [0, 1], why)
    assert said in result.errors


@pytest.mark.parametrize("number", [9, 11, 15])
def test_a_signal_kills_in_the_midst_of_a_row(number: int, tmp_path: Path) -> None:
    result = faulty(tmp_path, f"signal-{number}:two")
    assert (result.code, whole_rows(result), result.errors) == (-number, [0], "")
    assert result.messages[-1] == "Starting diffusion sampling"


def test_a_fault_by_word_follows_its_row_through_restarts(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert whole_rows(faulty(tmp_path, "crash:four")) == [0, 1, 2]
    assert whole_rows(faulty(tmp_path / "again", "crash:four", ("four", "five"))) == []


def test_a_crash_that_happens_once_happens_once_a_prompt(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    seen = []
    for attempt in ("a", "b", "c"):
        (tmp_path / attempt).mkdir()
        result = faulty(tmp_path / attempt, "crash_once:t", COSMOSCTL_PREVIEW_STATE=str(state))
        seen.append((result.code, whole_rows(result)))
    assert seen == [(1, [0]), (1, [0, 1]), (0, [0, 1, 2, 3, 4])]


def test_silence_lasts_as_long_as_asked(tmp_path: Path) -> None:
    result = faulty(tmp_path, "silence=0.4@1", FIVE[:1])
    assert (result.code, whole_rows(result)) == (0, [0])


def test_a_held_row_goes_on_when_it_is_let_go(tmp_path: Path) -> None:
    env = {**IDLE, "COSMOSCTL_PREVIEW_FAULTS": "held:night", "COSMOSCTL_PREVIEW_STATE": str(tmp_path)}
    with started(tmp_path, env) as process:
        assert process.stdout is not None
        assert any("Starting diffusion sampling" in line for line in process.stdout)
        assert process.poll() is None
        (tmp_path / "go-night").touch()
        assert any("Saved prompt" in line for line in process.stdout)
        assert process.wait(TIMEOUT_S) == 0


def test_silence_without_an_end_has_to_be_killed(tmp_path: Path) -> None:
    with started(tmp_path, {**IDLE, "COSMOSCTL_PREVIEW_FAULTS": "silence"}) as process:
        assert process.stdout is not None
        assert any("Starting diffusion sampling" in line for line in process.stdout)
        process.terminate()
        assert process.wait(TIMEOUT_S) == -15


def test_a_short_video_has_half_of_the_frames(scene: Path, tmp_path: Path) -> None:
    env = {"COSMOSCTL_PREVIEW_FAULTS": "short@2"}
    result = start(tmp_path, [row(scene / "color.mp4", edge=0.5)] * 2, env=env)
    assert [result.info(number).frames for number in (0, 1)] == [12, 6]


def test_a_broken_video_looks_whole_until_it_is_read(tmp_path: Path) -> None:
    result = faulty(tmp_path, "broken@1")
    assert (result.code, whole_rows(result)) == (0, [0, 1, 2, 3, 4])
    with pytest.raises(Exception, match="is not a readable"):
        result.info(0)
    assert result.info(1).frames == FRAMES


def test_a_prompt_file_may_be_missing(tmp_path: Path) -> None:
    result = faulty(tmp_path, "no-prompt:two")
    assert (result.code, whole_rows(result)) == (0, [0, 2, 3, 4])
    assert (result.row(1) / "output.mp4").exists()


@pytest.mark.parametrize(("asked", "names"), [("flat", ("video_000", "video_001")), ("flat1", ("video_0", "video_1"))])
def test_older_releases_wrote_single_files(asked: str, names: tuple[str, str], tmp_path: Path) -> None:
    result = faulty(tmp_path, asked, ("one", "two"))
    assert result.files == sorted(f"{name}.{end}" for name in names for end in ("mp4", "txt"))
    assert (result.out / f"{names[1]}.txt").read_text() == "two"


def test_a_failure_before_the_first_row_makes_no_folder(tmp_path: Path) -> None:
    result = faulty(tmp_path, "before-first")
    assert (result.code, result.out.exists()) == (1, False)
    assert "FileNotFoundError: [Errno 2] No such file or directory: 'checkpoints/" in result.errors
    assert reason(result) == "model-error"
    assert not re.search(PATTERNS.loaded, result.log)


@pytest.mark.parametrize("text", ["blok@1", "crash@x", "@2", "signal", "crash@1@2"])
def test_a_fault_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"COSMOSCTL_PREVIEW_FAULTS: .* is none of block, "):
        faults.asked_for({"COSMOSCTL_PREVIEW_FAULTS": text})


def test_faults_are_read_as_documented() -> None:
    asked = faults.asked_for({"COSMOSCTL_PREVIEW_FAULTS": "block@2,crash:a word,silence=1.5@3:x,signal-9"})
    assert asked.items == (
        Fault("block", row=2),
        Fault("crash", word="a word"),
        Fault("silence", seconds=1.5, row=3, word="x"),
        Fault("signal-9"),
    )


def test_every_fault_is_documented() -> None:
    text = faults.__doc__ or ""
    assert all(re.search(rf"^    {kind} ", text, re.MULTILINE) for kind in (*faults.ROW_KINDS, *faults.PROCESS_KINDS))


def test_the_tally_counts_loads_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "tally"
    faulty(tmp_path, "crash:three", COSMOSCTL_PREVIEW_TALLY=str(path))
    faulty(tmp_path, "", ("four", "five"), COSMOSCTL_PREVIEW_TALLY=str(path))
    words = [line.split()[:2] for line in path.read_text().splitlines()]
    sha = {call_log.sha256(prompt): prompt for prompt in FIVE}
    assert [(word[0], *(sha[name] for name in word[1:])) for word in words] == [
        ("load",),
        *((event, prompt) for prompt in ("one", "two") for event in ("start", "done")),
        ("start", "three"),
        ("load",),
        *((event, prompt) for prompt in ("four", "five") for event in ("start", "done")),
    ]


def test_idle_rows_load_no_library(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(base("edge")))
    (tmp_path / "batch.jsonl").write_text(json.dumps(row(Path("x.mp4"), edge=0.5)))
    flags = ["--controlnet_specs", "spec.json", "--batch_input_path", "batch.jsonl", "--video_save_folder", "out"]
    code = (
        "import sys; from cosmosctl.preview import transfer1; sys.argv = ['x', *sys.argv[1:]]; transfer1.main(); "
        "print(sorted({'av', 'cv2', 'numpy', 'pydantic', 'rich', 'ruamel'} & set(sys.modules)))"
    )
    command = (sys.executable, "-c", code, *flags)
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **IDLE}, check=True, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_idle_rows_differ_and_name_their_settings(tmp_path: Path) -> None:
    rows = [row(Path("a.mp4"), "one", edge=(0.25, Path("e.mp4"))), row(Path("b.mp4"), "two", edge=0.5)]
    result = start(tmp_path, rows, "--num_steps", "9", env=IDLE)
    first, second = ((result.row(number) / "output.mp4").read_bytes() for number in (0, 1))
    facts = json.loads(first[first.rindex(b'{"prompt"') :])
    assert facts["weights"] == {"edge": 0.25}
    assert (facts["prompt"], facts["video"], facts["inputs"], facts["num_steps"]) == (
        "one",
        "a.mp4",
        {"edge": "e.mp4"},
        9,
    )
    assert first != second
    assert [result.info(number).frames for number in (0, 1)] == [FRAMES, FRAMES]


def test_an_idle_row_has_the_frames_of_its_shortest_source(tmp_path: Path) -> None:
    long, short = clips.color(tmp_path / "a.mp4", frames=30), clips.color(tmp_path / "b.mp4", frames=24)
    rows = [row(long, edge=0.5), row(long, edge=(0.25, short))]
    result = start(tmp_path, rows, env=IDLE)
    assert [result.info(number).frames for number in (0, 1)] == [30, 24]


@pytest.mark.parametrize(("long", "seen"), [("LOAD", ["load"]), ("ROW", ["load", "start"])])
def test_idle_loads_and_rows_take_as_long_as_asked(tmp_path: Path, long: str, seen: list[str]) -> None:
    """So long that it is not lived to see."""
    env = {**IDLE, "COSMOSCTL_PREVIEW_TALLY": str(tmp_path / "tally"), f"COSMOSCTL_PREVIEW_{long}_S": "1000000"}
    with started(tmp_path, env) as process:
        wait_until(lambda: tallied(tmp_path / "tally") == seen, "it to begin")
        process.terminate()
        assert process.wait(TIMEOUT_S) == -15
    assert tallied(tmp_path / "tally") == seen


def tallied(file: Path) -> list[str]:
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def started(folder: Path, env: Mapping[str, str]) -> "subprocess.Popen[str]":
    """A preview of one row, whose end nobody waits for."""
    (folder / "spec.json").write_text(json.dumps(base("edge")))
    (folder / "batch.jsonl").write_text(json.dumps(row(Path("x.mp4"), edge=0.5)))
    command = (sys.executable, "-m", "cosmosctl.preview.transfer1", "--controlnet_specs", "spec.json")
    flags = ("--batch_input_path", "batch.jsonl", "--video_save_folder", "out")
    return subprocess.Popen(
        (*command, *flags), cwd=folder, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True
    )


ROLES = ("color", "segmentation")


@pytest.mark.parametrize("scene", ["street", "robot"])
@pytest.mark.parametrize("source", footage.sources())
def test_a_preview_of_footage_has_every_frame(source: str, scene: str, tmp_path: Path) -> None:
    parts = {role: footage.Clip(source, f"{scene}/{role}", footage.FEW) for role in ROLES}
    video, seg = (part.copied(tmp_path / f"{role}.mp4") for role, part in parts.items())
    rows = [row(video, "A robot in a kitchen", edge=(0.4, video), depth=0.2, seg=(0.1, seg))]
    result = start(tmp_path, rows, base=base("edge", "depth", "seg"))
    info = result.info(0)
    assert ((info.width, info.height), info.frames, info.fps) == (
        {"street": (960, 704), "robot": (1280, 704)}[scene],
        footage.FEW,
        Fraction(24),
    )

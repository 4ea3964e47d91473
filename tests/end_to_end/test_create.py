"""`create`: what check refuses is refused before a file is written, naming what helps; settings and copies."""

import shutil
from pathlib import Path

import pytest

import cosmosctl
from cosmosctl.cli.setting_options import given_settings
from cosmosctl.errors import FilesError, UsageError
from cosmosctl.models import REGISTRY
from cosmosctl.schema.settings import SETTING_NAMES
from cosmosctl.store import load_run
from tests import clips
from tests.support.tree import Tree

LONG = "rain on a road, " * 30


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """A scene outside of the project, with a file that is no video of it."""
    folder = clips.scene(tmp_path / "far")
    (folder / "notes.txt").write_text("not a clip")
    return folder


@pytest.mark.parametrize(
    ("args", "what", "remedy"),
    [
        (("look", "inputs/videos"), "has no colour video", "in inputs/videos: city"),
        (("look", "inputs/videos/city/color.mp4"), "is a file, not a scene's folder", "name its folder, inputs/"),
        (("look", "inputs/videos/city/depth.mp4"), "is a file, not a scene's folder", "--copy"),
        (("look", "../far"), "far lies outside of the project", "--copy"),
        (("look", "inputs/videos/link"), "leaves the project by a symbolic link", "allow_outside_inputs: true"),
        (("inputs/videos/city", "look"), "the arguments are swapped", "cosmosctl create prompt TEXT inputs/videos/"),
        (("inputs/videos/city", LONG), "the arguments are swapped", "cosmosctl create prompt TEXT inputs/videos/"),
        (("look", LONG), "there is no folder rain on a road", "color.mp4 into inputs/videos/SCENE"),
        (("look", ""), "there is no folder", "color.mp4"),
        (("look", "inputs/videos/city", "--tag", ""), "tags[0] must not be empty", ""),
        (("look", "inputs/videos/city", "--negative-prompt", " "), "--negative-prompt is empty", ""),
        (("look", "inputs/videos/city", "--id", "ps_a"), "there is a prompt 'ps_a' already", "cosmosctl show ps_a"),
        (("look", "inputs/videos/city", "--copy"), "inputs/videos/city is there already", "TEXT inputs/videos/city"),
        (("look", "inputs/videos", "--copy"), "has no colour video", ""),
    ],
)
def test_create_prompt_refuses_what_check_would_and_names_what_helps(
    tree: Tree, far: Path, args: tuple[str, ...], what: str, remedy: str
) -> None:
    (tree.root / "inputs/videos/link").symlink_to(far)
    before = tree.files()
    done = tree.cli("create", "prompt", *args, expect=2)
    assert what in done.err
    assert remedy in done.err
    assert done.out == ""
    assert tree.files() == before


@pytest.mark.parametrize("how", ["inside", "by the shell's own path", "allowed outside"])
def test_a_scene_is_named_as_check_takes_it(tree: Tree, far: Path, tmp_path: Path, how: str) -> None:
    (tmp_path / "link").symlink_to(tree.root)
    scene = {"inside": tree.root / "inputs/videos/city", "allowed outside": far}.get(
        how, tmp_path / "link/inputs/videos/city"
    )
    if how == "allowed outside":
        tree.config("project: 5f3a91c2\nallow_outside_inputs: true\n")
    prompt = tree.cli("create", "prompt", "look", str(scene)).out.strip()
    tree.cli("create", "run", prompt)
    tree.cli("check")
    assert (f"video: {scene}\n" in tree.paths.prompt(prompt).read_text()) == (how == "allowed outside")


def test_copy_takes_the_videos_of_a_scene_into_the_project(tree: Tree, far: Path) -> None:
    prompt = tree.cli("create", "prompt", "look", str(far), "--copy").out.strip()
    assert "video: inputs/videos/far\n" in tree.paths.prompt(prompt).read_text()
    there = {path.name: path.read_bytes() for path in (tree.root / "inputs/videos/far").iterdir()}
    assert there == {path.name: path.read_bytes() for path in far.glob("*.mp4")}
    assert sorted(path.name for path in (tree.root / "inputs/videos").iterdir()) == ["city", "far"]
    before = tree.files()
    assert "inputs/videos/far is there already" in tree.cli("create", "prompt", "x", str(far), "--copy", expect=2).err
    assert tree.files() == before


def test_copy_makes_a_scene_of_one_video(tree: Tree, tmp_path: Path) -> None:
    clip = clips.color(tmp_path / "street at night.MP4")
    prompt = tree.cli("create", "prompt", "look", str(clip), "--copy").out.strip()
    assert (tree.root / "inputs/videos/street at night/color.mp4").read_bytes() == clip.read_bytes()
    tree.cli("create", "run", prompt)
    tree.cli("check")


def test_a_copy_goes_away_again_when_the_prompt_cannot_be_written(tree: Tree, far: Path) -> None:
    shutil.rmtree(tree.paths.prompts)
    tree.paths.prompts.write_text("a file in the way")
    before = tree.files()
    assert tree.cli("create", "prompt", "look", str(far), "--copy", expect=3).out == ""
    assert tree.files() == before


@pytest.mark.parametrize(
    ("args", "code", "what"),
    [
        (("ps_plain", "--model", "cosmos3"), 3, "the new run: controls.depth"),
        (("ps_a", "--model", "cosmos4"), 2, "there is no model 'cosmos4'"),
        (("ps_a", "--model", "transfer2.5", "--guidance", "4.5"), 2, "--guidance must be a whole number, got 4.5"),
        (("ps_a", "--distilled"), 2, "--distilled is not a setting of transfer1"),
        (("ps_a", "--model", "transfer2.5", "--distilled"), 3, "the new run: distilled takes edge as the only control"),
        (("ps_a", "--fps", "0", "--seed", "-1"), 2, "--fps must be between 1 and 240, got 0\nerror: --seed must be"),
        (("ps_a", "--negative-prompt", " "), 2, "--negative-prompt must not be empty"),
        (("ps_bad",), 3, "prompts/ps_bad.yaml:2:8: video: there is no folder"),
        (("ps_uneven",), 3, "variable frame rate"),
        (("rs_a",), 2, "rs_a is a run, not a prompt"),
        ((), 2, "name a prompt, or a run to copy with --from"),
        (("--from", "rs_zz"), 2, "there is no run 'rs_zz'"),
        (("ps_a", "--id", "rs_a"), 2, "there is a folder runs/rs_a already"),
        (("ps_a", "--control", "edge"), 2, "--control edge: write NAME=WEIGHT"),
        (("ps_a", "--control", "egde=1"), 2, "there is no control 'egde'; known: vis, edge, depth, seg"),
        (("ps_a", "--control", "edge=1.4"), 2, "the weight of edge must be between 0 and 1, got 1.4"),
        (("ps_a", "--control", "edge=much"), 2, "the weight of edge must be a number from 0 to 1, got 'much'"),
        (("ps_a", "--control", "edge=0"), 2, "all weights are zero"),
        (("ps_a", "--control", "edge=1", "--control", "edge=0.4"), 2, "edge is there twice"),
        (("ps_a", "--control", "edge=1", "--preset", "vis=low"), 2, "vis is not among the run's controls"),
        (("ps_a", "--preset", "depth=low"), 2, "only edge and vis have presets"),
        (("ps_a", "--preset", "weak"), 2, "there is no preset 'weak'; known: very_low"),
        (("ps_a", "--input", "depth=../far/depth.mp4"), 2, "controls.depth.input: "),
        (("ps_a", "--input", f"depth={LONG}"), 2, "is too long for a path"),
        (("ps_a", "--input", "depth=inputs/videos/city/no.mp4"), 3, "no.mp4: cannot read: it does not exist"),
        (("ps_a", "--control", "edge=1", "--seg-prompt", "car"), 2, "seg is not among the run's controls"),
        (("ps_a", "--weights", "1", "0", "0", "0", "--control", "edge=1"), 2, "--weights for all four, or --control"),
        (("ps_a", "--guidance", "much"), 2, "'much' is not a valid number"),
    ],
)
def test_create_run_refuses_what_check_would_and_writes_nothing(
    tree: Tree, far: Path, args: tuple[str, ...], code: int, what: str
) -> None:
    tree.run("rs_a")
    tree.prompt("ps_bad", scene="inputs/videos/nowhere")
    tree.prompt("ps_plain", scene="{color: inputs/videos/city/color.mp4}")
    clips.variable_frame_rate(tree.root / "inputs/videos/uneven/color.mp4")
    tree.prompt("ps_uneven", scene="inputs/videos/uneven")
    before = tree.files()
    done = tree.cli("create", "run", *args, expect=code)
    assert what in done.err
    assert "cosmosctl check" not in done.err
    assert done.out == ""
    assert tree.files() == before


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--model", "transfer2.5", "--guidance", "4"), "guidance: 4\n"),
        (("--guidance", "4"), "guidance: 4\n"),
        (("--guidance", "4.5"), "guidance: 4.5\n"),
        (("--fps", "30"), "fps: 30\n"),
        (("--sigma-max", "80"), "sigma_max: 80\n"),
        (("--warm", "reload"), "warm: reload\n"),
        (("--warm", "true"), "warm: true\n"),
        (("--no-offload-models",), "offload_models: false\n"),
        (("--model", "transfer2.5", "--resolution", "480"), 'resolution: "480"\n'),
        (("--negative-prompt", "fog"), "negative_prompt: fog\n"),
    ],
)
def test_a_setting_is_written_as_it_was_given(tree: Tree, args: tuple[str, ...], line: str) -> None:
    run = tree.cli("create", "run", "ps_a", "--control", "edge=0.5", *args).out.strip()
    assert line in tree.run_paths(run).spec.read_text()
    tree.cli("check")


def test_every_setting_of_the_format_and_of_the_models_is_an_option(tree: Tree) -> None:
    text = tree.cli("create", "run", "--help").out
    of_models = {name for family in REGISTRY.values() for name in family.SETTINGS}
    assert of_models == set(SETTING_NAMES)
    assert [name for name in SETTING_NAMES if f"--{name.replace('_', '-')} " not in text] == []
    assert max(map(len, text.splitlines())) <= 80


def test_a_word_stays_a_word_where_the_setting_takes_words() -> None:
    assert given_settings({"warm": "true", "resolution": "720", "negative_prompt": "true", "seed": None}) == {
        "warm": True,
        "resolution": "720",
        "negative_prompt": "true",
    }


def test_controls_are_given_one_by_one_with_presets_inputs_and_a_prompt(tree: Tree) -> None:
    run = tree.cli(
        *("create", "run", "ps_a", "--control", "seg=0.1", "--control", "edge=0.4", "--control", "depth=0.2"),
        *("--preset", "edge=low", "--input", "depth=inputs/videos/city/depth.mp4", "--input", "seg=auto"),
        *("--seg-prompt", "car. road"),
    ).out.strip()
    text = tree.run_paths(run).spec.read_text()
    assert text.partition("controls:\n")[2] == (
        "  edge: {weight: 0.4, preset: low}\n"
        "  depth: {weight: 0.2, input: inputs/videos/city/depth.mp4}\n"
        "  seg: {weight: 0.1, input: auto, prompt: car. road}\n"
    )


def test_a_run_is_copied_and_options_change_the_copy(tree: Tree) -> None:
    tree.run(
        "rs_a",
        controls="{vis: 0.2, edge: {weight: 0.4, preset: low}, depth: {weight: 0.1, input: auto}}",
        more="model: transfer2.5\nseed: 7\nguidance: 4\nresolution: 480\ntags: [night]\nnotes: mine\n",
    )
    tree.prompt("ps_b", "another street")
    copy = tree.cli("create", "run", "--from", "rs_a").out.strip()
    same, one = load_run(tree.root, copy), load_run(tree.root, "rs_a")
    assert (same.prompt, same.controls, same.model, same.settings, same.tags) == (
        one.prompt,
        one.controls,
        one.model,
        one.settings,
        one.tags,
    )
    other = tree.cli(
        *("create", "run", "ps_b", "--from", "rs_a", "--control", "edge=0.6", "--input", "depth=auto"),
        *("--preset", "vis=high", "--seed", "8", "--tag", "day"),
    ).out.strip()
    changed = load_run(tree.root, other)
    assert (changed.prompt, changed.tags, changed.notes) == ("ps_b", ("day",), "")
    assert [(c.name, c.weight, c.preset, c.input) for c in changed.controls] == [
        ("vis", 0.2, "high", None),
        ("edge", 0.6, "low", None),
        ("depth", 0.1, None, "auto"),
    ]
    assert dict(changed.settings) == {"seed": 8, "guidance": 4, "resolution": "480"}


def test_a_run_that_upscales_is_copied_without_controls(tree: Tree) -> None:
    tree.run("rs_a")
    tree.run_paths("rs_big").root.mkdir()
    tree.run_paths("rs_big").spec.write_text("prompt: ps_a\nupscale: {run: rs_a, weight: 0.5}\n", encoding="utf-8")
    copy = tree.cli("create", "run", "--from", "rs_big", "--num-steps", "12").out.strip()
    assert load_run(tree.root, copy).controls == load_run(tree.root, "rs_big").controls
    assert "has no controls" in tree.cli("create", "run", "--from", "rs_big", "--preset", "low", expect=2).err


def test_python_refuses_the_same_and_writes_nothing(tree: Tree) -> None:
    tree.prompt("ps_plain", scene="{color: inputs/videos/city/color.mp4}")
    project = cosmosctl.Project(tree.root)
    before = tree.files()
    with pytest.raises(UsageError, match="there is no folder"):
        project.create_prompt("x", "a\0b")
    with pytest.raises(UsageError, match="not Unicode"):
        project.create_prompt("half \ud83d pair", "inputs/videos/city")
    with pytest.raises(UsageError, match="--colour is not a setting of transfer1"):
        project.create_run("ps_a", colour="red")
    with pytest.raises(FilesError, match="the new run: controls"):
        project.create_run("ps_plain", model="cosmos3")
    assert tree.files() == before


WRITTEN = """\
# What the client liked in May.
prompt: ps_a

controls:
  edge: {weight: 0.4, preset: low}      # keeps the lamp posts
  seg:
    weight: 0.2                         # below the lamps
    prompt: lamp

seed: 7                                 # the one with the rain
guidance: 5
# Ours, not the client's.
quiet: [random]
sweep: look                             # as written: 00000000
notes: |
  # not a comment
  mine alone
"""


def test_a_copy_keeps_the_comments_and_the_way_it_was_written(tree: Tree) -> None:
    tree.run("rs_a")
    tree.run_paths("rs_a").spec.write_text(WRITTEN)
    copy = tree.cli(
        *("create", "run", "--from", "rs_a", "--set", "guidance=7.5", "--set", "edge.preset=high", "--set", "seg=0.3"),
        *("--set", "vis=0.1", "--num-steps", "20", "--tag", "night"),
    ).out.strip()
    text = tree.run_paths(copy).spec.read_text()
    assert text == (
        WRITTEN.partition("sweep:")[0]
        .replace("preset: low} ", "preset: high}")
        .replace("weight: 0.2 ", "weight: 0.3 ")
        .replace("    prompt: lamp\n", "    prompt: lamp\n  vis: 0.1\n")
        .replace("guidance: 5\n", "guidance: 7.5\n")
        + "num_steps: 20\ntags: [night]\n"
    )
    tree.cli("check")


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("guidance", "--set guidance: write KEY=VALUE"),
        ("guidence=7", "nothing called 'guidence' in a run; did you mean guidance?"),
        ("guidance=700", "guidance must be between 0 and 100, got 700"),
        ("edge=2", "edge must be a number from 0 to 1, got 2"),
        ("vis.preset=low", "vis is not among what the run has"),
        ("edge.preset=weak", "edge.preset must be one of very_low"),
        ("scene=inputs/videos/city", "nothing called 'scene' in a run"),
    ],
)
def test_what_cannot_be_set_is_refused(tree: Tree, word: str, what: str) -> None:
    tree.run("rs_a")
    before = tree.files()
    assert what in tree.cli("create", "run", "--from", "rs_a", "--set", word, expect=2).err
    assert tree.files() == before


def test_a_copy_that_cannot_keep_the_comments_says_so_and_is_right(tree: Tree) -> None:
    tree.run("rs_a")
    tree.run_paths("rs_a").spec.write_text("{prompt: ps_a, controls: {edge: 0.5}, notes: mine}\n")
    done = tree.cli("create", "run", "--from", "rs_a", "--set", "seed=3")
    assert "the comments of rs_a are not kept" in done.err
    assert load_run(tree.root, done.out.strip()).settings == {"seed": 3}

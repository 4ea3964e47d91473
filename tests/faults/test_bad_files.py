"""What is wrong in the user's files is said with file, line and column, all of it at once, and nothing is lost."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmosctl.domain.project import Control
from cosmosctl.errors import FileError, FilesError, UsageError
from cosmosctl.store import hash_file, load_all, load_config, load_prompt, load_run
from cosmosctl.store.new_files import create_prompt, create_run
from tests.support.waiting import PATIENCE_S

GOOD_RUN = "prompt: ps_a\ncontrols: {vis: 0.5}\n"
ID_RULE = "letters, digits, '.', '_' and '-', at most 64, a letter or digit first"
GOOD_PROMPT = "text: A city\nvideo: inputs/videos/city\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one scene, one prompt, one run, all well."""
    return fill(tmp_path / "a project")


def fill(root: Path) -> Path:
    for folder in ("prompts", "runs/rs_a", "inputs/videos/city"):
        (root / folder).mkdir(parents=True)
    (root / "cosmosctl.yaml").write_text("project: p1\n")
    (root / "prompts/ps_a.yaml").write_text(GOOD_PROMPT)
    (root / "runs/rs_a/run.yaml").write_text(GOOD_RUN)
    for name in ("color.mp4", "depth.mp4"):
        (root / "inputs/videos/city" / name).write_bytes(b"x")
    return root


def said(root: Path) -> list[str]:
    return [str(problem) for problem in load_all(root).problems]


def of_run(root: Path, text: str | bytes) -> list[str]:
    """What is said about this run file, without its name."""
    path = root / "runs/rs_a/run.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return [line.removeprefix("runs/rs_a/run.yaml:") for line in said(root)]


def of_prompt(root: Path, text: str) -> list[str]:
    (root / "prompts/ps_a.yaml").write_text(text)
    return [line.removeprefix("prompts/ps_a.yaml:") for line in said(root)]


def test_a_good_project_has_no_problems(root: Path) -> None:
    assert said(root) == []


def test_a_byte_order_mark_in_front_is_no_mistake(root: Path) -> None:
    assert of_run(root, "\ufeff" + GOOD_RUN) == []


def test_a_whole_number_may_be_written_with_a_point(root: Path) -> None:
    assert of_run(root, GOOD_RUN + "seed: 1.0\nnum_steps: 3.5e1\nfps: 24.0\n") == []
    assert load_all(root).runs["rs_a"].settings["seed"] == 1
    assert of_run(root, GOOD_RUN + "seed: 1.5\n") == ["3:7: seed must be a whole number, got 1.5"]


def test_a_leading_zero_is_settled_in_words(root: Path) -> None:
    words = "seed: 010 has a leading zero: it is 10 here and octal to other programs; write 10"
    assert of_run(root, GOOD_RUN + "seed: 010\n") == [f"3:7: {words}"]
    assert of_run(root, GOOD_RUN + "seed: 07\n") == []


def test_a_project_of_a_newer_version_is_named_as_such(root: Path) -> None:
    config = root / "cosmosctl.yaml"
    config.write_text(f"format: 2\nsweeps: many\n{config.read_text()}")
    words = "the project is of a newer cosmosctl (format 2, this one knows 1): install that one"
    assert said(root) == [f"cosmosctl.yaml:1:9: {words}"]
    config.write_text(config.read_text().replace("format: 2\nsweeps: many\n", "format: 1\n"))
    assert said(root) == []


# Files that are no YAML


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt: a\ncontrols:\n\tvis: 0.3\n", "3:1: a tab in the indentation: YAML takes spaces only"),
        ("prompt: a\n  \tseed: 1\n", "2:3: a tab in the indentation: YAML takes spaces only"),
        (GOOD_RUN.encode("utf-16"), "1:1: the file is UTF-16; save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "1:1: this is a binary file, not YAML"),
        (b"prompt: a\nnotes: caf\xe9\n", "2:11: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (
            "prompt: \x07\n",
            "1:9: U+0007 is an invisible control character; remove it, or write \\u0007 in double quotes",
        ),
        ("# " + "x" * 10_000_000, "1:1: the file is larger than 1 MiB; a prompt, run or project file never is"),
        ("", "1:1: the file is empty; it should hold lines like `prompt: ps_…`"),
        ("# nothing\n", "1:1: the file is empty; it should hold lines like `prompt: ps_…`"),
        ("- prompt\n", "1:1: the file is not a mapping; it should hold lines like `prompt: ps_…`"),
        ("just words\n", "1:1: the file is not a mapping; it should hold lines like `prompt: ps_…`"),
        (GOOD_RUN + "---\n" + GOOD_RUN, "3:1: a second document starts here; one file holds one, without `---` lines"),
        ("notes: it's: so\n", "1:12: a ': ' cannot stand here: quote the text, or mend the indentation"),
        ("notes: 'it's'\n", "1:12: this does not fit the lines above: mend the indentation or the quotes"),
        ('seed: 1\nnotes: "so\n', "2:8: the quote that opens here is never closed"),
        ("tags: [a, b\nseed: 1\n", "1:7: the list that opens here is not closed with ']'"),
        ("controls: {vis: 1\nseed: 1\n", "1:11: the mapping that opens here is not closed with '}'"),
        ("notes: @home\n", "1:8: text cannot start with '@'; put the text in quotes"),
        ("notes: * star\n", "1:8: text cannot start with '*'; put the text in quotes"),
        ("notes: !loud\n", "1:8: the tag !loud is not known here; remove it"),
        ("notes: *star\n", "1:8: *star refers to an anchor &star that is not above it; quote the text?"),
        ('notes: "C:\\qube"\n', "1:11: \\q means nothing in double quotes: write \\\\ or use single quotes"),
        ("seed: 1\nprompt\nfps: 1\n", "2:1: a key without ': ' and a value"),
        ("? [a]\n: 1\n", "1:3: a key must be a plain word"),
        ("seed: " + "[" * 1_000_000, "1:46: the values are nested more than 40 deep"),
        ("tags: &a [*a]\n", "1:11: *a stands inside the very value that it refers to"),
    ],
)
def test_what_is_no_yaml_is_told_in_plain_words(root: Path, text: str | bytes, message: str) -> None:
    assert message in of_run(root, text)
    assert load_all(root).run_ids == ("rs_a",)
    assert list(load_all(root).runs) == []


def test_an_alias_bomb_is_refused_before_it_goes_off(root: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    assert of_run(root, "\n".join(lines)) == [
        "6:8: the file grows to more than 100,000 values (aliases counted out)",
    ]


def test_a_key_that_is_there_twice_is_told_with_its_first_line(root: Path) -> None:
    text = "prompt: ps_a\nseed: 1\ncontrols:\n  vis: 0.3\n  vis: 0.4\nseed: 2\n"
    assert of_run(root, text) == [
        "5:3: the key 'vis' is there already, in line 4",
        "6:1: the key 'seed' is there already, in line 2",
    ]


# Keys and values


def test_all_mistakes_of_a_run_are_told_at_once_in_the_order_of_the_file(root: Path) -> None:
    text = """\
prompt: ps_zzz
controls:
  vis: 1.4
  edge: {weight: -1, preset: lo, input: auto}
  depth: {weight: .nan, preset: low}
  seg: {weight: "0.3", prompt: 5, foo: 1}
  blur: 0.1
seed: 1.5
num_stpes: 3
num_steps: 0
fps: 0
tags: night
warm: yes
model: transfer
guidance: true
resolution: []
notes: {a: b}
max_frames:
seed: 7
"""
    assert of_run(root, text) == [
        "1:9: there is no prompt 'ps_zzz'; did you mean ps_a?",
        "3:8: controls.vis must be between 0 and 1, got 1.4",
        "4:18: controls.edge.weight must be between 0 and 1, got -1",
        "4:22: controls.edge.preset cannot stand together with input: a preset is computed from the colour video",
        "4:30: controls.edge.preset must be one of very_low, low, medium, high, very_high, got 'lo'; did you mean low?",
        "5:19: controls.depth.weight must be a number from 0 to 1, got .nan",
        "5:25: controls.depth.preset: only edge and vis have presets",
        "6:17: controls.seg.weight must be a number from 0 to 1, got '0.3'",
        "6:32: controls.seg.prompt must be a text, got 5; put it in quotes",
        "6:35: unknown key 'foo' in controls.seg; known: weight, input, prompt",
        "7:3: unknown key 'blur' in controls; did you mean vis?",
        "8:7: seed must be a whole number, got 1.5",
        "9:1: unknown key 'num_stpes'; did you mean num_steps?",
        "10:12: num_steps must be between 1 and 1000, got 0",
        "11:6: fps must be between 1 and 240, got 0",
        "12:7: tags must be a list, got 'night'",
        "13:7: warm must be true or false, got 'yes'",
        "14:8: model must be one of transfer1, transfer2.5, cosmos3, transfer2.5-diffusers, cosmos3-diffusers, "
        "got 'transfer'; did you mean transfer1?",
        "15:11: guidance must be a number, got true",
        "16:13: resolution must be a text, got a list",
        "17:8: notes must be a text, got a mapping",
        "18:12: max_frames has no value: write one, or remove the line",
        "19:1: the key 'seed' is there already, in line 8",
    ]


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ("", "1:1: controls is missing"),
        ("controls:\n", "2:10: controls has no value: write one, or remove the line"),
        ("controls: {}\n", "2:11: controls must hold at least one of vis, edge, depth, seg"),
        ("controls: [vis]\n", "2:11: controls must be a mapping (lines of `key: value`), got a list"),
        ("controls: {vis: 0, seg: 0.0}\n", "2:1: all weights of controls are 0: at least one must be more"),
        ("controls: {vis: {weight: 0}}\n", "2:1: all weights of controls are 0: at least one must be more"),
        ("controls: {seg: {}}\n", "2:17: controls.seg.weight is missing"),
    ],
)
def test_controls_need_a_weight_that_is_more_than_0(root: Path, controls: str, message: str) -> None:
    assert of_run(root, "prompt: ps_a\n" + controls) == [message]


@pytest.mark.parametrize(("value", "got"), [("true", "true"), (".inf", ".inf"), ("much", "'much'"), ("[1]", "a list")])
def test_a_weight_must_be_a_number(root: Path, value: str, got: str) -> None:
    words = "must be a weight (a number from 0 to 1) or a mapping like {weight: 0.3}"
    assert of_run(root, f"prompt: ps_a\ncontrols: {{vis: {value}}}\n") == [f"2:17: controls.vis {words}, got {got}"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{vis:0.3}", "2:12: unknown key 'vis:0.3': a space is missing after ':'"),
        ("{segmentation: 1}", "2:12: unknown key 'segmentation' in controls; did you mean seg?"),
        ("{<<: 1}", "2:12: '<<' (merge) is YAML 1.1; write the keys out"),
        (
            "{vis: {control_weight: 1, weight: 1}}",
            "2:18: unknown key 'control_weight' in controls.vis; did you mean weight?",
        ),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_known_one(root: Path, line: str, message: str) -> None:
    assert message in of_run(root, f"prompt: ps_a\ncontrols: {line}\n")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("12", "1:9: prompt must be a text, got 12; put it in quotes"),
        (
            "a/b",
            f"1:9: prompt must be an id: {ID_RULE}, got 'a/b'",
        ),
        (
            "-x",
            f"1:9: prompt must be an id: {ID_RULE}, got '-x'",
        ),
        ("ps_b", "1:9: there is no prompt 'ps_b'; did you mean ps_a?"),
        ("other", "1:9: there is no prompt 'other'"),
    ],
)
def test_a_run_names_a_prompt_that_is_there(root: Path, prompt: str, message: str) -> None:
    assert of_run(root, f"prompt: {prompt}\ncontrols: {{vis: 1}}\n") == [message]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ('text: ""\nvideo: inputs/videos/city\n', ["1:7: text must not be empty"]),
        ('text: " \\n"\nvideo: inputs/videos/city\n', ["1:7: text must not be empty, got ' \n'"]),
        ("text:\nvideo: inputs/videos/city\n", ["1:6: text has no value: write one, or remove the line"]),
        ("video: inputs/videos/city\n", ["1:1: text is missing"]),
        ("text: a\nvideos: b\n", ["1:1: video is missing", "2:1: unknown key 'videos'; did you mean video?"]),
        (
            "text: [a]\nvideo: 5\n",
            ["1:7: text must be a text, got a list", "2:8: video must be a text, got 5; put it in quotes"],
        ),
        ("text: a\nvideo: nowhere\n", ["2:8: video: there is no folder 'nowhere'"]),
        (
            "text: a\nvideo: inputs/videos\n",
            [
                "2:8: video: 'inputs/videos' has no colour video; looked for color.mp4, color.mov, color.mkv, "
                "color.webm, color.avi"
            ],
        ),
        (
            "text: a\nvideo: inputs/videos/city/color.mp4\n",
            ["2:8: video: 'inputs/videos/city/color.mp4' is a file; name its folder, or write "
             "{color: inputs/videos/city/color.mp4}"],
        ),
        ("text: a\nvideo: {depth: inputs/videos/city/depth.mp4}\n", ["2:8: video.color is missing"]),
        (
            "text: a\nvideo: {color: inputs/x.mp4, depth: inputs/videos, sge: y}\n",
            ["2:52: unknown key 'sge' in video; did you mean seg?"],
        ),
        (
            "text: a\nvideo: {color: inputs/x.mp4, depth: inputs/videos}\n",
            [
                "2:16: video.color: there is no file 'inputs/x.mp4'",
                "2:37: video.depth: 'inputs/videos' is a folder, not a video",
            ],
        ),
        ('text: a\nvideo: "a\\0b"\n', ["2:8: video: a path cannot hold the character U+0000"]),
    ],
)  # fmt: skip
def test_a_prompt_needs_a_text_and_a_colour_video(root: Path, text: str, messages: list[str]) -> None:
    assert of_prompt(root, text) == messages


def test_what_lies_in_a_folder_without_colour_video_is_in_the_hint(root: Path) -> None:
    (root / "inputs/videos/city/color.mp4").rename(root / "inputs/videos/city/Colour.mp4")
    (problem,) = load_all(root).problems
    assert problem.hint == "in inputs/videos/city: Colour.mp4, depth.mp4"


def test_two_files_for_one_role_are_not_chosen_from(root: Path) -> None:
    (root / "inputs/videos/city/color.MOV").write_bytes(b"x")
    assert said(root) == [
        "prompts/ps_a.yaml:2:8: video: 'inputs/videos/city' holds more than one color video: color.MOV, color.mp4"
    ]


def test_a_wrong_prompt_is_told_once_and_takes_its_runs_with_it(root: Path) -> None:
    create_run(root, "ps_a", [Control("vis", 1.0)], name="rs_b")
    assert of_prompt(root, "text: ''\nvideo: inputs/videos/city\n") == ["1:7: text must not be empty"]
    snapshot = load_all(root)
    assert (list(snapshot.prompts), list(snapshot.runs), snapshot.run_ids) == ([], [], ("rs_a", "rs_b"))
    assert snapshot.problems_of(["rs_a"]) == snapshot.problems
    assert snapshot.prompt_of("rs_b") == "ps_a"


def test_all_mistakes_of_a_project_file_are_told_at_once(root: Path) -> None:
    text = """\
project: 12345678
host: labb
hosts:
  lab: {address: -oProxyCommand=x, engine: doker, dir: data, gpus: [], env: {1A: x, B: 1}, engine_command: sudo}
  a b: {engine: bare}
  local: 3
  x: {engine: docker, address: me@x, gpu: 0, models: {transfer2: {}, transfer2.5: {imge: a}}}
defaults: {transfer1: {seeed: 1, num_steps: x}}
allow_outside: true
"""
    (root / "cosmosctl.yaml").write_text(text)
    assert said(root) == [
        f"cosmosctl.yaml:{line}"
        for line in [
            "1:10: project must be a text, got 12345678; put it in quotes",
            "2:7: host 'labb' is not under hosts; did you mean lab?",
            "4:18: hosts.lab.address must be what ssh takes, like user@name: no spaces, no '-' in front, "
            "got '-oProxyCommand=x'",
            "4:44: hosts.lab.engine must be one of docker, podman, apptainer, singularity, bare, preview, "
            "got 'doker'; did you mean docker?",
            "4:56: hosts.lab.dir must be an absolute path on the host, one that starts with /, got 'data'",
            "4:68: hosts.lab.gpus must not be empty",
            "4:78: hosts.lab.env.1A: must be the name of an environment variable",
            "4:88: hosts.lab.env.B must be a text, got 1; put it in quotes",
            "4:108: hosts.lab.engine_command must be a list, got 'sudo'",
            f"5:3: hosts.a b: must be an id: {ID_RULE}",
            "6:3: hosts.local is the name of the built-in preview on this machine; call yours otherwise",
            "6:10: hosts.local must be a mapping (lines of `key: value`), got 3",
            "7:3: hosts.x.dir is missing: a folder on the host for batches",
            "7:38: unknown key 'gpu' in hosts.x; did you mean gpus?",
            "7:55: unknown key 'transfer2' in hosts.x.models; did you mean transfer2.5?",
            "7:84: unknown key 'imge' in hosts.x.models.transfer2.5; did you mean image?",
            "8:24: unknown key 'seeed' in defaults.transfer1; did you mean seed?",
            "8:45: defaults.transfer1.num_steps must be a whole number, got 'x'",
            "9:1: unknown key 'allow_outside'; did you mean allow_outside_inputs?",
        ]
    ]
    snapshot = load_all(root)
    assert snapshot.config.host == "local"
    assert list(snapshot.runs) == ["rs_a"]
    assert snapshot.problems_of(["rs_a"]) == snapshot.problems


def test_all_mistakes_of_all_files_are_told_at_once(root: Path) -> None:
    (root / "cosmosctl.yaml").write_text("project: p1\nmodle: transfer1\n")
    (root / "prompts/ps_b.yaml").write_text("text: a\n")
    (root / "runs/rs_a/run.yaml").write_text("prompt: ps_a\n")
    (root / "runs/rs_b").mkdir()
    (root / "runs/rs_b/run.yaml").write_text("prompt: ps_c\ncontrols: {vis: 2}\n")
    assert said(root) == [
        "cosmosctl.yaml:2:1: unknown key 'modle'; did you mean model?",
        "prompts/ps_b.yaml:1:1: video is missing",
        "runs/rs_a/run.yaml:1:1: controls is missing",
        "runs/rs_b/run.yaml:1:9: there is no prompt 'ps_c'; did you mean ps_b?",
        "runs/rs_b/run.yaml:2:17: controls.vis must be between 0 and 1, got 2",
    ]
    assert said(root) == said(root)


def test_reading_one_file_raises_with_all_its_mistakes(root: Path) -> None:
    (root / "runs/rs_a/run.yaml").write_text("prompt: 5\ncontrol: 1\n")
    with pytest.raises(
        FilesError, match=r"(?s)^runs/rs_a/run.yaml:1:1: controls is missing\n.*:1:9:.*\n.*:2:1: "
    ) as caught:
        load_run(root, "rs_a")
    assert len(caught.value.messages) == 3
    with pytest.raises(FilesError, match=r"^prompts/none.yaml: cannot be read: it does not exist$"):
        load_prompt(root, "none")
    (root / "cosmosctl.yaml").write_text("")
    with pytest.raises(
        FilesError, match=r"^cosmosctl.yaml:1:1: the file is empty; it should hold lines like `project: …`$"
    ):
        load_config(root)


# Names, folders, links


def test_names_that_are_no_ids_are_problems_of_their_own(root: Path) -> None:
    (root / "prompts/-x.yaml").write_text(GOOD_PROMPT)
    (root / "prompts/ps_b.yml").write_text(GOOD_PROMPT)
    for name in ("-rf", "a b", "x" * 65, "ü"):
        (root / "runs" / name).mkdir()
        (root / "runs" / name / "run.yaml").write_text(GOOD_RUN)
    rule = f"is no id: {ID_RULE}"
    assert said(root) == [
        f"prompts/-x.yaml: '-x' {rule}",
        "prompts/ps_b.yml: a prompt file ends in .yaml",
        f"runs/-rf: '-rf' {rule}",
        f"runs/a b: 'a b' {rule}",
        f"runs/{'x' * 65}: '{'x' * 65}' {rule}",
        f"runs/ü: 'ü' {rule}",
    ]
    assert list(load_all(root).runs) == ["rs_a"]


@pytest.mark.parametrize("name", ["../x", "-x", "", "a/b", "x" * 65, "a b", ".hidden", "a\n"])
def test_a_name_that_is_no_id_makes_no_file(root: Path, name: str) -> None:
    before = sorted(root.rglob("*"))
    if name:
        with pytest.raises(UsageError, match=r"id .* may hold letters, digits"):
            create_prompt(root, "text", "inputs/videos/city", name=name)
        with pytest.raises(UsageError, match=r"id .* may hold letters, digits"):
            create_run(root, "ps_a", [Control("vis", 1.0)], name=name)
    assert sorted(root.rglob("*")) == before


def test_a_run_folder_without_run_yaml_is_left_over_and_a_stray_file_is_nothing(root: Path) -> None:
    (root / "runs/rs_b/outputs").mkdir(parents=True)
    (root / "runs/rs_d").mkdir()
    (root / "runs/rs_e").mkdir()
    (root / "runs/rs_e/run.yaml.bak").write_text(GOOD_RUN)
    (root / "runs/README.md").write_text("hello")
    (root / "runs/.DS_Store").write_text("x")
    (root / "runs/rs_c.yaml").write_text(GOOD_RUN)
    assert said(root) == ["runs/rs_c.yaml: a run is a folder: runs/rs_c/run.yaml"]
    snapshot = load_all(root)
    assert snapshot.run_ids == ("rs_a",)
    assert snapshot.leftovers == ("rs_b", "rs_d", "rs_e")


@pytest.mark.parametrize("name", ["run.yml", "Run.yaml", "run.yaml.txt"])
def test_a_run_file_under_another_name_is_a_mistake_with_the_command_that_mends_it(root: Path, name: str) -> None:
    (root / "runs/rs_b/outputs").mkdir(parents=True)
    (root / "runs/rs_b" / name).write_text(GOOD_RUN)
    assert said(root) == [f"runs/rs_b: has no run.yaml, but {name}"]
    snapshot = load_all(root)
    assert snapshot.problems[0].hint == f"mv runs/rs_b/{name} runs/rs_b/run.yaml"
    assert snapshot.run_ids == ("rs_a", "rs_b")
    assert snapshot.problems_of(["rs_a"]) == ()


def test_links_in_the_place_of_the_projects_own_files_are_refused(root: Path, tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside")
    (root / "runs/rs_b").symlink_to(outside / "runs/rs_a")
    (root / "runs/rs_c").mkdir()
    (root / "runs/rs_c/run.yaml").symlink_to(outside / "runs/rs_a/run.yaml")
    (root / "prompts/ps_b.yaml").symlink_to(outside / "prompts/ps_a.yaml")
    assert said(root) == [
        "prompts/ps_b.yaml: 'ps_b' is a symbolic link; the project's own files have to be files",
        "runs/rs_b: is a symbolic link; the project's own folders have to be folders",
        "runs/rs_c/run.yaml: this is a symbolic link; the project's own files have to be files",
    ]
    assert list(load_all(root).runs) == ["rs_a"]
    (root / "runs").rename(root / "old")
    (root / "runs").symlink_to(outside / "runs")
    assert "runs: is a symbolic link; it has to be a folder" in said(root)


def test_a_pipe_in_the_place_of_a_run_file_does_not_block(root: Path) -> None:
    (root / "runs/rs_a/run.yaml").unlink()
    os.mkfifo(root / "runs/rs_a/run.yaml")
    assert said(root) == ["runs/rs_a/run.yaml: this is no ordinary file"]


ALLOW = (
    "copy it into inputs/, or set allow_outside_inputs: true in cosmosctl.yaml and type "
    "cosmosctl host allow --outside-inputs"
)


def test_inputs_leave_the_project_only_when_it_says_so(root: Path, tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside") / "inputs/videos/city"
    (root / "inputs/link").symlink_to(outside)
    (root / "inputs/videos/city/edge.mp4").symlink_to(outside / "depth.mp4")
    for number, video in enumerate(["../outside/inputs/videos/city", str(outside), "inputs/link", "inputs/../../x"]):
        (root / f"prompts/ps_{number}.yaml").write_text(f"text: a\nvideo: {video}\n")
    (root / "runs/rs_a/run.yaml").write_text(
        "prompt: ps_a\ncontrols:\n  vis: {weight: 1, input: ../outside/inputs/videos/city/color.mp4}\n"
        "  depth: {weight: 1, input: inputs/link/depth.mp4}\n  seg: {weight: 1, input: /etc/passwd}\n"
    )
    snapshot = load_all(root)
    leaves = f"leaves the project by a symbolic link, which cosmosctl host allow --folder {outside} allows"
    assert [str(problem) for problem in snapshot.problems] == [
        "prompts/ps_0.yaml:2:8: video: '../outside/inputs/videos/city' leaves the project",
        f"prompts/ps_1.yaml:2:8: video: '{outside}' is an absolute path; paths are relative to the project",
        f"prompts/ps_2.yaml:2:8: video: 'inputs/link' {leaves}",
        "prompts/ps_3.yaml:2:8: video: 'inputs/../../x' leaves the project",
        f"prompts/ps_a.yaml:2:8: video: 'inputs/videos/city/edge.mp4' {leaves}",
        "runs/rs_a/run.yaml:3:27: controls.vis.input: '../outside/inputs/videos/city/color.mp4' leaves the project",
        f"runs/rs_a/run.yaml:4:29: controls.depth.input: 'inputs/link/depth.mp4' {leaves}",
        "runs/rs_a/run.yaml:5:27: controls.seg.input: '/etc/passwd' is an absolute path; "
        "paths are relative to the project",
    ]
    assert {problem.hint for problem in snapshot.problems} <= {ALLOW, ""}
    (root / "cosmosctl.yaml").write_text("project: p1\nallow_outside_inputs: true\n")
    assert said(root) == ["prompts/ps_3.yaml:2:8: video: there is no folder '../x'"]
    assert load_all(root).prompts["ps_0"].videos["color"] == "../outside/inputs/videos/city/color.mp4"


# Disks that do not let us


def test_writing_where_something_is_already_changes_nothing(root: Path) -> None:
    with pytest.raises(FileError, match=r"prompts/ps_a.yaml: cannot create: it exists already$"):
        create_prompt(root, "text", "inputs/videos/city", name="ps_a")
    with pytest.raises(FileError, match=r"runs/rs_a: cannot create: it exists already$"):
        create_run(root, "ps_a", [Control("vis", 1.0)], name="rs_a")
    assert (root / "prompts/ps_a.yaml").read_text() == GOOD_PROMPT
    assert (root / "runs/rs_a/run.yaml").read_text() == GOOD_RUN


def mounted(folder: Path, *options: str) -> None:
    folder.mkdir(exist_ok=True)
    command = ("mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder))
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A project on a disk of its own with room for a few files."""
    folder = tmp_path / "disk"
    mounted(folder, "size=256k")
    try:
        yield fill(folder / "project")
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True, timeout=PATIENCE_S)


def test_a_full_disk_is_told_and_leaves_no_halves(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)
    before = sorted(disk.rglob("*"))
    with pytest.raises(
        FileError, match=r"/prompts/ps_new.yaml: cannot create: there is no space left on the disk$"
    ) as caught:
        create_prompt(disk, "x" * 8192, "inputs/videos/city", name="ps_new")
    assert caught.value.hint == f"df -h {disk}/prompts"
    with pytest.raises(FileError, match=r"there is no space left on the disk$"):
        create_run(disk, "ps_a", [Control("vis", 1.0)], name="rs_new", notes="x" * 8192)
    assert said(disk) == []
    assert len(hash_file(disk, disk / "inputs/videos/city/color.mp4")) == 64
    assert [path for path in sorted(disk.rglob("*")) if ".cosmosctl" not in path.parts] == before


def test_a_read_only_project_can_be_read_and_says_why_it_cannot_be_written(disk: Path) -> None:
    subprocess.run(("mount", "-o", "remount,ro", str(disk.parent)), check=True, timeout=PATIENCE_S)
    assert said(disk) == []
    assert list(load_all(disk).runs) == ["rs_a"]
    assert len(hash_file(disk, disk / "inputs/videos/city/color.mp4")) == 64
    with pytest.raises(FileError, match=r"/prompts/ps_new.yaml: cannot create: the file system is read-only$"):
        create_prompt(disk, "text", "inputs/videos/city", name="ps_new")
    with pytest.raises(FileError, match=r"/runs/rs_new: cannot create: the file system is read-only$"):
        create_run(disk, "ps_a", [Control("vis", 1.0)], name="rs_new")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_problem(root: Path) -> None:
    (root / "runs/rs_a/run.yaml").chmod(0)
    assert said(root) == ["runs/rs_a/run.yaml: cannot be read: permission denied"]

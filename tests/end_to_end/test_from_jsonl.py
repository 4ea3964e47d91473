"""`batch --from-jsonl`: everything is told with its line before a file is written; how people write such files."""

import json
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.commands.select import names_for
from cosmosctl.commands.start.from_jsonl import drafts_from_jsonl, roots_of
from cosmosctl.commands.start.json_lines import entries_of
from cosmosctl.domain.project import Drafts
from cosmosctl.errors import FileError, FilesError, UsageError
from cosmosctl.store import load_all, load_prompt, load_run
from cosmosctl.store.drafts import write_drafts
from tests import clips
from tests.support.tree import Tree

COLOR, DEPTH = "inputs/videos/city/color.mp4", "inputs/videos/city/depth.mp4"


def line(prompt: str = "a look", video: str = COLOR, **controls: dict[str, Any]) -> dict[str, Any]:
    return {
        "visual_input": video,
        "prompt": prompt,
        "control_overrides": controls or {"edge": {"control_weight": 0.4}},
    }


def written(tree: Tree, *lines: object) -> Path:
    """hand.jsonl with these lines, objects as JSON and text as it is."""
    file = tree.root.parent / "hand.jsonl"
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    file.write_text(text + "\n", encoding="utf-8")
    return file


def drafts(tree: Tree, file: Path, *roots: str, model: str | None = None) -> Drafts:
    snapshot = load_all(tree.root)
    return drafts_from_jsonl(snapshot, file, names_for(snapshot), roots=roots_of(tree.root, roots), model=model)


def mistakes(tree: Tree, *lines: object, model: str | None = None) -> list[str]:
    """What is told of these lines, without the file's path; nothing may have been written."""
    file, before = written(tree, *lines), tree.files()
    with pytest.raises(FilesError) as caught:
        drafts(tree, file, model=model)
    assert tree.files() == before
    return [message.removeprefix(f"{file}:") for message in caught.value.messages]


def test_a_dry_run_shows_the_lines_and_changes_no_byte(tree: Tree) -> None:
    file = written(tree, line("one"), line("two"), line("one", depth={"control_weight": 0.2, "input_control": DEPTH}))
    before = tree.files()
    for _ in range(2):
        done = tree.cli("batch", "--dry-run", "--from-jsonl", str(file))
        assert [json.loads(row)["prompt"] for row in done.lines if row.startswith("{")] == ["one", "two", "one"]
        assert f"rs_new3 stands for a new run of {file}:3" in done.err
        assert tree.files() == before


def test_all_mistakes_are_told_at_once_with_their_lines_and_nothing_is_written(tree: Tree, tmp_path: Path) -> None:
    clips.color(tmp_path / "outside.mp4")
    clips.variable_frame_rate(tree.root / "inputs/uneven.mp4")
    lines = (
        line(),
        "not json",
        line(video=str(tmp_path / "outside.mp4")),
        line(video="../outside.mp4"),
        line(vis={"control_weight": 0.4, "input_control_prompt": "cars"}),
        line(seg={"control_weight": 0.4, "input_control_prompt": ["cars"]}),
        line("half \ud83d pair"),
        line(edge={}),
        '{"prompt": "x", ' + json.dumps(line())[1:],
        line(video="inputs/uneven.mp4"),
        line(video="rain on a road, " * 30),
        line(video="a\0b"),
        line(video="inputs/videos/city"),
        line(edge={"control_weight": float("nan")}),
        "[" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
        line(seg={"control_weight": 0.4, "input_control": DEPTH, "input_control_prompt": "cars"}),
        {"prompt": 3, "visual_input": 4, "control_overrides": []},
        "7",
    )
    told = mistakes(tree, *lines)
    wanted = (
        (2, "is not JSON: Expecting value (column 1): 'not json'"),
        (3, f"visual_input: {tmp_path}/outside.mp4 lies outside of the project (copy it into inputs/"),
        (4, "visual_input: ../outside.mp4 lies outside of the project (copy it into inputs/"),
        (5, "vis.input_control_prompt has no meaning: only seg"),
        (6, "seg.input_control_prompt must be text"),
        (7, "prompt is not Unicode: it holds half of a surrogate pair"),
        (8, "edge.control_weight is missing"),
        (9, "the key 'prompt' is there twice"),
        (10, "inputs/uneven.mp4 has a variable frame rate"),
        (11, "visual_input: 'rain on a road, rain"),
        (12, "visual_input: a path cannot hold the character U+0000"),
        (13, "visual_input: inputs/videos/city is a folder, not a video"),
        (14, "edge.control_weight must be a number, got nan"),
        (15, "is not JSON: is nested too deep"),
        (16, "is not JSON: a number has too many digits"),
        (17, "seg.input_control_prompt has no meaning beside input_control"),
        (18, "control_overrides must be an object with at least one control"),
        (18, "prompt must be text and not empty"),
        (18, "visual_input must be the path of a video, got a number"),
        (19, "must be an object, got a number"),
    )
    assert [message.partition(":")[0] for message in told] == [str(number) for number, _ in wanted]
    missing = [one for one, got in zip(wanted, told, strict=True) if not got.startswith(f"{one[0]}: {one[1]}")]
    assert missing == []


def test_what_the_model_refuses_is_told_with_the_line(tree: Tree) -> None:
    tree.config("project: 5f3a91c2\ndefaults: {transfer2.5: {max_frames: 1}}\n")
    found = mistakes(tree, line(), line("two"), model="transfer2.5")
    words = (
        "cosmosctl.yaml: defaults.transfer2.5.max_frames makes a single frame, for which transfer2.5 writes a picture"
    )
    assert [message.partition(" and no video")[0] for message in found] == [f"{number}: {words}" for number in (1, 2)]
    told = mistakes(tree, line(), line(depth={"control_weight": 1}), model="cosmos3")
    assert [message.partition(" ")[0] for message in told] == ["2:"]
    assert "controls.depth" in told[0]


def test_a_mistake_of_the_project_is_told_too(tree: Tree) -> None:
    file = written(tree, line())
    tree.config("project: 5f3a91c2\nmodle: x\n")
    assert "cosmosctl.yaml:2:1: unknown key 'modle'" in tree.cli("batch", "--from-jsonl", str(file), expect=3).err
    assert not tree.paths.runs.exists()


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        (f"{json.dumps(line('a'))}\n{json.dumps(line('b'))}\n\n \r\n", [1, 2]),
        (f"\ufeff{json.dumps(line('a'))}\r\n\r\n{json.dumps(line('b'))}", [1, 3]),
        (json.dumps([line("a"), line("b")]), [1, 1]),
        (json.dumps([line("a"), line("b")], indent=2), [2, 11]),
        (json.dumps(line("a"), indent=2) + "\n" + json.dumps(line("b"), indent=2), [1, 10]),
        (json.dumps(line("a"), indent=2), [1]),
    ],
    ids=("blank last lines", "bom, crlf, blank between", "array", "array over lines", "objects over lines", "object"),
)
def test_files_are_read_as_people_write_them(tree: Tree, tmp_path: Path, text: str, starts: list[int]) -> None:
    file = tmp_path / "hand.jsonl"
    file.write_bytes(text.encode())
    made = drafts(tree, file)
    assert [prompt.text for prompt in made.prompts] == ["a", "b"][: len(starts)]
    assert [run.places[""].line for run in made.runs] == starts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n  "prompt": "a",\n  "visual_input" "b"\n}\n', [(3, "; no line holds an object by itself; `jq -c .`")]),
        ('[\n{\n"a": 1\n}\n{\n"a": 2\n}\n]\n', [(5, "; no line holds an object by itself")]),
        ('{"a": 1}\n{"a": \n{"a": 3}\n', [(2, "is not JSON")]),
        ('{"a": 1', [(1, "is not JSON")]),
        ("[\n{}\n", [(1, "is not JSON")]),
    ],
)
def test_what_cannot_be_read_is_told_at_its_line(text: str, told: list[tuple[int, str]]) -> None:
    found = entries_of(text).mistakes
    assert [line for line, _ in found] == [line for line, _ in told]
    assert [words for (_, words), (_, wanted) in zip(found, told, strict=True) if wanted not in words] == []


def test_an_empty_file_and_one_that_is_no_text_are_told(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n\n")
    with pytest.raises(FilesError, match="empty: holds no line"):
        drafts(tree, tmp_path / "empty")
    (tmp_path / "latin").write_bytes(b'{"a": 1}\n\xe4')
    with pytest.raises(FileError, match="latin:2: is not UTF-8"):
        drafts(tree, tmp_path / "latin")
    with pytest.raises(UsageError, match="--from-jsonl: there is no file"):
        drafts(tree, tmp_path / "nowhere")
    with pytest.raises(FileError, match="cannot be read: it is a folder"):
        drafts(tree, tmp_path)


def test_root_maps_the_paths_of_another_machine(tree: Tree) -> None:
    file = written(
        tree,
        line("a", f"/workspace/{COLOR}", depth={"control_weight": 1, "input_control": "/data/x/city/depth.mp4"}),
        line("b", str(tree.root / COLOR)),
        line("c", f"/workspace/./inputs/../{COLOR}"),
    )
    made = drafts(tree, file, "/workspace=.", "/data=..", "/data/x=inputs/videos")
    assert [prompt.videos for prompt in made.prompts] == [{"color": COLOR}] * 3
    assert made.runs[0].controls[0].input == DEPTH
    with pytest.raises(FilesError, match=r"--root /workspace=\. takes /workspace for this folder"):
        drafts(tree, file)
    (tree.root / "workspaces").mkdir()
    with pytest.raises(FilesError, match=r":1: visual_input: /workspace/.* lies outside"):
        drafts(tree, file, "/work=.", "/data=.")


@pytest.mark.parametrize("word", ["/workspace", "=.", "/=.", "/workspace=nowhere"])
def test_a_root_that_maps_nothing_is_a_usage_error(tree: Tree, word: str) -> None:
    with pytest.raises(UsageError, match="--root "):
        roots_of(tree.root, [word])


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("rs_a", "--from-jsonl", "FILE"), "--from-jsonl takes the runs of its lines and no other: leave out RUN"),
        (("--all", "--from-jsonl", "FILE"), "leave out RUN, --changed, --failed and --all"),
        (("rs_a", "--root", "/workspace=."), "--root maps the paths of --from-jsonl, which is not given"),
        (("--from-jsonl", "FILE", "--batch-name", "a/b"), "batch id 'a/b' may hold letters"),
        (("--from-jsonl", "FILE", "--batch-name", ""), "batch id '' may hold letters"),
        (("--from-jsonl", "FILE", "--host", "moon"), "there is no host 'moon'"),
        (("--from-jsonl", "FILE", "--export", "cosmosctl.yaml/x"), "--export: "),
        (("ps_a", "--export", "rain on a road, " * 30), "is too long for a path"),
        (("ps_a", "--batch-name", "x" * 65), "at most 64 of them"),
    ],
)
def test_options_that_do_not_fit_are_told_before_anything_is_written(
    tree: Tree, args: tuple[str, ...], told: str
) -> None:
    tree.run("rs_a")
    file, before = written(tree, line()), tree.files()
    assert told in tree.cli("batch", *(str(file) if arg == "FILE" else arg for arg in args), expect=2).err
    assert tree.files() == before


def test_a_prompt_of_its_own_is_reused_only_when_it_says_no_more_than_the_line(tree: Tree) -> None:
    scene = f"{{color: {COLOR}}}"
    tree.prompt("ps_same", "a look", scene)
    tree.prompt("ps_negative", "other", scene, more="negative_prompt: fog\n")
    made = drafts(tree, written(tree, line("a look"), line("other"), line("other")))
    assert [run.prompt for run in made.runs] == ["ps_same", made.prompts[0].id, made.prompts[0].id]


def test_when_one_file_cannot_be_written_those_before_it_are_removed_again(tree: Tree) -> None:
    made = drafts(tree, written(tree, line("a"), line("b")))
    tree.run(made.runs[1].id)
    before = tree.files()
    with pytest.raises(FileError, match=f"runs/{made.runs[1].id}: cannot create: it exists already"):
        write_drafts(tree.root, made)
    assert tree.files() == before


def test_what_is_written_is_what_was_looked_at(tree: Tree) -> None:
    seg = {"control_weight": 0, "input_control": None, "input_control_prompt": "car. road"}
    made = drafts(tree, written(tree, line("zwei Häuser 🏠", edge={"control_weight": 1}, seg=seg)))
    write_drafts(tree.root, made)
    assert load_prompt(tree.root, made.prompts[0].id) == made.prompts[0]
    assert load_run(tree.root, made.runs[0].id) == made.runs[0]


@pytest.mark.parametrize("verb", ["batch", "inference"])
def test_a_prompt_that_cannot_be_run_gets_no_run(tree: Tree, verb: str) -> None:
    clips.variable_frame_rate(tree.root / "inputs/uneven.mp4")
    tree.prompt("ps_b", scene="{color: inputs/uneven.mp4}")
    before = tree.files()
    done = tree.cli(verb, "ps_b", expect=3)
    assert "variable frame rate" in done.err
    assert done.out == ""
    assert tree.files() == before


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("rs_a", "rs_zz"), 2, "there is no run 'rs_zz'"),
        (("rs_a", "--host", "moon"), 2, "there is no host 'moon'"),
        (("rs_a", "--weight", "2"), 2, "--weight must be above 0"),
        (("rs_a", "--prompt", " "), 2, "--prompt is empty"),
        (("rs_a", "--prompt", "sharp", "--video", "rain on a road, " * 30), 2, "there is no video rain on a road"),
        (("rs_a", "--video", "../outside.mp4"), 2, "lies outside of the project|is an absolute path"),
        (("--video", "inputs/text.mp4"), 3, "inputs/text.mp4: is not readable|inputs/text.mp4"),
        ((), 2, "name a run, or a video with --video"),
    ],
)
def test_upscale_writes_nothing_before_all_is_looked_at(
    tree: Tree, tmp_path: Path, args: tuple[str, ...], code: int, told: str
) -> None:
    tree.run("rs_a")
    clips.color(tmp_path / "outside.mp4")
    clips.text_file(tree.root / "inputs/text.mp4")
    before = tree.files()
    done = tree.cli("upscale", *args, expect=code)
    assert any(words in done.err for words in told.split("|")), done.err
    assert tree.files() == before

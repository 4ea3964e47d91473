"""The command line: ids alone on stdout, JSON for programs, exit codes, messages that end in the next command."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cosmosctl.cli.main import VERBS, cosmosctl
from cosmosctl.cli.setting_options import SettingOption
from cosmosctl.cli.start.create import create
from cosmosctl.models import REGISTRY
from cosmosctl.state.states import STATES
from tests.support.tree import TIMEOUT_S, Tree
from tests.support.waiting import wait_for_line


@pytest.mark.parametrize(
    "verb", [*VERBS, "create prompt", "create run", "list prompts", "list runs", "list sweeps", "list batches"]
)
def test_every_verb_explains_itself_in_a_sentence(bare_tree: Tree, verb: str) -> None:
    text = bare_tree.cli(*verb.split(), "--help").out
    sentence = " ".join(text.split("\n\n")[1].split())
    assert re.fullmatch(r"[A-Z][a-z]+ .*[.]", sentence), sentence


def test_help_of_every_verb_is_whole_and_names_what_may_be_given() -> None:
    texts = {path: _help(command, path) for path, command in _commands(cosmosctl, ())}
    assert [path for path, text in texts.items() if "..." in re.sub(r"\]\.\.\.|[A-Z]\.\.\.", "", text)] == []
    types = re.compile(r"--[a-z-]+ (PATH|FLOAT|FILENAME)\b")
    assert [(path, found[0]) for path, text in texts.items() if (found := types.search(text))] == []
    families = " or ".join(", ".join(REGISTRY).rsplit(", ", 1))
    assert [path for path, text in texts.items() if "--model" in text and families not in text] == []
    assert [state for state in STATES if state not in texts["list", "runs"].split("--status")[1].split("--")[0]] == []


def test_help_tells_the_default_of_every_setting() -> None:
    command = create.commands["run"]
    context = click.Context(command)
    records = [one.get_help_record(context) for one in command.params if isinstance(one, SettingOption)]
    told = {record[0].split()[0]: record[1] for record in records if record}
    assert [name for name, text in told.items() if "Default: " not in text] == []
    assert told["--seed"].endswith(
        "Default: 1 (transfer1), 2025 (transfer2.5, transfer2.5-diffusers), 0 (cosmos3, cosmos3-diffusers)."
    )
    assert told["--distilled"].endswith("Default: no.")


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below, and the groups on the way, by the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


def _help(command: click.Command, path: tuple[str, ...]) -> str:
    context = click.Context(command, info_name=" ".join(path), max_content_width=80, terminal_width=80)
    return " ".join(command.get_help(context).split())


def test_help_lists_the_verbs_in_five_sections_and_the_rare_ones_where_all_are_asked_for(bare_tree: Tree) -> None:
    often, everything = bare_tree.cli("--help").out, bare_tree.cli("help", "--all").out
    sections = ["Start:", "Run:", "Look:", "Choose:", "Machines:"]
    for text in (often, everything):
        assert [line for line in text.splitlines() if line in sections] == sections
    rare = {name for name, verb in VERBS.items() if verb.is_rare}
    assert rare
    assert {name for name in VERBS if f"\n  {name} " not in f"\n{everything}"} == set()
    assert {name for name in VERBS if f"\n  {name} " not in often} == rare


def test_help_of_a_verb_is_that_of_its_own_option(bare_tree: Tree) -> None:
    assert bare_tree.cli("help", "batch").out == bare_tree.cli("batch", "--help").out
    assert bare_tree.cli("help").out == bare_tree.cli("--help").out
    assert "Did you mean 'batch'?" in bare_tree.cli("help", "bacth", expect=2).err


def test_the_earlier_name_of_history_goes_on_working(tree: Tree) -> None:
    assert tree.cli("log").err == tree.cli("history").err == "nothing ran yet\n"


def test_help_tells_the_exit_codes(bare_tree: Tree) -> None:
    printed = " ".join(bare_tree.cli("--help").out.split())
    assert "0 all well; 1 some runs have no result; 2 usage; 3 the user's files; 4 host" in printed
    assert "70 a bug of ours; 130 interrupted" in printed


def test_create_prints_the_id_alone(tree: Tree) -> None:
    prompt = tree.cli("create", "prompt", "a street", "inputs/videos/city").out
    assert re.fullmatch(r"ps_[a-z0-9]{6}\n", prompt)
    run = tree.cli("create", "run", prompt.strip(), "--weights", "0.3", "0.4", "0.2", "0.1").out
    assert re.fullmatch(r"rs_[a-z0-9]{6}\n", run)
    weights = json.loads(tree.cli("list", "runs", "--json").out)[0]["weights"]
    assert weights == {"vis": 0.3, "edge": 0.4, "depth": 0.2, "seg": 0.1}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("create", "run", "ps_a", "--weights", "0", "0", "0", "0"), "all weights are zero"),
        (("create", "run", "ps_a", "--weights", "1.4", "0", "0", "0"), "the weight of vis must be between 0 and 1"),
        (("create", "run", "ps_a", "--weights", "nan", "0", "0", "1"), "the weight of vis must be between 0 and 1"),
        (("create", "run", "ps_zz"), "there is no prompt 'ps_zz'"),
        (("create", "run", "ps_a", "--id", "../x"), "run id '../x' may hold letters, digits"),
        (("create", "run", "ps_a", "--id=-x"), "run id '-x' may hold letters, digits"),
        (("create", "run", "ps_a", "--seed", "-1"), "--seed must be between 0 and"),
        (("create", "prompt", "  ", "inputs/videos/city"), "the prompt's text is empty"),
        (("create", "prompt", "x", "inputs/videos/nowhere"), "there is no folder inputs/videos/nowhere"),
        (("show", "rs_zz"), "there is no prompt, run or batch 'rs_zz'"),
        (("batch", "rs_zz"), "there is no run or prompt 'rs_zz'"),
        (("batch", "--host", "moon"), "there is no host 'moon'; known: local"),
        (("list", "runs", "--status", "fine"), "there is no state 'fine'; known: running"),
        (("batc",), "Did you mean 'batch'?"),
    ],
)
def test_wrong_words_end_with_code_2_and_change_nothing(tree: Tree, args: tuple[str, ...], message: str) -> None:
    before = _files(tree.root)
    done = tree.cli(*args, expect=2)
    assert message in done.err
    assert done.out == ""
    assert _files(tree.root) == before


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    done = Tree(tmp_path, tmp_path / "home").cli("status", expect=3)
    assert "cosmosctl init" in done.err


def test_mistakes_of_all_files_are_told_at_once_before_anything_is_written(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: 1.4}")
    tree.run("rs_two", controls="{egde: 0.4}")
    tree.run("rs_three", more="sede: 4\n")
    done = tree.cli("batch", expect=3)
    lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert lines[0] == "error: runs/rs_one/run.yaml:2:18: controls.edge must be between 0 and 1, got 1.4"
    assert "runs/rs_three/run.yaml:3" in lines[1]
    assert "seed" in lines[1]
    assert "runs/rs_two/run.yaml:2" in lines[2]
    assert "edge" in lines[2]
    assert not tree.paths.batches.exists()


def test_list_runs_shows_the_four_weights_and_filters_by_state(quick_tree: Tree) -> None:
    quick_tree.run("rs_one", controls="{vis: 0.3, edge: 0.4, seg: 0}")
    quick_tree.cli("batch")
    quick_tree.run("rs_two")
    header, *rows = quick_tree.cli("list", "runs").lines
    assert header.split()[:6] == ["id", "status", "vis", "edge", "depth", "seg"]
    assert rows[0].split()[:6] == ["rs_one", "done", "0.3", "0.4", "-", "0"]
    completed = json.loads(quick_tree.cli("list", "runs", "--status", "completed", "--json").out)
    assert [row["id"] for row in completed] == ["rs_one"]
    assert {"id", "prompt_id", "status", "weights", "batch"} <= set(completed[0])
    assert (quick_tree.root / completed[0]["output"]).is_file()


def test_list_prompts_limits_to_the_newest(tree: Tree) -> None:
    for number in range(3):
        tree.prompt(f"ps_{number}", f"prompt {number}")
        os.utime(tree.paths.prompt(f"ps_{number}"), (number + 1e9, number + 1e9))
    os.utime(tree.paths.prompt("ps_a"), (0, 0))
    rows = json.loads(tree.cli("list", "prompts", "--limit", "2", "--json").out)
    assert [row["id"] for row in rows] == ["ps_1", "ps_2"]


def test_status_groups_runs_with_the_command_to_type_next(quick_tree: Tree) -> None:
    quick_tree.prompt("ps_bad", "a forbidden thing")
    quick_tree.run("rs_bad", "ps_bad")
    quick_tree.run("rs_done")
    quick_tree.run("rs_edited")
    quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_FAULTS": "block:forbidden"}, expect=1)
    quick_tree.run("rs_edited", more="seed: 9\n")
    quick_tree.run("rs_new")
    text = quick_tree.cli("status").out
    sections = {part.splitlines()[0]: part for part in text.split("\n\n")}
    assert 'use "cosmosctl batch"' in sections["Pending:"]
    assert "rs_new" in sections["Pending:"]
    assert "seed" in sections["Changed since their result:"]
    assert "blocked" in sections["Failed:"]
    assert 'use "cosmosctl retry"' in sections["Failed:"]
    assert "rs_done" in sections["Done:"]
    assert "city: a street" in sections["Done:"]


def test_a_dry_run_shows_groups_lines_command_bytes_and_runs_nothing(quick_tree: Tree) -> None:
    quick_tree.run("rs_one", controls="{edge: 0.5}")
    quick_tree.run("rs_two", controls="{edge: 0.5}", more="seed: 2\n")
    out = quick_tree.cli("batch", "--dry-run").out
    assert "2 runs on transfer1, host local (CPU preview, no model runs): 2 model starts" in out
    assert "groups are apart because seed differs: 01-edge: 1, 02-edge: 2" in out
    assert [json.loads(line)["prompt"] for line in out.splitlines() if line.startswith("{")] == ["a street"] * 2
    assert "--controlnet_specs" in out
    assert re.search(r"to send: [\d,]+ bytes of [\d,]+ bytes of video", out)
    assert "time: unknown, nothing ran on local yet" in out
    assert not quick_tree.paths.batches.exists()
    quick_tree.cli("batch")
    again = quick_tree.cli("batch", "--all", "--dry-run").out
    assert "to send: 0 bytes" in again
    assert "from past results on local" in again


def test_a_dry_run_of_a_prompt_plans_the_run_it_would_make_and_writes_none(quick_tree: Tree) -> None:
    before = {file: file.read_bytes() for file in _users_files(quick_tree)}
    for command in (("batch", "--dry-run", "ps_a"), ("inference", "--dry-run", "ps_a")):
        done = quick_tree.cli(*command)
        assert "rs_new1 stands for a new run of ps_a" in done.err
        assert "1 run on transfer1" in done.out
        [line] = [json.loads(line) for line in done.lines if line.startswith("{")]
        weights = {name: control["control_weight"] for name, control in line["control_overrides"].items()}
        assert weights == {"vis": 0.25, "edge": 0.25, "depth": 0.25, "seg": 0.25}
    assert {file: file.read_bytes() for file in _users_files(quick_tree)} == before
    assert not quick_tree.paths.batches.exists()


def test_a_dry_run_of_inference_plans_upscaling_too_and_writes_nothing(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    before = {file: file.read_bytes() for file in _users_files(quick_tree)}
    done = quick_tree.cli("inference", "--dry-run", "rs_a", "ps_a", "--upscale-weight", "0.7")
    assert "rs_new2 stands for a new run that upscales rs_a" in done.err
    assert "rs_new3 stands for a new run that upscales rs_new1" in done.err
    assert "4 runs on transfer1" in done.out
    assert {file: file.read_bytes() for file in _users_files(quick_tree)} == before


def _users_files(tree: Tree) -> list[Path]:
    return sorted(path for path in (*tree.paths.prompts.rglob("*"), *tree.root.glob("runs/*/*")) if path.is_file())


def test_inference_makes_a_run_for_each_prompt_and_completes_both_in_one_batch(quick_tree: Tree) -> None:
    quick_tree.prompt("ps_b", "another street")
    done = quick_tree.cli("inference", "ps_a", "ps_b")
    runs = [line for line in done.lines if re.fullmatch(r"rs_[a-z0-9]{6}", line)]
    assert len(runs) == 2
    assert {quick_tree.states()[run] for run in runs} == {"done"}
    assert len(quick_tree.batches()) == 1
    assert all(quick_tree.run_paths(run).preview.execution_log.exists() for run in runs)


def test_show_tells_where_each_value_comes_from_and_what_is_reproducible(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: {weight: 0.4, preset: low}, depth: 0.2}", more="seed: 5\n")
    tree.run("rs_two", controls="{edge: 0.4}")
    shown = json.loads(tree.cli("show", "rs_one", "--json").out)
    assert (shown["settings"]["seed"], shown["sources"]["seed"], shown["sources"]["fps"]) == (5, "run", "model")
    assert shown["controls"]["edge"] == "0.4, computed here, preset low"
    assert shown["controls"]["depth"] == "0.2, inputs/videos/city/depth.mp4"
    assert shown["reproducible"].startswith("yes")
    assert json.loads(tree.cli("show", "rs_two", "--json").out)["reproducible"].startswith("no: transfer1 makes edge")


def test_controls_computes_presets_once_and_says_where_they_are(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: {weight: 0.4, preset: low}, vis: {weight: 0.2, preset: very_low}}")
    first = tree.cli("controls", "rs_one")
    rows = [line.split("\t") for line in first.lines]
    assert [row[:3] for row in rows] == [["rs_one", "vis", "very_low"], ["rs_one", "edge", "low"]]
    made = {row[3]: (tree.root / row[3]).stat().st_mtime_ns for row in rows}
    assert tree.cli("controls", "rs_one").out == first.out
    assert {path: (tree.root / path).stat().st_mtime_ns for path in made} == made


def test_a_folder_in_place_of_a_computed_control_is_a_mistake_and_no_bug(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: {weight: 0.4, preset: low}}")
    (made,) = (tree.root / line.split("\t")[3] for line in tree.cli("controls", "rs_one").lines)
    made.unlink()
    made.mkdir()
    assert f"{made}: cannot write: it is a folder" in tree.cli("controls", "rs_one", expect=3).err


HUGE = f"1{'0' * 400}"
"""No float can hold it."""


@pytest.mark.parametrize("line", [f"controls: {{edge: {HUGE}}}", f"seed: -{HUGE}", f"guidance: {HUGE}"])
def test_a_whole_number_beyond_all_others_is_a_mistake_like_any_other(quick_tree: Tree, line: str) -> None:
    quick_tree.run("rs_one")
    quick_tree.run_paths("rs_one").spec.write_text(f"prompt: ps_a\n{line}\n")
    for verb, code in ((("check",), 3), (("status",), 0), (("list", "runs"), 0), (("batch", "--dry-run"), 3)):
        quick_tree.cli(*verb, expect=code)


def test_a_whole_number_beyond_all_others_is_no_value_of_an_option_or_a_sweep(quick_tree: Tree) -> None:
    quick_tree.run("rs_one", controls="{edge: 0.5}")
    quick_tree.cli("create", "run", "ps_a", "--control", f"edge={HUGE}", expect=2)
    quick_tree.cli("create", "run", "ps_a", "--control", "edge=1", "--set", f"guidance={HUGE}", expect=2)
    quick_tree.cli("sweep", "rs_one", "--axis", f"edge={HUGE},1", expect=2)
    quick_tree.cli("list", "runs", "--rating", f"{HUGE}+", expect=2)


def test_prefixes_are_taken_when_they_are_unique(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    quick_tree.run("rs_only")
    quick_tree.run("rs")
    assert json.loads(quick_tree.cli("show", "rs_one", "--json").out)["run"] == "rs_one"
    assert json.loads(quick_tree.cli("show", "rs_onl", "--json").out)["run"] == "rs_only"
    assert json.loads(quick_tree.cli("show", "rs", "--json").out)["run"] == "rs"
    assert "is not unique: rs_one, rs_only" in quick_tree.cli("show", "rs_on", expect=2).err


def test_from_jsonl_makes_runs_and_splits_lines_with_other_controls(quick_tree: Tree) -> None:
    video, depth = "inputs/videos/city/color.mp4", "inputs/videos/city/depth.mp4"
    lines = [
        {"visual_input": video, "prompt": "one", "control_overrides": {"edge": {"control_weight": 0.4}}},
        {
            "visual_input": video,
            "prompt": "two",
            "control_overrides": {
                "edge": {"control_weight": 0.4},
                "depth": {"control_weight": 0.2, "input_control": depth},
            },
        },
        {"visual_input": video, "prompt": "three", "control_overrides": {"edge": {"control_weight": 0.1}}},
    ]
    file = quick_tree.root / "hand.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    done = quick_tree.cli("batch", "--from-jsonl", "hand.jsonl")
    runs = [line for line in done.lines if re.fullmatch(r"rs_[a-z0-9]{6}", line)]
    assert {quick_tree.states()[run] for run in runs} == {"done"}
    texts = [(quick_tree.run_paths(run).preview.outputs / "prompt.txt").read_text() for run in runs]
    assert texts == ["one", "two", "three"]
    groups = [path.parent.name for path in quick_tree.batches()[0].root.glob("*/batch.jsonl")]
    assert sorted(groups) == ["01-edge", "02-edge-depth"] or sorted(groups) == ["01-edge-depth", "02-edge"]


def test_from_jsonl_tells_every_mistake_with_its_line_and_makes_nothing(quick_tree: Tree) -> None:
    video = "inputs/videos/city/color.mp4"
    lines = [
        json.dumps({"visual_input": video, "prompt": "ok", "control_overrides": {"edge": {"control_weight": 3}}}),
        json.dumps({"visual_input": "no.mp4", "prompt": "", "control_overrides": {"egde": {}}}),
    ]
    (quick_tree.root / "hand.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    err = quick_tree.cli("batch", "--from-jsonl", "hand.jsonl", expect=3).err
    assert "hand.jsonl:1: edge.control_weight must be between 0 and 1, got 3" in err
    assert "hand.jsonl:2: prompt must be text and not empty" in err
    assert "hand.jsonl:2: visual_input: there is no file no.mp4" in err
    assert "hand.jsonl:2: unknown control 'egde'" in err
    (quick_tree.root / "hand.jsonl").write_text('{"a": 1}\nnot json\n', encoding="utf-8")
    assert "hand.jsonl:2: is not JSON" in quick_tree.cli("batch", "--from-jsonl", "hand.jsonl", expect=3).err
    assert quick_tree.states() == {}


def test_completion_prints_a_script_and_completes_ids(tree: Tree) -> None:
    tree.run("rs_one")
    assert "_COSMOSCTL_COMPLETE=bash_complete" in tree.cli("completion", "bash").out
    env = {"_COSMOSCTL_COMPLETE": "bash_complete", "COMP_WORDS": "cosmosctl show r", "COMP_CWORD": "2"}
    assert tree.cli(env=env).out.split() == ["plain,rs_one"]


def test_init_leaves_what_is_there_alone_and_makes_schemas(bare_tree: Tree) -> None:
    before = (bare_tree.root / "cosmosctl.yaml").read_bytes()
    bare_tree.cli("init", ".")
    assert (bare_tree.root / "cosmosctl.yaml").read_bytes() == before
    schemas = {path.name for path in (bare_tree.root / ".cosmosctl/schema").iterdir()}
    assert schemas == {"batch.json", "project.json", "prompt.json", "result.json", "run.json", "sweep.json"}
    beside = bare_tree.root.parent / "beside"
    bare_tree.cli("init", str(beside))
    text = (beside / "cosmosctl.yaml").read_text(encoding="utf-8")
    assert re.search(r'^project: "[0-9a-f]{8}"$', text, re.MULTILINE)
    assert text.startswith("# yaml-language-server: $schema=schemas/cosmosctl/project.json\n")


def test_progress_is_drawn_on_a_terminal_only(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    assert "\x1b" not in quick_tree.cli("batch").err
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, "-m", "cosmosctl", "batch", "--all"),
        cwd=quick_tree.root,
        env={**quick_tree.environment(), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=secondary,
    )
    os.close(secondary)
    drawn = _read_all(primary)
    out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert b"\x1b[" in drawn
    assert b"\x1b" not in out


def test_watch_starts_only_what_became_pending_by_its_own_save(quick_tree: Tree) -> None:
    quick_tree.run("rs_old", more="seed: 1\n")
    process = quick_tree.start("watch", "--batch")
    try:
        wait_for_line(process, "no mistakes")
        quick_tree.prompt("ps_a", more="tagz: [x]\n")
        wait_for_line(process, "prompts/ps_a.yaml: 1 mistake")
        quick_tree.run("rs_new", controls="{wieght: 7}")
        wait_for_line(process, "runs/rs_new")
        wait_for_line(process, "runs/rs_new/run.yaml:2:12: ")
        quick_tree.prompt("ps_a")
        wait_for_line(process, "prompts/ps_a.yaml: no mistakes, 1 mistake in other files (cosmosctl check)")
        quick_tree.run("rs_new")
        wait_for_line(process, "output.mp4")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, "Warning" in err) == (130, False)
    assert err.endswith("\nstopped watching the files\n  cosmosctl status tells where the runs stand\n")
    assert quick_tree.states() == {"rs_old": "pending", "rs_new": "done"}


def test_watch_goes_on_when_the_host_refuses_and_names_many_files_by_their_count(quick_tree: Tree) -> None:
    quick_tree.config(
        "project: 5f3a91c2\nmodel: transfer1\nhost: gone\nhosts:\n  gone: {engine: preview, dir: /dev/null/x}\n"
    )
    process = quick_tree.start("watch", "--batch")
    try:
        wait_for_line(process, "no mistakes")
        quick_tree.run("rs_new")
        wait_for_line(process, "error: host gone: ")
        wait_for_line(process, "rs_new: not run; cosmosctl batch takes them")
        quick_tree.config("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
        wait_for_line(process, "cosmosctl.yaml: no mistakes")
        os.kill(process.pid, signal.SIGSTOP)  # it hears of all the saves at once, however long they take
        for number in range(5):
            quick_tree.prompt(f"ps_{number}")
        os.kill(process.pid, signal.SIGCONT)
        wait_for_line(process, "5 files in prompts: no mistakes")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130


def test_watch_of_a_host_that_is_not_there_ends_at_once(tree: Tree) -> None:
    assert "there is no host 'moon'" in tree.cli("watch", "--host", "moon", expect=2).err


def test_watch_checks_on_each_save_and_runs_what_became_pending(quick_tree: Tree) -> None:
    process = quick_tree.start("watch", "--batch")
    try:
        wait_for_line(process, "runs and")
        quick_tree.run("rs_bad", controls="{edge: 7}")
        wait_for_line(process, "runs/rs_bad/run.yaml:2:18: controls.edge must be between 0 and 1, got 7")
        quick_tree.run("rs_bad", controls="{edge: 0.7}")
        wait_for_line(process, "output.mp4")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)
    assert quick_tree.states() == {"rs_bad": "done"}


def _read_all(descriptor: int) -> bytes:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts)


def _files(root: Path) -> dict[str, int]:
    return {
        path.relative_to(root).as_posix(): path.stat().st_size
        for path in root.rglob("*")
        if path.is_file() and ".cosmosctl" not in path.parts
    }

"""The Python front door and the Invoke tasks: the same steps as the command line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cosmosctl
from cosmosctl.errors import UsageError
from tests.support.tree import TIMEOUT_S, Tree


@pytest.fixture
def at_home(quick_tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """The quick project, with this very process in its environment."""
    for name, value in quick_tree.environment().items():
        monkeypatch.setenv(name, value)
    return quick_tree


def test_a_batch_of_runs_gives_its_duration_and_where_each_output_is(at_home: Tree) -> None:
    at_home.run("rs_one")
    at_home.run("rs_two")
    project = cosmosctl.Project(at_home.root)
    result = project.batch(["rs_one", "rs_two"], name="from_python").wait()
    assert result.ok
    times = [event["t"] for event in at_home.events()]
    assert result.duration_s == pytest.approx(times[-1] - times[0], abs=0.01)
    assert len(str(result.duration_s).partition(".")[2]) <= 3, "printed to the millisecond"
    assert result.output_mapping == {
        run: at_home.run_paths(run).preview.outputs / "output.mp4" for run in ("rs_one", "rs_two")
    }
    assert result.batch.startswith("from_python_")


def test_a_blocked_run_maps_to_its_reason(at_home: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOSCTL_PREVIEW_FAULTS", "block:forbidden")
    at_home.prompt("ps_bad", "a forbidden thing")
    at_home.run("rs_bad", "ps_bad")
    at_home.run("rs_good")
    result = cosmosctl.Project(at_home.root).batch().wait()
    assert not result.ok
    assert result.output_mapping["rs_bad"] == "blocked"
    assert isinstance(result.output_mapping["rs_good"], Path)


def test_a_run_that_waits_for_a_result_of_another_model_is_batched_once_it_is_there(at_home: Tree) -> None:
    at_home.run("rs_one", more="model: cosmos3\n")
    at_home.paths.run("rs_large").root.mkdir()
    at_home.paths.run("rs_large").spec.write_text(
        "prompt: ps_a\nupscale: {run: rs_one, weight: 0.5}\n", encoding="utf-8"
    )
    running = cosmosctl.Project(at_home.root).batch(["rs_one", "rs_large"])
    assert running.waiting == {"rs_large": "rs_one"}
    result = running.wait()
    assert result.ok
    assert set(result.output_mapping) == {"rs_one", "rs_large"}
    assert len(at_home.batches()) == 2


def test_a_run_whose_source_has_no_result_goes_on_waiting(at_home: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOSCTL_PREVIEW_FAULTS", "bad-input:forbidden")
    at_home.prompt("ps_bad", "a forbidden thing")
    at_home.run("rs_one", "ps_bad", more="model: cosmos3\n")
    at_home.paths.run("rs_large").root.mkdir()
    at_home.paths.run("rs_large").spec.write_text(
        "prompt: ps_a\nupscale: {run: rs_one, weight: 0.5}\n", encoding="utf-8"
    )
    result = cosmosctl.Project(at_home.root).batch(["rs_one", "rs_large"]).wait()
    assert result.output_mapping == {"rs_one": "bad-input", "rs_large": "waits for the result of rs_one"}
    assert len(at_home.batches()) == 1


def test_what_the_command_line_shows_is_to_be_had_as_data(at_home: Tree) -> None:
    at_home.run("rs_one")
    project = cosmosctl.Project(at_home.root)
    assert project.run("rs_one") == json.loads(at_home.cli("show", "rs_one", "--json").out)
    assert project.prompt("ps_a") == json.loads(at_home.cli("show", "ps_a", "--json").out)
    assert project.status().runs["rs_one"].state == "pending"
    assert list(project.list()) == json.loads(at_home.cli("list", "runs", "--json").out)
    assert list(project.list("prompts")) == json.loads(at_home.cli("list", "prompts", "--json").out)
    assert list(project.list("batches")) == []
    with pytest.raises(UsageError, match="there is no prompt 'rs_one'"):
        project.prompt("rs_one")


def test_runs_are_varied_rated_and_looked_at_from_python(at_home: Tree, tmp_path: Path) -> None:
    at_home.run("rs_base")
    at_home.run("rs_other")
    project = cosmosctl.Project(at_home.root)
    told = project.sweep("look", base="rs_base", grid={"edge": [0.25, 0.5]}, seeds=2, dry_run=True)
    assert [one["standing"] for one in told["runs"]] == ["new"] * 4
    assert project.list("sweeps") == ()
    with pytest.raises(UsageError, match="more than 3"):
        project.sweep("look", base="rs_base", grid={"edge": [0.25, 0.5]}, seeds=2, max=3)
    made = project.sweep("look", base="rs_base", grid={"edge": [0.25, 0.5]}, seeds=2)
    runs = [one["id"] for one in made["runs"]]
    assert {at_home.states()[run] for run in runs} == {"pending"}
    assert at_home.cli("batch", "--sweep", "look", expect=0).code == 0
    states = at_home.states()
    assert {states[run] for run in runs} == {"done"}
    assert states["rs_other"] == "pending"
    assert project.rate(runs[:2], stars=4, accepted=True)[runs[0]].words == "4 accepted"
    sweep = project.list("sweeps")[0]
    assert (sweep["id"], sweep["axes"], sweep["done"], sweep["accepted"]) == ("look", {"edge": 2, "seed": 2}, 4, 2)
    assert project.compare(runs[:2], tmp_path / "two.png").stat().st_size > 1000
    assert project.gallery(runs, tmp_path / "gallery") == tmp_path / "gallery/index.html"
    listed = at_home.cli("list", "sweeps").out
    assert "look" in listed
    assert "edge:2 seed:2" in listed
    assert "no sweep" in at_home.cli("batch", "--sweep", "nowhere", expect=2).err
    assert "leave out RUN" in at_home.cli("batch", "rs_other", "--sweep", "look", expect=2).err


def test_what_failed_is_retried_and_what_is_done_is_enlarged(at_home: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOSCTL_PREVIEW_FAULTS", "block:street")
    at_home.run("rs_one")
    project = cosmosctl.Project(at_home.root)
    assert project.batch().wait().output_mapping == {"rs_one": "blocked"}
    monkeypatch.delenv("COSMOSCTL_PREVIEW_FAULTS")
    assert project.retry().wait().ok
    assert project.retry().wait().output_mapping == {}
    larger = project.upscale(["rs_one"]).wait()
    assert larger.ok
    assert len(larger.output_mapping) == 1


def test_a_batch_is_cancelled_and_its_runs_are_free(at_home: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOSCTL_PREVIEW_FAULTS", "held")
    at_home.run("rs_one")
    project = cosmosctl.Project(at_home.root)
    running = project.batch()
    outcome = project.cancel(running.names[0])
    assert outcome is not None
    assert outcome.state == "cancelled"
    assert project.status().runs["rs_one"].state == "cancelled"


def test_rows_can_be_made_and_written_without_running_anything(at_home: Tree, tmp_path: Path) -> None:
    at_home.run("rs_one", controls="{edge: {weight: 0.3, preset: low}, seg: 0.0}")
    rows = cosmosctl.Project(at_home.root).jsonl(["rs_one"])
    assert cosmosctl.write_jsonl(rows, str(tmp_path / "batch.jsonl")) == tmp_path / "batch.jsonl"
    data = (tmp_path / "batch.jsonl").read_bytes()
    assert [json.loads(line) for line in data.splitlines()] == rows
    assert data.endswith(b"}\n")
    assert data.isascii()
    assert set(rows[0]["control_overrides"]) == {"edge", "seg"}
    assert not at_home.paths.batches.exists()


@pytest.mark.parametrize("row", [{"weight": float("nan")}, {"video": Path("x")}, ["no object"]])
def test_rows_that_are_no_json_leave_the_file_as_it_was(tmp_path: Path, row: Any) -> None:
    file = tmp_path / "batch.jsonl"
    file.write_text("earlier")
    with pytest.raises(UsageError, match=r"row"):
        cosmosctl.write_jsonl([{"a": 1}, row], file)
    with pytest.raises(UsageError, match="too long for a path"):
        cosmosctl.write_jsonl([], "rain on a road, " * 30)
    assert [path.name for path in tmp_path.iterdir()] == ["batch.jsonl"]
    assert file.read_text() == "earlier"


def test_rows_of_a_prompt_are_those_of_the_run_that_it_would_get(at_home: Tree) -> None:
    before = at_home.files()
    assert [row["prompt"] for row in cosmosctl.Project(at_home.root).jsonl(["ps_a"])] == ["a street"]
    assert at_home.files() == before


def test_prompts_and_runs_are_created_as_files(at_home: Tree) -> None:
    project = cosmosctl.Project(at_home.root)
    prompt = project.create_prompt("a quiet square", "inputs/videos/city")
    run = project.create_run(prompt, (0.3, 0.4, 0.2, 0.1), seed=4)
    assert at_home.run_paths(run).spec.exists()
    assert run in project.pending()
    with pytest.raises(UsageError, match="there is no prompt 'ps_nowhere'"):
        project.create_run("ps_nowhere")


def test_inv_lists_the_remote_steps_inside_a_project(bare_tree: Tree) -> None:
    bare_tree.cli("init", ".")
    listed = inv(bare_tree, "--list")
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ")] == [
        "cancel",
        "follow",
        "launch",
        "pull",
        "push",
    ]


def test_a_dry_push_prints_its_commands_and_sends_nothing(quick_tree: Tree) -> None:
    quick_tree.cli("init", ".")
    quick_tree.run("rs_one")
    quick_tree.cli("batch", "--batch-name", "dry")
    name = quick_tree.batches()[0].name
    printed = inv(quick_tree, "--dry", "push", "-b", name)
    assert "rsync -rL -s --size-only --append" in printed
    assert name in printed


def test_batch_passes_through_the_very_tasks(quick_tree: Tree) -> None:
    """Each step that inv offers is the one that runs: its command is the same to the letter."""
    quick_tree.cli("init", ".")
    quick_tree.run("rs_one")
    debug = quick_tree.cli("batch", env={"COSMOSCTL_LOG_LEVEL": "DEBUG"}).err
    name = quick_tree.batches()[0].name
    for step in ("push", "launch", "cancel"):
        printed = re.sub(r"\x1b\[[0-9;]*m", "", inv(quick_tree, "--dry", step, "-b", name))
        commands = [line for line in printed.splitlines() if line.startswith(("sh ", "rsync "))]
        ran = [command for command in commands if f"run: {command}" in debug]
        assert len(commands) == {"push": 3, "launch": 1, "cancel": 1}[step]
        assert ran == ([] if step == "cancel" else commands)


def inv(tree: Tree, *args: str) -> str:
    """What `inv ARGS` prints inside the project; this interpreter, so that commands compare to the letter."""
    env = {**os.environ, **tree.environment()}
    result = subprocess.run(
        (sys.executable, "-m", "invoke", *args),
        cwd=tree.root,
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout

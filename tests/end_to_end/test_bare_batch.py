"""What a batch takes when nobody names a run: what is pending and well; and what it says of the rest."""

from pathlib import Path

import pytest

import cosmosctl
from cosmosctl.errors import FilesError
from tests import clips
from tests.support.tree import Done, Tree

VFR = "inputs/videos/shaky/color.mp4"


@pytest.fixture
def mixed(quick_tree: Tree) -> Tree:
    """Runs that are well, and one of each kind that is not."""
    (quick_tree.root / "inputs/videos/shaky").mkdir()
    clips.variable_frame_rate(quick_tree.root / VFR)
    quick_tree.prompt("ps_shaky", scene="inputs/videos/shaky")
    quick_tree.prompt("ps_broken", more="vidoe: here\n")
    quick_tree.run("rs_a")
    quick_tree.run("rs_broken", "ps_broken")
    quick_tree.run("rs_shaky", "ps_shaky")
    quick_tree.run("rs_typo", more="sede: 4\n")
    return quick_tree


def test_a_bare_batch_takes_what_is_well_and_says_what_it_left_out_and_why(mixed: Tree) -> None:
    done = mixed.cli("batch", expect=1)
    assert mixed.states() == {"rs_a": "done", "rs_broken": "invalid", "rs_shaky": "pending", "rs_typo": "invalid"}
    told = left_out(done)
    assert sorted(told) == ["rs_broken", "rs_shaky", "rs_typo"]
    assert told["rs_broken"].startswith("prompts/ps_broken.yaml:3:1")
    assert told["rs_shaky"].startswith(VFR)
    assert told["rs_typo"].startswith("runs/rs_typo/run.yaml:3:1")
    assert "3 runs left out because of mistakes: cosmosctl check" in done.err.splitlines()


def test_named_runs_with_mistakes_stop_the_batch(mixed: Tree) -> None:
    done = mixed.cli("batch", "rs_a", "rs_shaky", expect=3)
    assert "variable frame rate" in done.err
    assert not mixed.paths.batches.exists()


def test_a_mistake_in_the_projects_own_file_stops_every_batch(mixed: Tree) -> None:
    mixed.config((mixed.root / "cosmosctl.yaml").read_text() + "modle: transfer1\n")
    done = mixed.cli("batch", expect=3)
    assert "cosmosctl.yaml:4:1" in done.err
    assert not mixed.paths.batches.exists()


@pytest.mark.parametrize("flag", ["--changed", "--all"])
def test_changed_and_all_leave_out_what_is_not_well_too(mixed: Tree, flag: str) -> None:
    mixed.cli("batch", expect=1)
    mixed.run("rs_a", more="seed: 9\n")
    done = mixed.cli("batch", flag, "--dry-run", expect=1)
    assert "1 run on transfer1" in done.out
    assert sorted(left_out(done)) == ["rs_broken", "rs_shaky", "rs_typo"]


def test_failed_ones_are_run_again_and_what_cannot_be_read_now_is_left_out(quick_tree: Tree) -> None:
    quick_tree.scene("other")
    quick_tree.prompt("ps_b", scene="inputs/videos/other")
    quick_tree.run("rs_a")
    quick_tree.run("rs_b", "ps_b")
    quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_FAULTS": "block:street"}, expect=1)
    (quick_tree.root / "inputs/videos/other/color.mp4").unlink()
    done = quick_tree.cli("batch", "--failed", expect=1)
    assert quick_tree.states()["rs_a"] == "done"
    assert sorted(left_out(done)) == ["rs_b"]


def test_a_run_that_upscales_one_that_is_left_out_is_left_out_too(mixed: Tree) -> None:
    upscaling(mixed, "rs_larger", source="rs_shaky", prompt="ps_a")
    upscaling(mixed, "rs_large", source="rs_a", prompt="ps_a")
    done = mixed.cli("batch", expect=1)
    assert mixed.states()["rs_large"] == "done"
    assert mixed.states()["rs_larger"] == "pending"
    assert sorted(left_out(done)) == ["rs_broken", "rs_larger", "rs_shaky", "rs_typo"]


def test_a_run_that_upscales_what_has_no_result_is_left_out(quick_tree: Tree) -> None:
    quick_tree.prompt("ps_bad", "a forbidden street")
    quick_tree.run("rs_bad", "ps_bad")
    quick_tree.cli("batch", env={"COSMOSCTL_PREVIEW_FAULTS": "block:forbidden"}, expect=1)
    upscaling(quick_tree, "rs_large", source="rs_bad", prompt="ps_a")
    quick_tree.run("rs_other")
    done = quick_tree.cli("batch", expect=1)
    assert quick_tree.states()["rs_other"] == "done"
    assert left_out(done)["rs_large"].startswith("runs/rs_large/run.yaml: rs_bad has no result")


def test_what_the_host_has_no_block_for_is_left_out(quick_tree: Tree) -> None:
    repo = quick_tree.root.parent / "repo"
    text = f"hosts:\n  gpu:\n    engine: bare\n    models:\n      transfer1: {{repo: {repo}}}\n"
    quick_tree.config((quick_tree.root / "cosmosctl.yaml").read_text() + text)
    quick_tree.run("rs_one")
    quick_tree.run("rs_two", controls="{edge: {weight: 1, preset: low}}", more="model: cosmos3\n")
    done = quick_tree.cli("batch", "--host", "gpu", "--dry-run", expect=1)
    assert "1 run on transfer1" in done.out
    assert "models.cosmos3" in left_out(done)["rs_two"]


def test_nothing_that_is_well_stops_the_batch_with_every_mistake(mixed: Tree) -> None:
    mixed.cli("batch", expect=1)
    done = mixed.cli("batch", expect=3)
    assert "variable frame rate" in done.err
    assert "error: runs/rs_typo/run.yaml:3:1" in done.err


def test_python_takes_what_is_well_and_tells_what_it_left_out(mixed: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in mixed.environment().items():
        monkeypatch.setenv(name, value)
    project = cosmosctl.Project(mixed.root)
    assert project.pending() == ("rs_a",)
    result = project.batch().wait()
    assert (set(result.output_mapping), set(result.left_out), result.ok) == (
        {"rs_a"},
        {"rs_broken", "rs_shaky", "rs_typo"},
        False,
    )
    assert "variable frame rate" in result.left_out["rs_shaky"][0]
    with pytest.raises(FilesError, match="variable frame rate"):
        project.batch(["rs_a", "rs_shaky"])


def test_python_runs_nothing_where_nothing_is_pending(quick_tree: Tree) -> None:
    running = cosmosctl.Project(quick_tree.root).batch()
    assert running.names == ()
    assert running.wait().ok


def test_results_that_another_branch_left_are_no_runs_and_stop_nothing(quick_tree: Tree) -> None:
    quick_tree.cli("init", ".", expect=None)
    quick_tree.run("rs_look")
    quick_tree.cli("batch")
    quick_tree.run_paths("rs_look").spec.unlink()
    quick_tree.run("rs_main")
    quick_tree.cli("batch")
    assert quick_tree.states() == {"rs_main": "done"}
    [line] = [line for line in quick_tree.cli("status").lines if "rs_look" in line]
    assert line.startswith("Left over in runs/, without run.yaml: 1 folder: rs_look")
    quick_tree.cli("check")
    assert (quick_tree.run_paths("rs_look").preview.outputs / "output.mp4").is_file()


@pytest.mark.parametrize("place", ["preview", "preview/logs", "preview/outputs", "logs", "outputs"])
def test_nothing_is_moved_or_written_through_a_link_in_a_runs_folder(
    quick_tree: Tree, tmp_path: Path, place: str
) -> None:
    mine = tmp_path / "mine"
    (mine / "outputs").mkdir(parents=True)
    (mine / "outputs/thesis.txt").write_text("precious")
    quick_tree.run("rs_a")
    quick_tree.run("rs_b")
    link = quick_tree.run_paths("rs_a").root / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(mine)
    done = quick_tree.cli("batch", expect=1)
    assert left_out(done)["rs_a"].startswith(f"runs/rs_a/{place}")
    assert quick_tree.states() == {"rs_a": "invalid", "rs_b": "done"}
    assert [path.name for path in sorted(mine.rglob("*"))] == ["outputs", "thesis.txt"]
    quick_tree.cli("batch", "rs_a", expect=3)
    link.unlink()
    quick_tree.cli("batch", "rs_a")
    assert quick_tree.states() == {"rs_a": "done", "rs_b": "done"}


def upscaling(tree: Tree, run: str, *, source: str, prompt: str) -> None:
    """A run that enlarges the result of `source`."""
    spec = tree.run_paths(run).spec
    spec.parent.mkdir()
    spec.write_text(f"prompt: {prompt}\nupscale: {{run: {source}, weight: 0.5}}\n", encoding="utf-8")


def left_out(done: Done) -> dict[str, str]:
    """Run -> why it was left out, as the command said."""
    told = [line.split(": ", 2) for line in done.err.splitlines() if line.startswith("left out: ")]
    return {run: why for _, runs, why in told for run in runs.split(", ")}

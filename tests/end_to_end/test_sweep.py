"""`sweep`: ordinary run files, of which only the missing ones are written; model loads as the dry run says."""

import json
import os
import pty
import re
import subprocess
import sys
from typing import Any

import pytest

from cosmosctl.commands.choose.rate import Given as Rated
from cosmosctl.commands.choose.rate import rate
from cosmosctl.commands.sweeps.drawing import Draw
from cosmosctl.commands.sweeps.given import Given
from cosmosctl.commands.sweeps.write import Asked, Swept, write_sweep
from cosmosctl.errors import CosmosctlError
from cosmosctl.store import load_all
from tests.support.tree import TIMEOUT_S, Tree, loads

THREE_BY_TWO_BY_FOUR = ("--grid", "guidance=3,5,7", "--grid", "edge=0.2,0.4", "--grid", "vis=0.1,0.2,0.3,0.4")
QUICK = {"COSMOSCTL_PREVIEW_ROW_S": "0.01"}


@pytest.fixture
def based(tree: Tree) -> Tree:
    """The project with one run, `rs_a`."""
    tree.run("rs_a", controls="{edge: 0.5}", more="seed: 1\nguidance: 5\ntags: [look]\nnotes: mine\n")
    return tree


def swept(tree: Tree, name: str, *, remove: bool = False, draw: Draw | None = None, **given: object) -> Swept:
    """What the command does, in this process: nobody agrees to more than the cap."""
    asked = Asked(name, Given(**given), draw, remove)  # type: ignore[arg-type]
    return write_sweep(tree.root, asked, lambda question: False)


def new(found: Swept) -> list[str]:
    return [member.id for member in found.expansion.standing("new")]


def runs(tree: Tree) -> list[str]:
    return list(load_all(tree.root).run_ids)


def test_a_sweep_of_24_is_files_its_second_expansion_adds_nothing_and_an_edited_one_stays(quick_tree: Tree) -> None:
    tree = quick_tree
    tree.run("rs_a", more="quiet: [random]\n")
    before = tree.files()
    dry = tree.cli("sweep", "look", "--base", "rs_a", *THREE_BY_TWO_BY_FOUR, "--dry-run").out
    assert tree.files() == before
    said = re.search(r"24 runs without a result: (\d+) model loads? on local; (\d+) loads? saved", dry)
    assert said is not None, dry
    made = tree.cli("sweep", "look", "--base", "rs_a", *THREE_BY_TWO_BY_FOUR).lines
    assert len(made) == len(set(made)) == 24
    assert made[0] == "look-guidance3-edge0.2-vis0.1"
    text = tree.run_paths(made[0]).spec.read_text()
    assert "prompt: ps_a\ncontrols:\n  vis: 0.1\n  edge: 0.2\nguidance: 3\nquiet: [random]\nsweep: look " in text
    edited = tree.run_paths(made[5]).spec
    edited.write_text(edited.read_text().replace("guidance: 3", "guidance: 4  # mine"))
    before = tree.files()
    again = tree.cli("sweep", "look")
    assert again.out == ""
    assert tree.files() == before
    assert f"{made[5]} says something else now (guidance): it stays" in again.err
    edited.write_text(edited.read_text().replace("guidance: 4  # mine", "guidance: 3"))
    tree.cli("batch", "--batch-name", "look", *made, env=QUICK)
    assert loads(tree.events()) == int(said[1]) == 3
    assert int(said[2]) == 24 - 3
    assert {state for run, state in tree.states().items() if run in made} == {"done"}
    rest = json.loads(tree.cli("sweep", "look", "--dry-run", "--json").out)
    assert (rest["to_run"], rest["loads"]) == ([], 0)
    rate(tree.root, [made[-1]], Rated(accepted=True, author="ada"))
    near = swept(tree, "look", draw=Draw(6, near=True)).expansion.sweep.points
    assert len(near) == 6
    assert sum(float(point["vis"]) for point in near) / 6 > 0.28, "drawn around the accepted 0.4, not over 0.1 to 0.4"
    assert json.loads(tree.cli("list", "runs", "--sweep", "look", "--limit", "1", "--json").out)[0]["sweep"] == "look"


def test_a_batch_says_how_many_loads_it_saves_and_what_ran_tells_how_long_the_next_takes(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    quick_tree.run("rs_b", controls="{edge: 0.6}")
    before = swept(quick_tree, "look", base="rs_a", seeds=2)
    assert (before.ahead.seconds, before.ahead.bytes) == (None, None)
    assert "1 load saved, as runs share one" in quick_tree.cli("batch", "rs_a", "rs_b", "--dry-run").out
    assert "in 1 start (1 load saved)," in quick_tree.cli("batch", "rs_a", "rs_b", env=QUICK).out
    after = swept(quick_tree, "look").ahead
    assert after.seconds is not None
    assert after.seconds > 0
    assert after.bytes is not None
    assert after.bytes > 0


def test_a_value_that_is_added_makes_its_runs_and_one_that_is_taken_out_is_named(based: Tree) -> None:
    swept(based, "look", base="rs_a", grid=("guidance=3,5,7",))
    file = based.root / "sweeps/look.yaml"
    file.write_text(file.read_text().replace("[3, 5, 7]", "[3, 9]  # what the film needs"))
    done = based.cli("sweep", "look")
    assert done.out == "look-guidance9\n"
    assert "look-guidance5 no longer belongs\n" in done.err
    assert "cosmosctl sweep look --remove" in done.err
    edited, rated = based.run_paths("look-guidance5"), based.run_paths("look-guidance7")
    edited.spec.write_text(edited.spec.read_text().replace("seed: 1", "seed: 2"))
    rated.preview.outputs.mkdir(parents=True)
    left = swept(based, "look", remove=True).strays
    assert [(one.run, one.why) for one in left] == [(edited.id, "was edited"), (rated.id, "has a result")]
    assert runs(based) == ["look-guidance3", "look-guidance5", "look-guidance7", "look-guidance9", "rs_a"]
    edited.spec.write_text(edited.spec.read_text().replace("seed: 2", "seed: 1"))
    rated.preview.outputs.rmdir()
    rated.preview.root.rmdir()
    thrown = swept(based, "look", remove=True).thrown
    assert runs(based) == ["look-guidance3", "look-guidance9", "rs_a"]
    assert [(based.root / one.place / "run.yaml").is_file() for one in thrown] == [True, True]
    assert "# what the film needs" in file.read_text()


def test_a_run_of_a_sweep_that_was_renamed_is_not_written_again(based: Tree) -> None:
    swept(based, "look", base="rs_a", grid=("guidance=3,5",))
    based.run_paths("look-guidance3").root.rename(based.run_paths("rs_best").root)
    assert new(swept(based, "look")) == []
    assert runs(based) == ["look-guidance5", "rs_a", "rs_best"]


def test_what_another_branch_of_git_left_in_the_folder_of_a_sweeps_run_is_its_own(based: Tree) -> None:
    swept(based, "look", base="rs_a", grid=("guidance=3,5",))
    kept = based.run_paths("look-guidance3").history
    kept.mkdir()
    based.run_paths("look-guidance3").spec.unlink()
    assert new(swept(based, "look")) == ["look-guidance3"]
    assert kept.is_dir()


def test_a_copy_of_a_sweeps_run_is_no_run_of_the_sweep(based: Tree) -> None:
    swept(based, "look", base="rs_a", grid=("guidance=3,5",))
    based.cli("create", "run", "--from", "look-guidance3", "--id", "rs_copy", "--seed", "9")
    assert swept(based, "look").strays == ()


def test_scenes_models_presets_and_prompts_are_axes(based: Tree) -> None:
    based.scene("park")
    based.prompt("ps_b", "a park")
    based.run("rs_p", controls="{edge: {weight: 0.5, preset: low}}")
    (based.root / "sweeps").mkdir()
    (based.root / "sweeps/wide.yaml").write_text(
        "base: rs_p\ngrid:\n  prompt: [ps_a, ps_b]\n  scene: [inputs/videos/city, inputs/videos/park]\n"
        "zip:\n  model: [transfer1, transfer2.5]\n  edge.preset: [low, high]\n"
    )
    made = new(swept(based, "wide"))
    assert len(made) == 8
    snapshot = load_all(based.root)
    prompts = ["ps_a", "ps_a-park", "ps_b", "ps_b-park"]
    assert sorted(snapshot.prompt_ids) == prompts
    assert "video: inputs/videos/park\n" in based.paths.prompt("ps_b-park").read_text()
    assert sorted({snapshot.runs[run].prompt for run in made}) == prompts
    assert {(snapshot.runs[run].model, snapshot.runs[run].controls[0].preset) for run in made} == {
        ("transfer1", "low"),
        ("transfer2.5", "high"),
    }
    assert new(swept(based, "wide")) == []
    based.cli("check")


@pytest.mark.parametrize(
    ("name", "given", "code", "what"),
    [
        ("look", {}, 2, "there is no sweep 'look'"),
        ("look", {"grid": ("guidance=3",)}, 2, "name the run that is varied with --base RUN"),
        ("look", {"base": "rs_z", "grid": ("guidance=3",)}, 2, "there is no run 'rs_z'"),
        ("a b", {"base": "rs_a", "grid": ("guidance=3",)}, 2, "sweep id 'a b' may hold letters"),
        ("look", {"base": "rs_a", "grid": ("distilled=true",)}, 3, "distilled is not a setting of transfer1"),
        ("look", {"base": "rs_a", "grid": ("vis.preset=low",)}, 3, "vis is not among what rs_a has"),
        ("look", {"base": "rs_a", "grid": ("prompt=ps_z",)}, 3, "there is no prompt 'ps_z'"),
        ("look", {"base": "rs_a", "grid": ("prompt=ps_bad",)}, 3, "prompts/ps_bad.yaml:2:8: video"),
        ("look", {"base": "rs_a", "grid": ("scene=inputs/videos/no",)}, 3, "there is no folder 'inputs/videos/no'"),
        ("look", {"base": "rs_a", "grid": ("depth=0.2", "depth.input=inputs/no.mp4")}, 3, "inputs/no.mp4"),
        ("look", {"base": "rs_a", "grid": ("model=cosmos3", "guidance=9")}, 3, "guidance must be between 0 and 7"),
        ("look", {"base": "rs_a", "grid": ("edge=0",)}, 3, "all weights"),
        ("look", {"base": "rs_a", "seeds": 65}, 2, "look is 65 runs, more than 64: nothing is written"),
    ],
)
def test_what_cannot_be_a_sweep_writes_nothing(
    based: Tree, name: str, given: dict[str, Any], code: int, what: str
) -> None:
    based.prompt("ps_bad", scene="inputs/videos/nowhere")
    before = based.files()
    with pytest.raises(CosmosctlError) as error:
        swept(based, name, **given)
    assert what in error.value.message
    assert error.value.exit_code == code
    assert based.files() == before


def test_more_runs_than_the_cap_are_asked_about(based: Tree) -> None:
    args = ("sweep", "look", "--base", "rs_a", "--seeds", "3", "--max", "2")
    for answer, code, count in (("n\n", 2, 0), ("y\n", 0, 3)):
        leader, follower = pty.openpty()
        child = subprocess.Popen(
            (sys.executable, "-m", "cosmosctl", *args),
            cwd=based.root,
            env=based.environment(),
            stdin=follower,
            stdout=subprocess.PIPE,
            stderr=follower,
        )
        os.close(follower)
        os.write(leader, answer.encode())
        out = child.communicate(timeout=TIMEOUT_S)[0].decode()
        os.close(leader)
        assert (child.returncode, len(out.split())) == (code, count)
    assert "max: 2\n" in (based.root / "sweeps/look.yaml").read_text()


def test_a_sweep_is_not_written_over(based: Tree) -> None:
    swept(based, "look", base="rs_a", grid=("guidance=3,5",))
    assert new(swept(based, "look", base="rs_a", grid=("guidance=3,5",))) == []
    with pytest.raises(CosmosctlError, match=r"sweeps/look\.yaml is there already and says something else"):
        swept(based, "look", base="rs_a", grid=("guidance=3",))


def test_more_runs_are_drawn_and_stand_in_the_sweeps_file(based: Tree) -> None:
    swept(based, "look", base="rs_a", grid=("guidance=3,5", "edge=0.2,0.4"))
    file = based.root / "sweeps/look.yaml"
    file.write_text(file.read_text().replace("edge: [0.2, 0.4]", "edge: [0.2, 0.4]   # as in May"))
    made = new(swept(based, "look", draw=Draw(3)))
    assert len(made) == 3
    assert "# as in May\npoints:\n  - {guidance: " in file.read_text()
    assert new(swept(based, "look")) == []
    with pytest.raises(CosmosctlError, match="no run of look is accepted"):
        swept(based, "look", draw=Draw(3, near=True))


def test_check_tells_what_is_wrong_with_sweeps_and_status_too(based: Tree) -> None:
    (based.root / "sweeps").mkdir()
    file = based.root / "sweeps/look.yaml"
    file.write_text("base: rs_b\ngrid:\n  guidance: [3, 500]\n")
    (based.root / "sweeps/mine.yml").write_text("base: rs_a\n")
    err = based.cli("check", expect=3).err
    assert "sweeps/look.yaml:3:17: grid.guidance[1] must be between 0 and 100, got 500" in err
    assert "sweeps/mine.yml: a sweep's file ends in .yaml" in err
    file.write_text("base: rs_b\ngrid:\n  prompt: [ps_a, ps_z]\n")
    err = based.cli("check", "sweeps/look.yaml", expect=3).err
    assert "sweeps/look.yaml:1:7: there is no run 'rs_b'; did you mean rs_a?" in err
    assert "sweeps/look.yaml:3:18: there is no prompt 'ps_z'" in err
    assert "sweeps/look.yaml:1:7" in based.cli("status").out
    (based.root / "sweeps/mine.yml").unlink()
    file.write_text("base: rs_a\ngrid:\n  distilled: [true]\n")
    assert "sweeps/look.yaml:3:15: distilled is not a setting of transfer1" in based.cli("check", expect=3).err
    file.write_text("base: rs_a\ngrid:\n  guidance: [3]\n")
    assert "no mistakes in 1 run, 1 sweep and 1 video" in based.cli("check").out


def test_a_mistake_in_a_sweep_stops_no_batch(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    (quick_tree.root / "sweeps").mkdir()
    (quick_tree.root / "sweeps/look.yaml").write_text("base: rs_a\ngird: {}\n")
    assert "1 model start" in quick_tree.cli("batch", "--dry-run").out

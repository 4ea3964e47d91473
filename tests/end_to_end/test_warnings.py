"""What is surprising is said once a kind, with its runs and the key that silences it; default runs are quiet."""

import pytest

from cosmosctl.domain.surprises import RANDOM, VIDEO, kind_of, shape_of
from cosmosctl.schema.settings import QUIET_WORDS, SETTING_NAMES
from tests import clips
from tests.support.tree import Tree

SHORT = "transfer1 pads below 121"


def _four(tree: Tree) -> None:
    for number in range(4):
        tree.run(f"rs_{number}", more=f"seed: {number}\n")


@pytest.mark.parametrize("verb", [("check",), ("batch", "--dry-run")])
def test_a_warning_is_told_once_with_the_count_and_the_key_that_silences_it(tree: Tree, verb: tuple[str, ...]) -> None:
    _four(tree)
    lines = tree.cli(*verb).err.splitlines()
    warned = [number for number, line in enumerate(lines) if line.startswith("warning: ") and SHORT in line]
    assert len(warned) == 1
    said = lines[warned[0] + 1]
    assert said == "  4 runs: rs_0, rs_1, rs_2, …; 'quiet: [video]' in run.yaml or cosmosctl.yaml silences it"


def test_the_same_of_two_clips_is_one_warning_and_another_thing_is_another(tree: Tree) -> None:
    clips.odd_size(tree.root / "inputs/videos/odd/color.mp4")
    tree.prompt("ps_odd", scene="inputs/videos/odd")
    tree.run("rs_a")
    tree.run("rs_b", "ps_odd")
    err = tree.cli("check").err
    assert err.count("transfer1 pads below 121") == 1
    assert "2 runs: rs_a, rs_b; " in err
    assert err.count("its odd size") == 1


def test_a_run_or_the_project_says_what_it_wants_no_more_warnings_of(tree: Tree) -> None:
    tree.run("rs_a", more="quiet: [video]\n")
    tree.run("rs_b")
    assert "1 run: rs_b; " in tree.cli("check").err
    tree.config("project: 5f3a91c2\nquiet: [video, random]\n")
    assert tree.cli("check").err == ""


def test_a_word_that_silences_nothing_is_a_mistake(tree: Tree) -> None:
    tree.run("rs_a", more="quiet: [vidoe]\n")
    assert "quiet" in tree.cli("check", expect=3).err


def test_quiet_makes_no_run_changed_and_the_receipt_keeps_the_warnings(quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    quick_tree.cli("batch")
    quick_tree.run("rs_a", more="quiet: [video]\n")
    assert quick_tree.states() == {"rs_a": "done"}
    assert SHORT in " ".join(quick_tree.cli("show", "rs_a").out.split())


def test_a_default_run_warns_of_nothing_that_is_true_of_every_default_run(tree: Tree) -> None:
    tree.config("project: 5f3a91c2\nquiet: [video]\n")
    tree.cli("create", "run", "ps_a", "--id", "rs_a")
    assert tree.cli("batch", "--dry-run").err == ""
    err = tree.cli("check").err
    assert "warning" not in err
    assert err.startswith("note: runs/rs_a/run.yaml:")


def test_every_key_that_a_warning_may_be_about_can_be_silenced() -> None:
    assert set(QUIET_WORDS) == {RANDOM, VIDEO, "controls", *SETTING_NAMES}
    assert {kind_of("prompt"), kind_of("controls.edge.weight"), kind_of("fps")} <= set(QUIET_WORDS)


def test_the_shape_of_a_warning_leaves_out_clips_and_numbers() -> None:
    one, two = shape_of("prompt a.mp4 has 8 frames", ["a.mp4"]), shape_of("prompt b/a.mp4 has 9 frames", ["b/a.mp4"])
    assert one == two

"""What people read: mistakes with what mends them, counts, no word that is no longer true."""

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from cosmosctl.domain.plurals import counted
from tests.support.terminal import typed
from tests.support.tree import REPOSITORY, Tree

OUTSIDE = (
    "(copy it into inputs/, or set allow_outside_inputs: true in cosmosctl.yaml and type "
    "cosmosctl host allow --outside-inputs)"
)


@pytest.mark.parametrize("verb", [("check",), ("batch", "rs_one"), ("status",), ("show", "rs_one")])
def test_every_mistake_is_told_with_what_mends_it(tree: Tree, tmp_path: Path, verb: tuple[str, ...]) -> None:
    tree.run("rs_one", controls="{edge: 0.4}")
    (tree.root / "inputs/videos").rename(tmp_path / "disk")
    (tree.root / "inputs/videos").symlink_to(tmp_path / "disk")
    done = tree.cli(*verb, expect=3 if verb[0] in ("check", "batch") else 0)
    assert OUTSIDE in " ".join((done.out + done.err).split())


def test_a_missing_prompt_is_told_with_the_command_that_lists_those_there_are(tree: Tree) -> None:
    tree.run("rs_one", prompt="else", controls="{edge: 0.4}")
    done = tree.cli("check", expect=3)
    assert done.err == "error: runs/rs_one/run.yaml:1:9: there is no prompt 'else' (cosmosctl list prompts)\n"


def test_a_check_claims_no_more_than_it_looked_at(tree: Tree) -> None:
    tree.run("rs_one", controls="{depth: {weight: 1, input: auto}}")
    assert tree.cli("check").out == "no mistakes in 1 run and 1 video\n"


def test_status_has_one_heading_for_mistakes(tree: Tree) -> None:
    tree.run("rs_one", controls="{edge: 1.4}")
    tree.prompt("ps_b", text="")
    tree.run("rs_two", prompt="ps_b")
    shown = tree.cli("status").lines
    assert [line for line in shown if "istakes" in line] == ["Mistakes:"]
    assert shown.count('  (use "cosmosctl check")') == 1
    assert any("prompts/ps_b.yaml:1" in line for line in shown)
    assert any("runs/rs_one/run.yaml:2:18" in line for line in shown)
    assert "\t  stops 1 run: rs_two" in shown


def test_status_tells_runs_of_one_prompt_apart(tree: Tree) -> None:
    tree.run("rs_a", controls="{edge: 0.5}")
    tree.run("rs_b", controls="{edge: 0.5}", more="seed: 7\n")
    tree.run("rs_c", controls="{edge: {weight: 0.4, preset: low}}", more="seed: 7\n")
    shown = {line.split()[0]: line for line in tree.cli("status").lines if line.startswith("\t")}
    assert "  -/0.5/-/-  city: a street" in shown["rs_a"]
    assert "  -/0.5/-/- seed=7  city" in shown["rs_b"]
    assert "  -/0.4/-/- seed=7 edge:low  city" in shown["rs_c"]


def test_a_run_without_another_of_its_prompt_has_nothing_beside_it(tree: Tree) -> None:
    tree.run("rs_a", more="seed: 7\n")
    assert "\trs_a  city: a street" in tree.cli("status").lines


def test_a_count_has_the_word_that_fits_it() -> None:
    assert [counted(0, "run"), counted(1, "run"), counted(2, "run")] == ["0 runs", "1 run", "2 runs"]
    assert [counted(1, "batch", "batches"), counted(3, "batch", "batches")] == ["1 batch", "3 batches"]


def test_no_count_of_the_package_is_always_in_the_plural() -> None:
    """`{len(…)} runs` says "1 runs" one day: the package counts with `counted`."""
    count = re.compile(r"\{len\([^{]*\)\} (runs|videos|mistakes|prompts|batches|starts|warnings|hosts)")
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted((REPOSITORY / "cosmosctl").rglob("*.py"))
        if "preview" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if count.search(line)
    ]
    assert found == []


def test_a_new_project_says_nothing_that_is_no_longer_true(bare_tree: Tree) -> None:
    text = (REPOSITORY / "templates/project/cosmosctl.yaml").read_text(encoding="utf-8")
    assert "still to come" not in text
    assert "cosmosctl host add" in text


def test_status_fits_the_window_but_cuts_no_mistake(tree: Tree) -> None:
    tree.prompt("ps_wide", text="夜の街を走る車のライトが雨に濡れた路面に映る " * 3)
    tree.run("rs_one", prompt="ps_wide")
    tree.run("rs_two", prompt="ps_wide", more="seed: 4\n")
    tree.run("rs_bad", controls="{edge: 1.4, egde: 1, depth: 7, seg: {weight: 0.4, input: auto, presett: low}}")
    shown = typed(tree, "status", columns=80).splitlines()
    assert all(cell_len(line.expandtabs(8)) <= 80 for line in shown if "rs_one" in line or "rs_two" in line)
    mistakes = tree.cli("check", expect=3).err.splitlines()
    assert mistakes[0].removeprefix("error: ") in "\n".join(shown)

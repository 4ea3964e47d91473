"""Lists: whole and one line a row for programs, fitting the window for people, newest last, found by words and tags."""

import json
import os

import pytest
from rich.cells import cell_len

from cosmosctl.cli.draw.tables import Table, lay_out
from tests.support.terminal import typed
from tests.support.tree import Tree

LONG = "A street at night, just after rain; " * 300


def _two_runs(tree: Tree) -> None:
    tree.prompt("ps_long", text=LONG)
    tree.run("rs_one", prompt="ps_long", controls="{vis: 0.25, edge: 0.25, depth: {weight: 0.5, input: auto}}")
    tree.run("a.run-with_a-name-of-its-own", prompt="ps_long", controls="{edge: 0.5}", more="seed: 7\n")


def test_in_a_pipe_no_id_is_cut_and_no_line_is_padded(tree: Tree) -> None:
    _two_runs(tree)
    header, *rows = tree.cli("list", "runs").lines
    assert {row.split()[0] for row in rows} == {"rs_one", "a.run-with_a-name-of-its-own"}
    assert [row.split()[7] for row in rows] == ["ps_long", "ps_long"]
    assert all(row.endswith(LONG.strip()) for row in rows)
    assert all(line == line.rstrip() for line in (header, *rows))
    assert len(header) < 150


def test_a_row_in_a_pipe_is_the_same_whatever_the_window_is(tree: Tree) -> None:
    _two_runs(tree)
    told = [tree.cli("list", "runs", env={"COLUMNS": width}).out for width in ("20", "80", "300")]
    assert told[0] == told[1] == told[2]
    for line in told[0].splitlines():
        assert len(line.split()) >= 11, "every column has a word in every row, so that awk counts them alike"


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_on_a_terminal_rows_fit_the_window_and_ids_are_whole(tree: Tree, columns: int) -> None:
    _two_runs(tree)
    tree.prompt("ps_wide", text="夜の街、雨上がり 🌧 " * 20 + "e\u0301" * 50)
    tree.run("rs_wide", prompt="ps_wide")
    header, *rows = typed(tree, "list", "runs", columns=columns).splitlines()
    assert [row.split()[0] for row in rows if row.strip()] == ["rs_one", "a.run-with_a-name-of-its-own", "rs_wide"]
    assert all(cell_len(line) <= columns for line in (header, *rows))
    assert "differs" in header
    assert "seed=7" in rows[1]


def test_what_is_left_out_first_is_the_scene_then_the_batch_then_the_prompts_id(tree: Tree) -> None:
    _two_runs(tree)
    headers = {
        columns: typed(tree, "list", "runs", columns=columns).splitlines()[0].split() for columns in (70, 108, 200)
    }
    assert "batch" not in headers[200], "a column that says nothing in any row is left out"
    assert {"scene", "prompt_id", "prompt"} <= set(headers[200])
    assert "scene" not in headers[108]
    assert {"prompt_id", "prompt"} <= set(headers[108])
    assert {"id", "status", "vis", "edge", "depth", "seg"} <= set(headers[70])
    assert not {"prompt_id", "scene"} & set(headers[70])


def test_wide_and_combining_characters_keep_the_columns_aligned() -> None:
    cells = [{"text": text, "end": "X"} for text in ("plain", "夜の街", "e\u0301e\u0301e\u0301", "🌧 rain")]
    for width in (None, 40, 8):
        lines = lay_out(Table(("text", "end"), {"text": 4}), cells, width)
        assert len({cell_len(line[: line.rindex("X")]) for line in lines[1:]}) == 1


def test_a_long_value_moves_only_its_own_row(tree: Tree) -> None:
    cells = [{"a": "x" * 500, "b": "1"}, {"a": "y", "b": "2"}]
    _header, long, short = lay_out(Table(("a", "b")), cells, None)
    assert long == "x" * 500 + "  1"
    assert len(short) < 60


def test_lists_are_newest_last_with_and_without_a_limit(tree: Tree) -> None:
    for age, run in enumerate(("rs_b", "rs_c", "rs_a")):
        tree.run(run)
        os.utime(tree.run_paths(run).spec, (1_000_000 + age, 1_000_000 + age))
    assert [row["id"] for row in _listed(tree, "runs")] == ["rs_b", "rs_c", "rs_a"]
    assert [row["id"] for row in _listed(tree, "runs", "--limit", "2")] == ["rs_c", "rs_a"]
    tree.prompt("ps_0")
    os.utime(tree.paths.prompt("ps_a"), (1, 1))
    assert [row["id"] for row in _listed(tree, "prompts")] == ["ps_a", "ps_0"]


def test_a_tag_finds_prompts_and_runs(tree: Tree) -> None:
    tree.prompt("ps_night", more="tags: [night]\n")
    tree.run("rs_plain")
    tree.run("rs_tagged", more="tags: [best, night]\n")
    tree.run("rs_of_tagged", prompt="ps_night")
    assert {row["id"] for row in _listed(tree, "runs", "--tag", "night")} == {"rs_tagged", "rs_of_tagged"}
    assert [row["id"] for row in _listed(tree, "runs", "--tag", "best")] == ["rs_tagged"]
    assert [row["id"] for row in _listed(tree, "prompts", "--tag", "night")] == ["ps_night"]
    assert _listed(tree, "prompts", "--tag", "nigh") == []


def test_words_find_runs_and_prompts(tree: Tree) -> None:
    tree.prompt("ps_b", text="A Harbour in fog")
    tree.run("rs_a1", more="notes: too dark\n")
    tree.run("rs_b1", prompt="ps_b")
    assert [row["id"] for row in _listed(tree, "runs", "fog", "harbour")] == ["rs_b1"]
    assert [row["id"] for row in _listed(tree, "runs", "DARK")] == ["rs_a1"]
    assert [row["id"] for row in _listed(tree, "prompts", "street")] == ["ps_a"]
    assert _listed(tree, "runs", "fog", "dark") == []


def test_what_tells_runs_apart_stands_in_a_column(tree: Tree) -> None:
    tree.run("rs_a", more="seed: 1\n")
    tree.run("rs_b", more="seed: 2\nnum_steps: 10\n")
    found = {row["id"]: row["differs"] for row in _listed(tree, "runs")}
    assert found == {"rs_a": "seed=1", "rs_b": "seed=2 num_steps=10"}


def test_show_wraps_between_words_on_a_narrow_terminal(tree: Tree) -> None:
    _two_runs(tree)
    shown = typed(tree, "show", "rs_one", columns=80).splitlines()
    assert all(len(line) <= 80 for line in shown)
    assert " ".join(LONG.split()[:60]) in " ".join(" ".join(shown).split())


def _listed(tree: Tree, *args: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(tree.cli("list", *args, "--json").out)
    return found

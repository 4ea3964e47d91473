"""Choosing on the page in a real Chromium: blind pairs, the grid's rows and columns, what lies between two runs."""

import re
import shlex
from pathlib import Path

import pytest

from tests.support import browser as real
from tests.support.browser import Seen, mark_in, numbers
from tests.support.shown_runs import FOUR
from tests.support.tree import Tree

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]

NAMES = list(FOUR)
PAIRS = len(NAMES) * (len(NAMES) - 1) // 2
DRAWS = 64
"""Times that a pair is drawn: that one of two orders never comes is as likely as 64 heads in a row."""
BLIND = f"#choose/blind?r={','.join(NAMES)}"


def pair_in(seen: Seen) -> tuple[int, int]:
    """The marks of the left and of the right one, of which the page tells nothing."""
    left, right = map(mark_in, seen.pictures())
    assert seen.page.locator("figcaption b").all_inner_texts() == ["left", "right"]
    keys = seen.evaluate("UI.data.runs.map(run => run.video)")
    told = seen.evaluate("[document.querySelector('.body').outerHTML, document.title, location.hash].join()")
    assert [key for key in keys if key in told] == []
    assert [name for name in NAMES if re.search(rf">{name}<|[\"/ ]{name}[\"/ .]", told)] == []
    return left, right


def tally_in(seen: Seen) -> list[list[str]]:
    rows = seen.page.locator(".body tbody tr")
    return [[cell for cell in row.split("\t") if cell] for row in rows.all_inner_texts()]


def test_blind_pairs_tell_no_name_before_the_choice_and_the_tally_counts_right(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), BLIND)
    pairs = []
    for number in range(1, PAIRS + 1):
        assert f"pair {number} of {PAIRS}" in seen.page.inner_text(".body")
        left, right = pair_in(seen)
        pairs.append(tuple(sorted((left, right))))
        assert tally_in(seen) == []
        seen.anew("ArrowDown" if {left, right} == {0, 1} else "ArrowLeft" if left > right else "ArrowRight")
    assert sorted(pairs) == [(one, other) for one in range(4) for other in range(one + 1, 4)]
    assert "Every pair was seen." in seen.page.inner_text(".body")
    counted = [["d", "3 of 3"], ["c", "2 of 3"], ["a", "0 of 3", "1 even"], ["b", "0 of 3", "1 even"]]
    assert sorted(tally_in(seen)) == sorted(counted)
    assert tally_in(seen)[:2] == counted[:2]
    seen.page.reload()
    seen.ready()
    assert tally_in(seen) == []
    seen.page.get_by_text("show the tally").click()
    assert sorted(tally_in(seen)) == sorted(counted)
    left, right = map(mark_in, seen.pictures())
    seen.page.evaluate("delete document.body.dataset.ready")
    seen.page.get_by_text("the right one").click()
    seen.ready()
    seen.page.get_by_text("show the tally").click()
    before, after = dict(one[:2] for one in counted), dict(one[:2] for one in tally_in(seen))
    assert int(after[NAMES[right]].split()[0]) == int(before[NAMES[right]].split()[0]) + 1
    assert after[NAMES[left]] == before[NAMES[left]].replace("of 3", "of 4")
    seen.page.get_by_text("forget it").click()
    seen.page.get_by_text("show the tally").click()
    assert tally_in(seen) == []


def test_which_of_a_blind_pair_stands_left_is_drawn_each_time(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#choose/blind?r=a,d")
    drawn = set()
    for _ in range(DRAWS):
        drawn.add(pair_in(seen))
        if len(drawn) == 2:
            break
        seen.turn("#wall")
        seen.turn("#choose/blind?r=a,d")
    assert drawn == {(0, 3), (3, 0)}


def cells_in(seen: Seen) -> list[str]:
    return list(seen.evaluate("[...document.querySelectorAll('.cell[data-id]')].map(cell => cell.dataset.id)"))


GRID = "#grid?sweep=four&x=guidance&y=edge&f=5"


def test_a_column_or_a_row_of_the_grid_is_hidden_and_comes_back(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), GRID)
    assert cells_in(seen) == ["a", "c", "b", "d"]
    assert numbers(seen.pictures()) == [5, 5, 5, 5]
    seen.page.locator(".head.y").first.click()
    assert cells_in(seen) == ["b", "d"]
    assert [mark_in(one) for one in seen.pictures()] == [1, 3]
    assert "hide=y%3A0.25" in seen.page.url
    seen.page.locator(".head.x").nth(1).click()
    assert cells_in(seen) == ["b"]
    seen.show(9)
    seen.page.reload()
    seen.ready()
    assert cells_in(seen) == ["b"]
    seen.page.get_by_text("show 7", exact=True).click()
    assert cells_in(seen) == ["b", "d"]
    seen.page.get_by_text("show 0.25", exact=True).click()
    assert cells_in(seen) == ["a", "c", "b", "d"]
    assert "hide" not in seen.page.url
    seen.show(10)
    assert numbers(seen.pictures()) == [10, 10, 10, 10]
    assert [mark_in(one) for one in seen.pictures()] == [0, 2, 1, 3]


def test_what_comes_back_into_the_grid_shows_the_frame_of_the_others(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), f"{GRID}&hide=x:7")
    seen.show(12)
    drawn = seen.evaluate("+document.body.dataset.drawn")
    seen.page.get_by_text("show 7", exact=True).click()
    seen.until(f"+document.body.dataset.drawn > {drawn}")
    assert numbers(seen.pictures()) == [12, 12, 12, 12]


def test_between_two_runs_a_line_tells_how_to_make_the_one_in_the_middle(
    seen: Seen, looked_at: Path, tree: Tree
) -> None:
    seen.go(looked_at.as_uri(), "#compare/a,d")
    seen.page.get_by_text("between these two").click()
    line = seen.page.inner_text("details[open] code")
    for name, (guidance, edge) in FOUR.items():
        tree.run(name, controls=f"{{edge: {edge}}}", more=f"guidance: {guidance}\n")
    program, *words = shlex.split(line)
    assert program == "cosmosctl"
    made = tree.paths.run(tree.cli(*words).lines[-1]).spec.read_text()
    assert "guidance: 5\n" in made
    assert "edge: 0.375" in made
    seen.turn("#compare/wide,pieces")
    assert seen.page.get_by_text("between these two").count() == 0

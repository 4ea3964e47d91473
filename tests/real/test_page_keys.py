"""The page by the keyboard alone in a real Chromium: what Tab, Enter, Space and the arrows do in each view."""

from pathlib import Path

import pytest

from tests.support import browser as real
from tests.support.browser import Seen
from tests.support.shown_runs import FOUR

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]

STOPS = 200
"""More than any view of these galleries has places for the focus."""


def tab_to(seen: Seen, selector: str) -> None:
    """Tab until the focus is there."""
    for _ in range(STOPS):
        seen.press("Tab")
        if seen.evaluate(f"document.activeElement.matches({selector!r})"):
            return
    pytest.fail(f"Tab never leads to {selector}")


def visit(seen: Seen, view: str) -> None:
    """That view by its link above, from wherever the focus is."""
    tab_to(seen, f"nav a[href='#{view}']")
    seen.anew("Enter")
    seen.until(f"document.body.dataset.view === '{view}'")


def focused(seen: Seen) -> str:
    return str(seen.evaluate("document.activeElement.innerText.trim()"))


def test_the_grid_is_used_by_keyboard_alone(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#wall?sweep=four")
    seen.page.locator(".card .open").first.focus()
    seen.anew("g")
    tab_to(seen, "select[aria-label='across']")
    seen.anew("e")
    assert "x=edge" in seen.page.url
    tab_to(seen, ".head.x")
    assert focused(seen) == "0.25"
    seen.press("Enter")
    assert seen.page.locator(".cell[data-id]").count() == 2
    assert focused(seen) == "show 0.25"
    seen.press("Enter")
    assert seen.page.locator(".cell[data-id]").count() == 4
    assert focused(seen) == "0.25"
    tab_to(seen, ".sweep")
    seen.press("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "4")
    assert seen.evaluate("document.activeElement.dataset.id") == "c"
    seen.until("document.activeElement.querySelector('.stars').textContent.startsWith('★★★★')")
    seen.press(".", ".")
    seen.until("document.body.dataset.frame === '2'")
    seen.anew("Enter")
    assert seen.evaluate("location.hash") == "#run/c"
    seen.anew("Escape")
    assert seen.evaluate("document.body.dataset.view") == "wall"


def test_choosing_is_done_by_keyboard_alone(seen: Seen, looked_at: Path) -> None:
    names = ",".join(FOUR)
    seen.go(looked_at.as_uri(), f"#choose?r={names}")
    seen.press("5", "p")
    seen.anew("ArrowRight")
    assert "2 of 4" in seen.page.inner_text(".body .line")
    seen.press("x")
    tab_to(seen, "a[href^='#choose/blind']")
    seen.anew("Enter")
    seen.anew("ArrowLeft")
    seen.anew("ArrowDown")
    tab_to(seen, "button:first-child")
    seen.anew("Enter")
    assert "pair 4 of 6" in seen.page.inner_text(".body")
    tab_to(seen, ".body .line button:nth-of-type(4)")
    assert focused(seen) == "show the tally"
    seen.press("Enter")
    assert seen.page.locator(".body tbody tr").count() > 1
    tab_to(seen, "a[href^='#choose/chosen']")
    seen.anew("Enter")
    assert len(seen.page.locator(".command code").all_inner_texts()) > 2
    tab_to(seen, "select[aria-label='of those']")
    seen.press("ArrowDown")
    seen.until("location.hash.includes('least=5')")
    assert seen.page.inner_text(".ids") in FOUR


def test_batches_and_prompts_are_read_by_keyboard_alone(seen: Seen, zipped: Path) -> None:
    seen.go(zipped.as_uri())
    visit(seen, "batches")
    tab_to(seen, "main a[href^='#batches/']")
    seen.anew("Enter")
    assert "Rows on GPUs" in seen.page.inner_text("main")
    tab_to(seen, ".track a.row")
    seen.anew("Enter")
    assert seen.evaluate("document.body.dataset.view") == "run"
    visit(seen, "prompts")
    tab_to(seen, ".prompt-card:last-child .scene")
    seen.press("Enter")
    seen.until("document.querySelector('.prompt-card:last-child video.hover').currentTime > 0")
    seen.press("Enter")
    assert seen.page.locator("video.hover").count() == 0
    seen.press("/")
    seen.page.keyboard.type("street")
    seen.until("document.querySelectorAll('.prompt-card').length === 1")
    seen.press("Escape")
    tab_to(seen, "main a[href^='#wall?prompt=']")
    seen.anew("Enter")
    assert seen.evaluate("document.body.dataset.view") == "wall"

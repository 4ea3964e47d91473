"""What is still under way on the page, in a real Chromium, when somebody goes on: films, redraws, other tabs."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import browser as real
from tests.support.browser import DESK, SLOW_DISK, Seen, mark_in, numbers, opened

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]

FILMS = """const make = document.createElement.bind(document); window.films = [];
document.createElement = name => {
  const made = make(name); if (name === 'video') window.films.push(made); return made; };"""
"""`films` are all videos that the page ever made."""
SLOW_FILMS = """(() => { const loaded = UI.loaded; window.held = new Promise(done => { window.release = done; });
UI.loaded = async (...all) => { const came = await loaded(...all); await window.held; return came; }; })()"""
"""From here on no film is there before `release`."""
OPEN = "window.films.filter(one => one.hasAttribute('src')).length"


def test_films_of_a_view_that_was_left_while_they_came_are_shut(chromium: Any, looked_at: Path) -> None:
    with opened(chromium) as seen:
        seen.page.add_init_script(FILMS)
        seen.go(looked_at.as_uri(), "#batches")
        seen.evaluate(SLOW_FILMS)
        seen.evaluate("location.hash = '#run/again'")
        seen.until(f"{OPEN} >= 3")
        seen.turn("#prompts")
        assert seen.evaluate(OPEN) == 0
        seen.evaluate("window.release()")
        seen.two_turns()
        assert seen.evaluate(OPEN) == 0
        assert seen.evaluate("document.body.dataset.ready") == "prompts"
        assert seen.errors == []


def test_a_frame_that_is_wished_for_before_the_films_are_there_is_shown(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#batches")
    seen.evaluate(SLOW_FILMS)
    seen.evaluate("location.hash = '#compare/a,b?f=8'")
    seen.until("document.querySelector('.stage')")
    seen.evaluate("UI.current.keep()")
    assert seen.page.url.endswith("f=8")
    seen.press(".", ".")
    seen.evaluate("window.release()")
    seen.until("document.body.dataset.ready === 'stage'")
    assert numbers(seen.pictures()) == [10, 10]


def test_the_scrub_leads_where_it_was_moved_to_while_all_play(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#compare/a,b")
    seen.press(" ")
    seen.until("+document.body.dataset.frame > 1")
    asked = seen.evaluate(
        """(() => { const scrub = document.querySelector('.scrub');
        scrub.value = 20; scrub.dispatchEvent(new Event('input', { bubbles: true })); return +scrub.value; })()"""
    )
    assert asked == 20
    seen.until("document.body.dataset.frame === '20'")
    assert numbers(seen.pictures()) == [20, 20]


def test_keys_on_the_scrub_count_from_where_it_is_not_from_what_is_shown(chromium: Any, looked_at: Path) -> None:
    with opened(chromium) as seen:
        seen.page.add_init_script(SLOW_DISK)
        seen.go(looked_at.as_uri(), "#compare/a,b")
        seen.hold()
        seen.page.locator(".scrub").focus()
        seen.press("ArrowRight", "ArrowRight")
        seen.until("window.waiting > 1")
        seen.hold()
        seen.until("document.body.dataset.frame === '1'")
        seen.press("ArrowRight")
        assert seen.evaluate("document.querySelector('.scrub').value") == "3"
        seen.evaluate("window.release()")
        seen.until("document.body.dataset.frame === '3'")
        assert seen.errors == []


def test_stars_keep_the_focus_and_a_click_that_leaves_the_note_counts(seen: Seen, looked_at: Path) -> None:
    for view, name in (("#run/a", "a"), ("#choose?at=b", "b")):
        seen.go(looked_at.as_uri(), view)
        seen.page.get_by_label("3 stars").focus()
        seen.press("Enter")
        assert seen.evaluate(f"UI.ratings.of(UI.byId.get('{name}')).stars") == 3
        assert seen.evaluate("document.activeElement.getAttribute('aria-label')") == "3 stars"
        assert seen.page.inner_text(".rated").count("★") == 3
        seen.page.get_by_label("Note", exact=True).fill("wet")
        seen.page.get_by_text("accept", exact=True).click()
        rating = seen.evaluate(f"UI.ratings.of(UI.byId.get('{name}'))")
        assert (rating["note"], rating["accepted"]) == ("wet", True)
        assert seen.evaluate("document.querySelector('.rated [aria-pressed=true]').textContent") == "accept"
    seen.page.get_by_text("next →").focus()
    seen.anew("Enter")
    assert seen.evaluate("document.activeElement.textContent") == "next →"


def test_what_lies_on_what_is_told_anew_and_keeps_the_focus(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#compare/a,b,c?m=onion")
    seen.page.get_by_label("A", exact=True).select_option("2")
    seen.until("document.querySelector('figure.a').dataset.i === '2'")
    seen.page.get_by_label("A", exact=True).focus()
    seen.press("ArrowUp")
    seen.until("document.querySelector('figure.a').dataset.i !== '2'")
    assert seen.evaluate("document.activeElement.getAttribute('aria-label')") == "A"
    seen.page.get_by_label("how much of B").focus()
    a, b = (seen.page.get_by_label(name, exact=True).input_value() for name in "AB")
    seen.press("s")
    assert [seen.page.get_by_label(name, exact=True).input_value() for name in "AB"] == [b, a]
    assert seen.evaluate("document.activeElement.getAttribute('aria-label')") == "how much of B"
    seen.press("d")
    assert seen.page.inner_text(".middle") == "difference × 8"
    seen.press("d")
    assert seen.page.inner_text(".middle") == "difference × 16"
    assert seen.page.locator(".middle input").input_value() == "4"


def test_the_frame_to_save_keeps_the_focus_of_its_button(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#run/again")
    seen.page.locator(".command", has_text="ffmpeg").get_by_text("copy").focus()
    seen.press(".")
    seen.until("document.querySelector('.recipe').textContent.includes('Save frame 1')")
    assert seen.evaluate("document.activeElement.closest('.command').textContent.includes('frame1.png')")


def test_a_blind_pair_that_is_not_on_the_screen_yet_is_not_chosen_from(chromium: Any, looked_at: Path) -> None:
    with opened(chromium) as seen:
        seen.page.add_init_script(SLOW_DISK)
        seen.go(looked_at.as_uri(), "#choose/blind?r=a,b,c")
        seen.hold()
        seen.press("ArrowLeft")
        seen.until("window.waiting > 1")
        seen.press("ArrowLeft", "ArrowLeft")
        assert "pair 2 of 3" in seen.page.inner_text(".body")
        seen.evaluate("delete document.body.dataset.ready, window.release()")
        seen.ready()
        seen.page.get_by_text("the right one").focus()
        seen.anew("Enter")
        seen.anew("Enter")
        assert "Every pair was seen" in seen.page.inner_text(".body")
        assert sum(one["seen"] for one in seen.evaluate("Object.values(UI.store.get('blind'))")) == 6
        assert seen.errors == []


def test_a_film_that_plays_on_the_wall_is_shut_when_its_card_goes(chromium: Any, looked_at: Path) -> None:
    with opened(chromium) as seen:
        seen.page.add_init_script(FILMS)
        seen.go(looked_at.as_uri(), "#wall")
        seen.page.hover('.card[data-id="a"] .still')
        seen.until(f"{OPEN} === 1")
        seen.page.locator("#search").focus()
        seen.page.keyboard.type("nothing like that")
        assert seen.evaluate(OPEN) == 0
        assert seen.errors == []


def test_a_wall_that_is_higher_than_its_first_cards_shows_more(seen: Seen, numbered: Path) -> None:
    seen.go(numbered.as_uri(), "#batches")
    seen.evaluate("UI.PAGE = 2")
    seen.turn("#wall")
    seen.until("document.querySelectorAll('.card').length === UI.data.runs.length")


def test_two_tabs_lose_no_rating_of_each_other(seen: Seen, looked_at: Path) -> None:
    other = Seen(seen.page.context.new_page())
    for tab in (seen, other):
        tab.go(looked_at.as_uri(), "#wall")
    seen.evaluate("UI.ratings.rate(UI.byId.get('a'), { stars: 4 })")
    other.evaluate("UI.ratings.rate(UI.byId.get('b'), { stars: 2 })")
    seen.page.reload()
    seen.ready()
    stars = "['a', 'b'].map(id => (UI.ratings.of(UI.byId.get(id)) || {}).stars)"
    assert seen.evaluate(stars) == [4, 2]
    assert other.evaluate(stars) == [4, 2]


def test_a_button_that_copied_twice_says_what_it_does_again(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#run/a")
    seen.evaluate(
        "window.late = []; const wait = window.setTimeout; window.setTimeout = act => window.late.push(act), 0"
    )
    button = seen.page.locator(".command button").first
    for count in (1, 2):
        button.click()
        seen.until(f"window.late.length === {count}")
    assert button.inner_text() == "copied"
    seen.evaluate("window.late.forEach(act => act())")
    assert button.inner_text() == "copy"


def test_the_last_column_of_a_grid_fits_the_screen(seen: Seen, looked_at: Path) -> None:
    seen.page.set_viewport_size({"width": 1440, "height": 500})
    seen.go(looked_at.as_uri(), "#grid?sweep=four&x=guidance&y=edge&hide=x:7")
    seen.two_turns()
    _, top, _, bottom = seen.boxes(".sweep")[0]
    heights = [low - high for _, high, _, low in seen.boxes(".cell .pic")]
    assert len(heights) == 2
    assert 200 < max(heights) < bottom - top
    seen.page.set_viewport_size(DESK)
    seen.two_turns()
    seen.page.get_by_text("show 7", exact=True).click()
    seen.page.locator(".head.y").first.click()
    assert [mark_in(one) for one in seen.pictures()] == [1, 3]
    rights = [right for _, _, right, _ in seen.boxes(".cell .pic")]
    assert max(rights) > 1400


def test_another_axis_of_the_grid_shows_the_same_frame(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#grid?sweep=four&x=guidance&y=*")
    seen.show(9)
    seen.evaluate("delete document.body.dataset.ready")
    seen.page.get_by_label("across").select_option("edge")
    seen.ready()
    assert numbers(seen.pictures()) == [9, 9, 9, 9]

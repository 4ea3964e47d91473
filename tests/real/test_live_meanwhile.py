"""What is under way on the page of a running `cosmosctl ui` when facts come or somebody goes on, in a real Chromium."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support import browser as real
from tests.support.browser import Seen, opened
from tests.support.page_server import served
from tests.support.tree import Tree

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]

SLOW_ANSWERS = """what => { const ask = window.ask = window.ask || window.fetch;
window.held = new Promise(done => { window.release = done; }); window.asked = [];
window.fetch = async (url, ...others) => {
  window.asked.push(url); const answer = await ask(url, ...others); if (url.startsWith(what)) await window.held;
  return answer; }; }"""
"""From here on answers of addresses that begin so come after `release`; `asked` are all that are asked."""


@contextmanager
def page_of(chromium: Any, project: Tree) -> Iterator[Seen]:
    """The page, once the look copies of the finished run are there."""
    with served(project) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.until("Object.values(UI.data.media).every(one => one.look)")
        yield seen


def slow(seen: Seen, what: str) -> None:
    seen.page.evaluate(SLOW_ANSWERS, what)


def asked(seen: Seen, what: str) -> int:
    return int(seen.evaluate(f"window.asked.filter(url => url.startsWith('{what}')).length"))


def test_a_rating_stays_where_it_was_given_once_it_is_a_fact(chromium: Any, project: Tree) -> None:
    with page_of(chromium, project) as seen:
        for stars, view, told in ((4, "#choose", ".rated"), (2, "#compare/rs_a", "figcaption")):
            seen.turn(view)
            seen.press(str(stars))
            seen.until(f"(UI.byId.get('rs_a').rating || {{}}).stars === {stars}")
            seen.evaluate("UI.ratings.own = {}, document.dispatchEvent(new CustomEvent('rated', { detail: '' }))")
            assert seen.page.inner_text(told).count("★") == stars
        assert seen.errors == []


def test_a_rating_that_could_not_be_written_is_not_shown_and_facts_from_before_it_hide_none(
    chromium: Any, project: Tree
) -> None:
    with page_of(chromium, project) as seen:
        seen.turn("#run/rs_a")
        slow(seen, "do")
        seen.press("4")
        seen.evaluate("UI.renewed({ ...UI.data, live: { ...UI.live } })")
        assert seen.page.inner_text(".rated").count("★") == 4
        seen.evaluate("window.release()")
        seen.until("UI.byId.get('rs_a').rating")
        seen.page.route("**/do", lambda route: route.fulfill(status=403, body="no"))
        seen.press("2")
        seen.until("document.querySelector('.toast.bad')")
        assert seen.page.inner_text(".rated").count("★") == 4


def test_one_change_is_fetched_once(chromium: Any, project: Tree) -> None:
    with page_of(chromium, project) as seen:
        data = seen.evaluate("({ ...UI.data, live: { ...UI.live, version: 'other' } })")
        fetched: list[str] = []

        def answer(route: Any) -> None:
            fetched.append(route.request.url)
            route.fulfill(body=json.dumps(data), content_type="application/json")

        seen.page.route("**/data.json", answer)
        seen.evaluate("UI.told(UI.live.version), UI.told('other')")
        seen.until("UI.live.version === 'other' && !UI.isFetching")
        assert len(fetched) == 1


NEWS = """UI.renewed({ ...UI.data, live: { ...UI.live },
runs: UI.data.runs.map(run => run.id === 'rs_a' ? { ...run, notes: 'news' } : run) })"""
"""What a run's notes say has changed."""


def test_a_view_that_is_drawn_anew_stands_as_it_stood(chromium: Any, project: Tree) -> None:
    with page_of(chromium, project) as seen:
        seen.page.set_viewport_size({"width": 1440, "height": 500})
        seen.turn("#run/rs_a")
        seen.press("z", "i")
        note = seen.page.inner_text(".note")
        assert "zoom" in note
        seen.page.get_by_text("sha256", exact=True).click()
        seen.evaluate("document.getElementById('main').scrollTop = 40")
        seen.page.locator("nav a").nth(1).focus()
        seen.evaluate("delete document.body.dataset.ready")
        seen.evaluate(NEWS)
        seen.ready()
        assert seen.page.inner_text(".notes") == "news"
        assert seen.page.inner_text(".note") == note
        assert seen.evaluate("!document.querySelector('.range').hidden")
        assert seen.page.locator("details[open]", has_text="sha256").count() == 1
        assert seen.evaluate("document.getElementById('main').scrollTop") == 40
        assert seen.evaluate("document.activeElement.textContent") == "Grid"
        seen.turn("#run/rs_b")
        assert seen.evaluate("document.getElementById('main').scrollTop") == 0
        assert seen.errors == []


def test_what_came_while_somebody_typed_is_shown_when_the_typing_ends(chromium: Any, project: Tree) -> None:
    with page_of(chromium, project) as seen:
        seen.turn("#run/rs_a")
        seen.page.get_by_label("Note", exact=True).focus()
        seen.evaluate(NEWS)
        assert seen.page.locator(".notes").count() == 0
        seen.press("Escape")
        seen.until("document.querySelector('.notes')")
        assert seen.errors == []


def test_words_that_are_typed_are_lost_to_no_late_answer_and_to_no_search(chromium: Any, project: Tree) -> None:
    with page_of(chromium, project) as seen:
        seen.turn("#prompts")
        slow(seen, "file/")
        summary = seen.page.locator("details.edit summary").first
        for _ in range(3):
            summary.click()
            seen.two_turns()
        assert asked(seen, "file/") == 1
        seen.page.locator("#search").focus()
        seen.evaluate("window.release()")
        seen.until("document.querySelector('.editing')")
        assert seen.evaluate("document.activeElement.id") == "search"
        seen.page.get_by_label("Words").fill("a wet street")
        seen.page.locator("#search").fill("nothing like that")
        seen.page.locator("#search").fill("")
        assert seen.page.get_by_label("Words").input_value() == "a wet street"
        slow(seen, "do")
        seen.page.get_by_label("Words").focus()
        seen.press("Control+Enter", "Control+Enter")
        assert asked(seen, "do") == 1
        assert not seen.page.get_by_label("Words").is_editable()
        seen.page.locator("#search").focus()
        seen.evaluate("window.release()")
        seen.until("!document.querySelector('.editing')")
        assert seen.evaluate("document.activeElement.id") == "search"
        assert seen.errors == []


def test_what_is_under_way_is_not_begun_again_and_takes_nobody_elsewhere(chromium: Any, project: Tree) -> None:
    with page_of(chromium, project) as seen:
        seen.turn("#run/rs_b")
        slow(seen, "do")
        act = seen.page.locator(".command", has_text="cosmosctl batch rs_b").get_by_text("do it")
        act.click()
        act.click()
        assert asked(seen, "do") == 1
        seen.page.get_by_text("The same with …").click()
        seen.page.get_by_label("edge", exact=True).fill("0.25")
        make = seen.page.get_by_text("make it and run it")
        make.click()
        make.click()
        assert asked(seen, "do") == 2
        seen.turn("#prompts")
        seen.evaluate("window.release()")
        seen.until("!UI.underWay.size")
        assert seen.evaluate("document.body.dataset.view") == "prompts"
        assert asked(seen, "do") == 3
        assert len(list(project.root.glob("runs/*/run.yaml"))) == 3


def test_a_log_that_is_closed_and_opened_is_asked_for_once_at_a_time(chromium: Any, going: Tree) -> None:
    with served(going) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.evaluate("UI.LOG_MS = 0")
        seen.turn("#batches/" + seen.evaluate("UI.data.batches.find(one => one.now).id"))
        slow(seen, "do")
        seen.evaluate(
            "UI.quietly = async () => { window.asked.push('logs'); await window.held; return { out: 'x' }; }, 0"
        )
        for count in (1, 1, 2, 2, 3):
            seen.page.get_by_text("Its log, live").click()
            seen.two_turns()
            assert asked(seen, "logs") == count
        seen.evaluate("(() => { window.held = new Promise(done => { window.again = done; }); window.release(); })()")
        seen.until("window.asked.filter(url => url === 'logs').length > 3")
        seen.two_turns()
        assert asked(seen, "logs") == 4

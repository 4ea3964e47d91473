"""The page in a real Chromium: opened as a file, from a server without Range, by keyboard, on a phone."""

import functools
import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests import clips
from tests.support import browser as real
from tests.support import page_checks, shown_runs
from tests.support.browser import DESK, PHONE, Seen, numbers, opened
from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]


def place(index: Path) -> str:
    return index.as_uri()


def test_every_view_opens_from_a_file_without_an_error(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered))
    page_checks.every_view_opens(seen)


def test_a_still_plays_when_the_pointer_rests_on_it(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered))
    seen.page.hover('.card[data-id="n0"] .still')
    seen.until("document.querySelector('video.hover') && document.querySelector('video.hover').currentTime > 0")
    seen.page.mouse.move(2, 2)
    seen.until("!document.querySelector('video.hover')")


def test_four_clips_show_one_frame_at_rest_and_in_play(seen: Seen, numbered: Path) -> None:
    page_checks.four_clips_show_one_frame(seen, numbered)


@pytest.mark.parametrize("name", ["slow", "n0", "quick", "thirty", "one", "short"])
def test_every_seek_shows_the_very_frame(name: str, seen: Seen, numbered: Path) -> None:
    page_checks.every_seek_is_exact(seen, numbered, name)


def test_a_held_key_loses_no_frame(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered), "#compare/n0,n1")
    seen.show(40)
    seen.press(*[","] * 30)
    seen.until("document.body.dataset.frame === '10'")
    assert numbers(seen.pictures()) == [10, 10]
    seen.press(*["."] * 7)
    seen.until("document.body.dataset.frame === '17'")


def test_other_rates_and_lengths_are_paired_by_time_and_it_is_said(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered), "#compare/n0,thirty")
    seen.show(30)
    assert numbers(seen.pictures()) == [24, 30]
    assert "24 and 30 fps, paired by time" in seen.page.inner_text(".transport")
    seen.turn("#compare/n0,short")
    seen.show(40)
    assert numbers(seen.pictures()) == [40, 23]
    assert seen.page.locator(".ended:visible").count() == 1
    assert "1 and 2 s long" in seen.page.inner_text(".transport")
    seen.turn("#compare/sixty,long")
    assert seen.page.get_attribute(".scrub", "max") == "302"
    for frame, shown in ((30, [30, 12]), (59, [59, 23]), (302, [59, 120])):
        seen.show(frame)
        assert numbers(seen.pictures()) == shown
    assert "24 and 60 fps, paired by time" in seen.page.inner_text(".transport")


@pytest.mark.skipif(not clips.has_encoder(clips.HEVC), reason="this build of PyAV writes no HEVC")
def test_hevc_is_seen(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered), "#compare/hevc,n0")
    seen.show(7)
    assert numbers(seen.pictures()) == [7, 7]


class Plain(http.server.SimpleHTTPRequestHandler):
    """A server that knows no Range."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said."""


class Late(Plain):
    """One that sends a script only once the page, which has all before it, had nothing to do."""

    held, idle = "/page/filters.js", threading.Event()

    def do_GET(self) -> None:
        if self.path == "/idle":
            self.idle.set()
            self.send_response(204)
            self.end_headers()
            return
        if self.path == self.held:
            assert self.idle.wait(PATIENCE_S)
        super().do_GET()


@pytest.fixture
def server(numbered: Path) -> Iterator[str]:
    with serving(Plain, numbered.parent) as address:
        yield address


@contextmanager
def serving(kind: type[Plain], folder: Path) -> Iterator[str]:
    """The address of a page that is served so."""
    handler = functools.partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{served.server_address[1]}/index.html"
        served.shutdown()
        thread.join()


def test_a_page_whose_scripts_come_late_is_as_any_other(seen: Seen, numbered: Path) -> None:
    told = "const look = () => window.UI && UI.index ? requestIdleCallback(() => fetch('/idle')) : setTimeout(look, 1);"
    seen.page.add_init_script(f"{told} if (location.protocol === 'http:') look();")
    with serving(Late, numbered.parent) as address:
        seen.go(address)
        assert seen.page.locator(".card").count() > 0


def test_a_server_without_range_still_seeks(seen: Seen, server: str) -> None:
    seen.go(server, "#compare/n0,n1,thirty")
    for frame in (45, 3, 30):
        seen.show(frame)
        assert numbers(seen.pictures()) == [int(frame * 24 / 30), int(frame * 24 / 30), frame]


def test_wipe_onion_difference_and_toggle_show_what_they_say(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered), "#compare/n0,short")
    seen.show(30)
    seen.press("w")
    box = seen.boxes(".pic canvas")[0]
    seen.page.mouse.move(box[0] + (box[2] - box[0]) * 0.999, box[1] + 40)
    assert numbers(seen.pictures())[:1] == [30]
    seen.page.mouse.move(box[0] + 1, box[1] + 40)
    seen.page.evaluate("new Promise(requestAnimationFrame)")
    assert numbers(seen.pictures())[:1] == [23]
    seen.turn("#compare/n0,n1?m=diff&f=9")
    both = seen.pictures()[0]
    assert both[: len(both) // 2].mean() < 8  # what the encoder did, amplified
    assert both[-20:].min() > 100  # where they differ, amplified
    seen.press("t")
    assert numbers(seen.pictures()) == [9]
    seen.press("g")
    assert len(seen.pictures()) == 2
    seen.press("Shift+Digit2")
    assert len(seen.pictures()) == 1


def test_an_offset_shifts_one_side_and_stands_in_the_address(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered), "#compare/n0,n1?f=10")
    seen.page.locator("figure").nth(1).focus()
    seen.redrawn("+", "+")
    assert "+2 f" in seen.page.locator("figcaption").nth(1).inner_text()
    assert numbers(seen.pictures()) == [10, 12]
    assert "o=0%2C2" in seen.page.url
    seen.page.reload()
    seen.ready()
    assert numbers(seen.pictures()) == [10, 12]


def test_a_gallery_that_was_zipped_opens_elsewhere_whatever_its_words_are(seen: Seen, zipped: Path) -> None:
    page_checks.a_zipped_gallery_opens(seen, zipped)


def test_an_original_that_is_not_there_is_told_and_its_look_copy_shown(seen: Seen, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    shown_runs.film(tmp_path / "v/a.mp4", 24, Fraction(24))
    index = shown_runs.gallery(tmp_path, [shown_runs.run("a", "v/a.mp4")])
    (tmp_path / "v/a.mp4").unlink()
    seen.go(place(index), "#run/a")
    seen.until("document.querySelector('.where').textContent.includes('look copy')")
    assert numbers(seen.pictures()) == [0]
    seen.errors.clear()  # the browser itself says that a file is not there


def test_runs_are_found_filtered_sorted_and_grouped(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered))
    everything = seen.page.locator(".card").count()
    seen.press("/")
    seen.page.keyboard.type("guidance=2")
    seen.until(f"document.querySelectorAll('.card').length < {everything}")
    assert seen.page.locator(".card").count() > 1
    assert "q=guidance%3D2" in seen.page.url
    seen.turn("#wall?state=blocked")
    assert seen.page.locator(".card").count() == 1
    assert "guardrail" in seen.page.inner_text(".card pre")
    seen.turn("#wall?group=state")
    assert sorted(seen.page.locator(".group span").all_inner_texts()) == ["blocked", "done"]
    seen.turn("#wall?sort=set.seed")
    assert (
        seen.page.locator(".card").first.get_attribute("data-id")
        == sorted(p.stem for p in (numbered.parent.parent / "v").iterdir())[0]
    )


def test_stars_and_verdicts_become_command_lines(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered), "#choose?r=n0,n1,n2")
    seen.press("4", "p", "ArrowRight")
    seen.ready()
    seen.press("2", "x")
    seen.turn("#choose/chosen?r=n0,n1,n2")
    lines = seen.page.locator(".command code").all_inner_texts()
    first, second = sorted(line for line in lines if " rate " in line)
    assert first.startswith("cosmosctl rate --stars 2 --reject n")
    assert second.startswith("cosmosctl rate --stars 4 --accept n")
    assert seen.page.inner_text(".ids") == second.split()[-1]
    assert f"cosmosctl pack {second.split()[-1]}" in lines
    seen.page.reload()
    seen.ready()
    assert seen.page.locator(".command code").all_inner_texts() == lines


def test_all_views_are_used_by_keyboard_alone(seen: Seen, numbered: Path) -> None:
    seen.go(place(numbered))
    seen.page.locator(".card .open").first.focus()
    seen.press("ArrowRight", "ArrowDown", "ArrowUp", "a", "ArrowRight", "a", "c")
    seen.until("document.body.dataset.view === 'compare'")
    seen.ready()
    seen.press(
        "w",
        "ArrowLeft",
        "ArrowRight",
        "n",
        "d",
        "d",
        "t",
        "t",
        "g",
        "s",
        "z",
        "f",
        "i",
        ".",
        ".",
        "o",
        "\\",
        "l",
        "k",
        "Home",
        "End",
        "?",
    )
    assert seen.page.locator("dialog[open]").count() == 1
    seen.press("Escape")
    assert seen.page.locator("dialog[open]").count() == 0
    seen.press("Escape")
    seen.until("document.body.dataset.view === 'wall'")
    seen.ready()
    seen.page.locator(".card .open").first.focus()
    seen.press("Enter")
    seen.until("document.body.dataset.view === 'run'")


VIEWS = {
    "wall": "#wall",
    "run": "#run/{0}",
    "wipe": "#run/{0}?m=wipe&f=60",
    "compare": "#compare/{all}?f=30",
    "grid": "#grid",
    "choose": "#choose",
    "blind": "#choose/blind",
    "chosen": "#choose/chosen",
    "batches": "#batches/{batch}",
    "prompts": "#prompts",
}


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_each_view_fits_its_screen(size: dict[str, int], chromium: Any, demo: Tree, tmp_path: Path) -> None:
    index = Path(demo.cli("gallery").lines[0])
    with opened(chromium, size=size, has_touch=size is PHONE, color_scheme="dark") as seen:
        seen.go(place(index))
        ids = seen.evaluate("UI.data.runs.map(run => run.id)")
        batch = seen.evaluate("UI.data.batches[0].id")
        for name, hash_ in VIEWS.items():
            seen.turn(hash_.format(*ids, all=",".join(ids[:4]), batch=batch))
            page_checks.fits_its_screen(seen, name, size, tmp_path)
            if name == "choose":
                seen.press("4", "p")
        assert seen.errors == []


def kept_out(seen: Seen, views: Mapping[str, str], **facts: str) -> dict[str, list[str]]:
    """What keeps people from using these views, by view."""
    found = {}
    for name, hash_ in views.items():
        seen.turn(hash_.format("n0", **facts))
        if faults := seen.evaluate(real.AXE_RUN):
            found[name] = faults
    return found


@pytest.mark.parametrize(
    ("scheme", "size"), [("dark", DESK), ("light", DESK), ("dark", PHONE)], ids=["dark", "light", "phone"]
)
def test_no_view_keeps_anybody_out(
    scheme: str, size: dict[str, int], chromium: Any, axe: str, numbered: Path, zipped: Path
) -> None:
    with opened(chromium, size=size, has_touch=size is PHONE, color_scheme=scheme) as seen:
        seen.go(place(numbered))
        seen.page.evaluate(axe)
        groups = VIEWS | {"groups": "#wall?group=state"}
        assert kept_out(seen, groups, all="n0,n1,short,failed", batch="none") == {}
        seen.go(place(zipped))
        seen.page.evaluate(axe)
        batch = seen.evaluate("UI.data.batches[0].id")
        assert kept_out(seen, {name: VIEWS[name] for name in ("batches", "prompts")}, batch=batch) == {}

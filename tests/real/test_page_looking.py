"""Looking closely on the page in a real Chromium: wipe, zoom, a range that loops, calm, films in fragments."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosmosctl.media.frames import Pixels
from tests.support import browser as real
from tests.support import page_checks
from tests.support.browser import PHONE, SLOW_DISK, Seen, mark_in, numbers, opened
from tests.support.shown_runs import EARLIER, INPUT, NEWEST, WIDE

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]


def sides(seen: Seen) -> tuple[int, int]:
    """The marks at the left and the right end of what is wiped."""
    whole = seen.pictures()[0]
    tenth = whole.shape[1] // 10
    return mark_in(whole[:, :tenth]), mark_in(whole[:, -tenth:])


def edge(seen: Seen) -> float:
    """Where the wipe stands in the picture, 0..1, by its pixels."""
    row = seen.pictures()[0][-10].mean(axis=1)
    return float(np.abs(np.diff(row)).argmax()) / len(row)


def test_a_result_is_wiped_against_its_input_and_against_an_earlier_one(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#run/again?f=8")
    assert [mark_in(one) for one in seen.pictures()] == [NEWEST, INPUT, EARLIER]
    seen.press("w")
    seen.until("document.querySelector('.stage').dataset.mode === 'wipe'")
    assert sides(seen) == (NEWEST, INPUT)
    left, top, right, _ = seen.boxes(".pic canvas")[0]
    for share in (0.25, 0.75):
        seen.page.mouse.move(left + (right - left) * share, top + 20)
        assert edge(seen) == pytest.approx(share, abs=0.01)
    seen.press("s")
    assert sides(seen) == (INPUT, NEWEST)
    seen.page.get_by_text("wipe against the newest").click()
    seen.until("document.querySelector('.pair').innerText.includes('first')")
    assert sides(seen) == (EARLIER, NEWEST)
    assert set(numbers(seen.pictures())) == {8}
    assert "m=wipe" in seen.page.url
    seen.page.reload()
    seen.ready()
    assert sides(seen) == (EARLIER, NEWEST)


def touch(seen: Seen, *steps: tuple[str, float, float]) -> None:
    """What a finger does."""
    session = seen.page.context.new_cdp_session(seen.page)
    for kind, x, y in steps:
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_a_finger_moves_the_wipe_by_a_tap_and_by_a_drag(chromium: Any, looked_at: Path) -> None:
    with opened(chromium, size=PHONE, has_touch=True) as seen:
        seen.go(looked_at.as_uri(), "#run/again?m=wipe")
        assert sides(seen) == (NEWEST, INPUT)
        left, top, right, bottom = seen.boxes(".pic canvas")[0]
        wide, middle = right - left, (top + bottom) / 2
        seen.page.touchscreen.tap(left + wide * 0.2, middle)
        seen.until("document.querySelector('.bar').getAttribute('aria-valuenow') === '20'")
        assert edge(seen) == pytest.approx(0.2, abs=0.01)
        dragged = [("touchMove", left + wide * share, middle) for share in (0.3, 0.5, 0.7, 0.8)]
        touch(seen, ("touchStart", left + wide * 0.2, middle), *dragged, ("touchEnd", 0, 0))
        seen.until("document.querySelector('.bar').getAttribute('aria-valuenow') === '80'")
        assert edge(seen) == pytest.approx(0.8, abs=0.01)
        assert sides(seen) == (NEWEST, INPUT)
        assert seen.errors == []


def closely(seen: Seen) -> None:
    """Go on once the originals stand in place of the look copies."""
    seen.until(f"[...document.querySelectorAll('.pic canvas')].every(one => one.width === {WIDE[0]})")


def moved(seen: Seen) -> list[float]:
    """How far every picture of the stage is enlarged and moved: scale, right, down. All are alike."""
    found = seen.evaluate(
        """[...document.querySelectorAll('.pic canvas')].map(one => new DOMMatrix(getComputedStyle(one).transform))
        .map(at => [at.a, at.e, at.f])"""
    )
    assert all(one == found[0] for one in found)
    return list(found[0])


def stripes(picture: Pixels) -> float:
    """How much neighbours in a row differ where the wide film has its stripes."""
    height = picture.shape[0]
    rows = picture[height * 5 // 8 : height * 11 // 16].astype(float).mean(axis=2)
    return float(np.abs(np.diff(rows, axis=1)).mean())


def test_all_pictures_are_zoomed_and_moved_alike_and_one_to_one_they_are_the_originals(
    seen: Seen, looked_at: Path
) -> None:
    seen.go(looked_at.as_uri(), "#compare/wide,pieces")
    seen.show(7)
    assert moved(seen) == [1, 0, 0]
    assert max(map(stripes, seen.pictures())) < 40
    seen.press("z")
    closely(seen)
    left, top, right, bottom = seen.boxes(".pic")[0]
    scale, *_ = moved(seen)
    assert scale == pytest.approx(WIDE[0] / (right - left), abs=0.01)
    before = panes(seen)
    assert min(map(stripes, before)) > 150
    middle = (left + right) / 2, (top + bottom) / 2
    seen.page.mouse.move(*middle)
    seen.page.mouse.down()
    seen.page.mouse.move(middle[0] - 60, middle[1] + 30)
    seen.page.mouse.up()
    assert moved(seen) == [scale, -60, 30]
    for was, now in zip(before, panes(seen), strict=True):
        assert np.abs(was[:-30, 60:].astype(int) - now[30:, :-60]).mean() < 2
    seen.page.mouse.wheel(0, -300)
    seen.until(f"document.querySelector('.note').innerText.includes('zoom {round(scale * np.e * 100)} %')")
    assert moved(seen)[0] == pytest.approx(scale * np.e, rel=0.001)
    one, other = panes(seen)
    assert np.abs(one.astype(int) - other).mean() < 1
    seen.press("f")
    assert moved(seen) == [1, 0, 0]
    assert numbers(seen.pictures()) == [7, 7]


def panes(seen: Seen) -> list[Pixels]:
    """What is seen of each picture in its frame, whose edges are left out."""
    whole = seen.shot()
    return [whole[top + 2 : bottom - 2, left + 2 : right - 2] for left, top, right, bottom in seen.boxes(".pic")]


def test_a_fragmented_film_plays_and_every_frame_of_it_is_found(seen: Seen, looked_at: Path) -> None:
    page_checks.every_seek_is_exact(seen, looked_at, "pieces")
    seen.go(looked_at.as_uri(), "#compare/pieces,late,wide")
    note_frames(seen)
    seen.press(" ")
    seen.until("window.noted.some(frame => frame > 0) && +document.body.dataset.drawn > 8")
    seen.press("k")
    shown = numbers(seen.pictures())
    assert shown == [shown[-1]] * 3
    seen.turn("#compare/pieces,wide")
    for frame in (23, 11, 0):
        seen.show(frame)
        seen.press("z")
        closely(seen)
        seen.press("f")
        assert numbers(seen.pictures()) == [frame, frame]


def test_an_original_whose_frames_lie_elsewhere_is_not_taken_for_them(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#compare/late,wide")
    seen.show(11)
    seen.press("z")
    seen.until(f"document.querySelectorAll('.pic canvas')[1].width === {WIDE[0]}")
    seen.press("f")
    assert numbers(seen.pictures()) == [11, 11]
    assert seen.evaluate("document.querySelector('.pic canvas').width") < WIDE[0]
    seen.turn("#run/late")
    seen.until("document.querySelector('.where').textContent.includes('closely too, is its look copy')")


def note_frames(seen: Seen) -> None:
    """From here on `noted` are the frames that the page shows, `turns` how often it went back."""
    seen.evaluate(
        """(() => { const body = document.body, noted = window.noted = [+body.dataset.frame]; window.turns = 0;
        const look = () => { const now = +body.dataset.frame, was = noted[noted.length - 1];
          if (now !== was) noted.push(now); if (now < was) window.turns++; };
        if (window.noting) window.noting.disconnect();
        window.noting = new MutationObserver(look);
        window.noting.observe(body, { attributeFilter: ['data-frame'] }); })()"""
    )


def frames_in_play(seen: Seen, turns: int) -> list[int]:
    """The frames that the page shows, from where it stands, while it plays until it began anew so often."""
    note_frames(seen)
    seen.press(" ")
    for turn in range(1, turns + 1):
        seen.until(f"window.turns >= {turn}")
        one, other = numbers(seen.pictures())
        assert one == other in seen.evaluate("window.noted")
    seen.press("k")
    return list(seen.evaluate("window.noted"))


def test_a_range_holds_while_it_loops(seen: Seen, looked_at: Path) -> None:
    seen.go(looked_at.as_uri(), "#compare/a,again")
    seen.show(6)
    seen.press("i")
    seen.show(11)
    seen.press("o", "\\")
    seen.until("document.querySelector('.note').innerText.includes('loop')")
    left, right = seen.evaluate(
        "['left', 'right'].map(side => parseFloat(document.querySelector('.range').style[side]))"
    )
    assert (left, right) == (pytest.approx(600 / 23, abs=0.01), pytest.approx(1200 / 23, abs=0.01))
    within = set(range(6, 12))
    assert 6 in set(frames_in_play(seen, 3)) <= within
    seen.show(20)
    first, *others = frames_in_play(seen, 2)
    assert first == 20
    assert set(others) <= within
    seen.press("\\")
    note_frames(seen)
    seen.press(" ")
    seen.until("window.noted.some(frame => frame > 11)")


def test_who_plays_while_a_picture_is_on_its_way_waits_for_it_alone(chromium: Any, looked_at: Path) -> None:
    with opened(chromium) as seen:
        seen.page.add_init_script(SLOW_DISK)
        seen.go(looked_at.as_uri(), "#compare/a,again")
        seen.show(3)
        seen.hold()
        seen.press(".")
        seen.until("window.waiting > 1")
        seen.press(" ")
        for _ in range(3):
            seen.evaluate("new Promise(done => setTimeout(done, 150))")
            seen.press("k", " ")
        assert seen.evaluate("document.body.dataset.frame") == "3"
        note_frames(seen)
        seen.evaluate("window.release()")
        seen.until("window.turns > 1")
        noted = seen.evaluate("window.noted")
        assert {now for was, now in pairwise(noted) if now < was} == {0}, noted
        assert not seen.errors


WATCHED = """window.early = []; window.painted = 0;
const time = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'currentTime');
Object.defineProperty(HTMLMediaElement.prototype, 'currentTime', { ...time, set(at) {
  this.isSought = true; time.set.call(this, at);
  const look = (now, told) => {
    this.isSought = Math.abs(told.mediaTime - this.currentTime) > 1 / 24; if (this.isSought) ask(); };
  const ask = () => HTMLVideoElement.prototype.requestVideoFrameCallback.call(this, look); ask(); } });
const paint = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (video, ...others) {
  window.painted++; if (video.isSought) window.early.push(video.currentTime); paint.call(this, video, ...others); };"""
"""Notes each picture that the page paints before the browser told that the sought one is there."""


def test_no_picture_is_painted_before_it_is_there(chromium: Any, looked_at: Path) -> None:
    with opened(chromium) as seen:
        seen.page.add_init_script(WATCHED)
        seen.go(looked_at.as_uri(), "#compare/a,again")
        for frame in (20, 3, 11, 23, 0):
            seen.show(frame)
        frames_in_play(seen, 1)
        assert seen.evaluate("window.painted") > 12
        assert seen.evaluate("window.early") == []


def test_a_view_that_is_left_before_it_is_there_does_not_say_that_the_next_one_is(
    chromium: Any, looked_at: Path
) -> None:
    with opened(chromium) as seen:
        seen.page.add_init_script(SLOW_DISK)
        seen.go(looked_at.as_uri())
        seen.hold()
        for hash_, waiting in (("#compare/a,b?f=5", 2), ("#compare/c,d?f=7", 4)):
            seen.evaluate(f"location.hash = '{hash_}'")
            seen.until(f"window.waiting === {waiting}")
        assert not seen.evaluate("document.body.dataset.ready")
        seen.evaluate("window.release()")
        seen.ready()
        assert seen.evaluate("document.body.dataset.frame") == "7"
        assert seen.errors == []


CALM = ("#wall", "#run/again", "#run/again?m=wipe", "#compare/a,b", "#grid", "#choose", "#choose/blind", "#prompts")


def test_nothing_moves_unasked_for_whoever_wants_less_motion(chromium: Any, looked_at: Path) -> None:
    with opened(chromium, reduced_motion="reduce") as seen:
        seen.go(looked_at.as_uri())
        seen.page.hover('.card[data-id="a"] .still')
        seen.until("document.querySelector('.card[data-id=a] .still').matches(':hover')")
        assert seen.evaluate("UI.hoverSoon === undefined && !UI.hover"), "a still is about to play"
        assert seen.evaluate("getComputedStyle(document.querySelector('.mark')).transitionDuration") == "0s"
        for view in CALM:
            seen.turn(view)
            drawn = seen.evaluate("document.body.dataset.drawn")
            seen.evaluate("new Promise(requestAnimationFrame)")
            assert seen.evaluate("document.getAnimations().length") == 0, view
            assert seen.evaluate("[...document.querySelectorAll('video')].filter(one => !one.paused).length") == 0, view
            assert seen.evaluate("document.body.dataset.drawn") == drawn, view
        seen.turn("#compare/a,b")
        seen.press(" ")
        seen.until("+document.body.dataset.frame > 2")
        assert seen.errors == []

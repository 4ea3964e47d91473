"""What goes on, seen on the page of a running `cosmosctl ui` in a real Chromium: changes, batches, look copies."""

import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from tests import clips
from tests.support import aftermath
from tests.support import browser as real
from tests.support.browser import Seen, opened
from tests.support.page_server import served
from tests.support.tree import Tree, on_this_machine
from tests.support.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]
MOST_TABS = 200
DO = ".command button:first-of-type"
"""The button that runs a command of the page."""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Tree]:
    """A project with two runs, whose rows wait for `aftermath.let_go` when a batch is started with HOLD."""
    tree = aftermath.swift(on_this_machine(tmp_path, {}))
    for run, words in (("rs_a", "first words"), ("rs_b", "second words")):
        tree.prompt(f"ps_{run}", words)
        tree.run(run, prompt=f"ps_{run}")
    yield tree
    aftermath.end_processes(tree)


HOLD = aftermath.faults("held:first,held:second")


def test_tabs_that_have_no_locks_or_no_stream_ask_again_and_again(chromium: Any, project: Tree) -> None:
    with served(project) as (_, address, port):
        with opened(chromium) as seen:
            seen.page.goto(address)
            leave = seen.page.context.storage_state()
        with opened(chromium, storage_state=leave) as alone, opened(chromium, storage_state=leave) as cut:
            alone.page.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined });")
            cut.page.route("**/events", lambda route: route.fulfill(status=404))
            for tab in (alone, cut):
                tab.go(f"http://127.0.0.1:{port}/")
            project.run("rs_c", more="seed: 8\n")
            for tab in (alone, cut):
                tab.until("UI.byId.has('rs_c')")
            assert not [url for url in alone.requests if url.endswith("/events")]
            assert alone.errors == []


def test_when_the_tab_that_holds_the_stream_is_closed_another_one_takes_over(chromium: Any, project: Tree) -> None:
    with served(project) as (_, address, port), opened(chromium) as seen:
        with seen.page.expect_request("**/events"):
            seen.page.goto(address)
        other = Seen(seen.page.context.new_page())
        other.page.goto(f"http://127.0.0.1:{port}/")
        other.ready()
        with other.page.expect_request("**/events"):
            seen.page.close()
        project.run("rs_c", more="seed: 8\n")
        other.until("UI.byId.has('rs_c')")


def test_a_failed_run_is_retried_by_its_button(chromium: Any, project: Tree) -> None:
    project.cli("batch", "rs_b", env=aftermath.faults("block"), expect=1)
    with served(project) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.turn("#run/rs_b")
        assert seen.evaluate("UI.byId.get('rs_b').state") == "failed"
        seen.turn(f"#batches/{project.batches()[-1].name}")
        seen.page.locator(".command", has_text="cosmosctl retry").get_by_text("do it").click()
        seen.until("UI.byId.get('rs_b').state !== 'failed'")
        project.cli("attach")
        seen.until("UI.byId.get('rs_b').state === 'done'")
        assert seen.errors == []


def test_lines_of_the_log_appear_while_a_batch_goes_on(chromium: Any, held: Tree) -> None:
    held.cli("batch", "--detach", env=HOLD)
    name = held.batches()[-1].name
    with served(held) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.evaluate("UI.LOG_MS = 10")
        seen.turn(f"#batches/{name}")
        seen.page.get_by_text("Its log, live").click()
        seen.until("UI.logText.trim() && document.querySelector('.livelog pre').textContent === UI.logText")
        assert SAVED not in seen.evaluate("UI.logText")
        aftermath.let_go(held, "first")
        seen.until(f"UI.logText.split('{SAVED}').length === 2 && document.querySelector('.livelog pre').textContent")
        assert seen.evaluate("UI.data.batches[0].state") == "unfinished"
        aftermath.let_go(held, "second")
        held.cli("attach")
        seen.until("UI.byId.get('rs_b').state === 'done' && !document.querySelector('.livelog')")
        assert seen.errors == []


SAVED = "Saved prompt to "


def test_a_batch_of_the_page_outlives_a_page_that_ends_with_a_tab_open(chromium: Any, held: Tree) -> None:
    with served(replace(held, env={**held.env, **HOLD})) as (process, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.turn("#run/rs_a")
        seen.page.locator(".command", has_text="cosmosctl batch rs_a").get_by_text("do it").click()
        seen.until("['queued', 'running'].includes(UI.byId.get('rs_a').state)")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert aftermath.processes(held) != []
        aftermath.let_go(held, "first")
        held.cli("attach")
        assert held.states()["rs_a"] == "done"
        aftermath.assert_nobody_left(held)
        with served(held):
            seen.until("UI.byId.get('rs_a').state === 'done'")


def test_what_goes_on_batches_and_prompts_are_used_by_keyboard_alone(chromium: Any, going: Tree) -> None:
    with served(going) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        enter(seen, 'nav a[href="#batches"]')
        seen.until("document.querySelector('.going progress')")
        enter(seen, ".going h3 a")
        enter(seen, ".livelog summary")
        seen.until("document.querySelector('.livelog pre').textContent.trim()")
        name = seen.evaluate("UI.route.here().arg")
        enter(seen, DO)
        seen.until(f"UI.data.batches.find(one => one.id === '{name}').state === 'cancelled'")
        enter(seen, 'nav a[href="#prompts"]')
        seen.until("document.body.dataset.view === 'prompts'")
        seen.press("/")
        seen.page.keyboard.type("winter")
        enter(seen, ".edit summary")
        seen.until("document.activeElement.tagName === 'TEXTAREA'")
        seen.press("Control+a")
        seen.page.keyboard.type("a winter without snow")
        seen.press("Control+Enter")
        seen.until("UI.data.prompts.some(one => one.text === 'a winter without snow')")
        seen.until("document.activeElement.matches('.edit summary')")
        seen.press("Escape")
        seen.until("document.body.dataset.view === 'wall'")
        assert seen.errors == []


def enter(seen: Seen, selector: str) -> None:
    """Press Tab until that has the focus, then Enter."""
    for _ in range(MOST_TABS):
        if seen.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
            seen.press("Enter")
            return
        seen.press("Tab")
    raise AssertionError(f"no Tab leads to {selector}")


def test_look_copies_that_are_made_at_first_sight_say_how_far_they_are(chromium: Any, project: Tree) -> None:
    shutil.copytree(project.root / "inputs/videos/city", project.root / "inputs/videos/long")
    endless(project.root / "inputs/videos/long/color.mp4")
    project.prompt("ps_long", scene="inputs/videos/long")
    project.run("rs_0", prompt="ps_long")
    with served(project) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.until("/^making look copies: 1 of [0-9]+$/.test(document.querySelector('#top .making').textContent)")
        assert seen.page.inner_text('.card[data-id="rs_a"] .making') == "its look copy is to be made"
        seen.turn("#run/rs_0")
        seen.until("/^making its look copy … [0-9]+ %$/.test(document.querySelector('.pic .making').textContent)")
        assert seen.errors == []


def endless(path: Path) -> None:
    """A clip whose look copy takes longer than anybody looks on here: a short one, again and again."""
    short = clips.color(path.with_name("short.mp4"), width=160, height=96)
    with av.open(str(path), "w") as target, av.open(str(short)) as first:
        stream = target.add_stream_from_template(first.streams.video[0])
        length = first.streams.video[0].duration or 0
        for number in range(5000):
            first.seek(0)
            for packet in first.demux(video=0):
                if packet.dts is not None and packet.pts is not None:
                    packet.dts, packet.pts = packet.dts + number * length, packet.pts + number * length
                    packet.stream = stream
                    target.mux(packet)
    short.unlink()

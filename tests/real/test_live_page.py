"""The page of a running `cosmosctl ui` in a real Chromium: tabs, restarts, ratings, a batch that ends meanwhile."""

import http.server
import threading
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests import clips
from tests.support import browser as real
from tests.support import page_checks
from tests.support.browser import DESK, PHONE, opened
from tests.support.page_server import eight_tabs, served
from tests.support.tree import Tree

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]


def test_stars_go_into_the_file_and_a_batch_ends_while_the_page_is_open(chromium: Any, project: Tree) -> None:
    with served(project) as (_, address, port), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.until("Object.values(UI.data.media).every(one => one.look)")
        seen.turn("#run/rs_a")
        seen.show(3)
        seen.press("4")
        assert "cosmosctl rate --stars 4 rs_a" in seen.page.inner_text(".toast")  # it goes by itself, soon
        seen.until("UI.byId.get('rs_a').rating && UI.byId.get('rs_a').rating.stars === 4")
        seen.until("document.body.dataset.frame === '3'")  # drawn anew, it gets there again
        assert "stars: 4" in project.run_paths("rs_a").ratings.read_text()
        seen.turn("#run/rs_b")
        seen.page.locator(".command", has_text="cosmosctl batch rs_b").get_by_text("do it").click()
        seen.until("UI.byId.get('rs_b').state === 'done' && document.querySelector('.pic canvas')")
        assert seen.errors == []
        assert {url.split("/")[2] for url in seen.requests if url.startswith("http")} == {f"127.0.0.1:{port}"}


def test_a_note_is_typed_and_what_somebody_else_said_is_nobody_elses(chromium: Any, project: Tree) -> None:
    project.cli("rate", "--stars", "2", "--note", "too dark", "--author", "Ada", "rs_a")
    with served(project) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.turn("#run/rs_a")
        seen.page.get_by_label("Note", exact=True).fill("""it's "wet" at $1 & <b>""")
        seen.press("Enter")
        seen.until("UI.byId.get('rs_a').ratings.length === 2")
        mine = seen.evaluate("UI.byId.get('rs_a').ratings[1]")
        assert (mine["note"], mine["stars"]) == ("""it's "wet" at $1 & <b>""", None)
        seen.press("Escape", "p")
        seen.until("UI.byId.get('rs_a').ratings.length === 3")
        mine = seen.evaluate("UI.byId.get('rs_a').ratings[2]")
        assert (mine["note"], mine["stars"], mine["accepted"]) == ("""it's "wet" at $1 & <b>""", None, True)
        assert "too dark" in seen.page.inner_text(".rated")
        assert seen.errors == []


def test_words_are_edited_with_the_file_beside_them_and_nobodys_change_is_lost(chromium: Any, project: Tree) -> None:
    file = project.paths.prompt("ps_a")
    with served(project) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.turn("#prompts?q=ps_a")
        seen.page.locator("details.edit summary").focus()
        seen.press("Enter")
        seen.until("document.activeElement.tagName === 'TEXTAREA'")
        assert "inputs/videos/city" in seen.page.inner_text("pre[aria-label='prompts/ps_a.yaml']")
        file.write_text(file.read_text() + "# of somebody else\n")
        seen.press("Control+a")
        seen.page.keyboard.type("a wet street")
        seen.press("Control+Enter")
        seen.until("document.querySelector('.mistake').textContent.includes('changed meanwhile')")
        assert "wet" not in file.read_text()
        seen.until("document.querySelector('.beside pre').textContent.includes('of somebody else')")
        seen.page.get_by_text("take the file as it is now").click()
        seen.until("!document.querySelector('.mistake').textContent")
        seen.page.get_by_label("Words").fill("a wet street")
        seen.press("Control+Enter")
        seen.until("UI.prompts.get('ps_a').text === 'a wet street' && !document.querySelector('.editing')")
        assert "# of somebody else" in file.read_text()
        assert seen.errors == []


def test_a_frame_of_the_original_is_saved_and_hosts_are_told(chromium: Any, project: Tree) -> None:
    with served(project) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.until("Object.values(UI.data.media).every(one => one.look)")
        seen.turn("#run/rs_a")
        seen.show(3)
        with seen.page.expect_download() as saved:
            seen.page.get_by_text("save it").click()
        assert saved.value.suggested_filename == "rs_a-frame3.png"
        picture = cv2.imread(str(saved.value.path()))
        original = clips.frames_of(project.run_paths("rs_a").preview.outputs / "output.mp4")[3]
        assert picture is not None
        assert picture.shape == original.shape
        assert abs(picture[:, :, ::-1].astype(int) - original.astype(int)).mean() < 4
        seen.turn("#batches")
        assert "local (the project’s)" in seen.page.inner_text("#main")
        assert seen.page.locator("time.age").count() >= 1
        assert seen.errors == []


def test_the_same_with_another_value_is_made_and_run_from_the_page(chromium: Any, project: Tree) -> None:
    with served(project) as (_, address, _), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.turn("#run/rs_a")
        seen.page.get_by_text("The same with …").click()
        seen.page.get_by_label("edge", exact=True).fill("0.25")
        seen.page.get_by_text("make it and run it").click()
        seen.until("UI.data.runs.some(run => run.set.edge === 0.25 && run.state === 'done')")
        assert seen.errors == []


def test_eight_tabs_hear_of_changes_and_a_restart_leaves_them_alive(chromium: Any, project: Tree) -> None:
    with served(project) as (first, address, port), opened(chromium) as seen:
        tabs = eight_tabs(seen, address, port)
        project.run("rs_c", more="seed: 8\n")
        for tab in tabs:
            tab.until("UI.byId.has('rs_c')")
        first.kill()
        first.wait()
        with served(project) as (_, _, again):
            assert again == port
            project.run("rs_d", more="seed: 9\n")
            for tab in tabs:
                tab.until("UI.byId.has('rs_d')")


def test_a_link_on_another_site_opens_the_page(chromium: Any, project: Tree) -> None:
    class Other(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing is said."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

    with served(project) as (_, address, port), opened(chromium) as seen:
        page = f"<a href='http://127.0.0.1:{port}/'>open</a>"
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
            thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            seen.page.goto(address)
            seen.ready()
            seen.page.goto(f"http://localhost:{other.server_address[1]}/")
            seen.page.get_by_text("open").click()
            seen.ready()
            other.shutdown()
            thread.join()


LIVE = {
    "now": ("#batches", "", "document.querySelector('.going progress')"),
    "edit": ("#prompts?q=winter", "details.edit summary", "document.activeElement.tagName === 'TEXTAREA'"),
    "next": ("#run/rs_visual", "details.next summary", "document.querySelector('details.next[open] .fields input')"),
}
"""Views that only a running page has: the place, what is clicked there, what shows that it is there."""


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_each_view_of_a_running_page_fits_its_screen_and_keeps_nobody_out(
    size: dict[str, int], chromium: Any, going: Tree, axe: str, tmp_path: Path
) -> None:
    options = {"has_touch": size is PHONE, "color_scheme": "dark"}
    with served(going) as (_, address, _), opened(chromium, size=size, **options) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.page.evaluate(axe)
        seen.until("UI.data.runs.filter(UI.picture).every(run => UI.picture(run).look)")
        for name, (hash_, click, sign) in LIVE.items():
            seen.turn(hash_)
            if click:
                seen.page.locator(click).first.click()
            seen.until(sign)
            page_checks.fits_its_screen(seen, name, size, tmp_path / "shots")
            assert seen.evaluate(real.AXE_RUN) == [], name
        assert seen.errors == []

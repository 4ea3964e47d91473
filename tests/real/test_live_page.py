"""The page of a running `cosmosctl ui` in a real Chromium: tabs, restarts, ratings, a batch that ends meanwhile."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_ui import served
from tests.support import browser as real
from tests.support.browser import Seen, opened
from tests.support.tree import Tree, on_this_machine

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(real.PROGRAM is None, reason="no chromium: .ci/packages chromium"),
]
TABS = 8


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with real.chromium(tmp_path_factory.mktemp("playwright")) as browser:
        yield browser


@pytest.fixture
def project(tmp_path: Path) -> Tree:
    tree = on_this_machine(tmp_path, {"COSMOSCTL_PREVIEW_ROW_S": "0.01"})
    tree.prompt("ps_x", "<img onerror=alert(1) src=x>")
    tree.run("rs_a", prompt="ps_x")
    tree.cli("batch")
    tree.run("rs_b", more="seed: 7\n")
    return tree


def test_stars_go_into_the_file_and_a_batch_ends_while_the_page_is_open(chromium: Any, project: Tree) -> None:
    with served(project) as (_, address, port), opened(chromium) as seen:
        seen.page.goto(address)
        seen.ready()
        seen.until("UI.picture(UI.byId.get('rs_a')) && UI.picture(UI.byId.get('rs_a')).look")
        seen.turn("#run/rs_a")
        seen.press("4")
        seen.until("UI.byId.get('rs_a').rating && UI.byId.get('rs_a').rating.stars === 4")
        assert "stars: 4" in project.run_paths("rs_a").ratings.read_text()
        assert "cosmosctl rate --stars 4 rs_a" in seen.page.inner_text(".toast")
        seen.turn("#run/rs_b")
        seen.page.locator(".command", has_text="cosmosctl batch rs_b").get_by_text("do it").click()
        seen.until("UI.byId.get('rs_b').state === 'done' && document.querySelector('.pic canvas')")
        assert seen.errors == []
        assert {url.split("/")[2] for url in seen.requests if url.startswith("http")} == {f"127.0.0.1:{port}"}


def test_eight_tabs_hear_of_changes_and_a_restart_leaves_them_alive(chromium: Any, project: Tree) -> None:
    with served(project) as (first, address, port), opened(chromium) as seen:
        seen.page.goto(address)
        tabs = [seen, *(Seen(seen.page.context.new_page()) for _ in range(TABS - 1))]
        for tab in tabs[1:]:
            tab.page.goto(f"http://127.0.0.1:{port}/")
        for tab in tabs:
            tab.ready()
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

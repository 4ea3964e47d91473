"""`ui` without a browser: who may ask, what is served, its writes as commands, how it ends and comes again."""

import asyncio
import gc
import http.client
import io
import json
import os
import signal
import socket
import stat
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.ui import commands
from tests.support.page_server import Client, known, served
from tests.support.tree import Tree, on_this_machine
from tests.support.waiting import PATIENCE_S, wait_until

QUICK = {"COSMOSCTL_PREVIEW_ROW_S": "0.01"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A project with one finished preview and one run that waits."""
    tree = on_this_machine(tmp_path_factory.mktemp("ui"), QUICK)
    tree.run("rs_a")
    tree.cli("batch")
    tree.run("rs_b", more="seed: 7\n")
    return tree


@pytest.fixture(scope="module")
def running(project: Tree) -> Iterator[tuple[Client, int]]:
    with served(project) as (_, address, port):
        yield known(address, port), port


def test_the_address_works_once_and_the_cookie_goes_on(project: Tree, tmp_path: Path) -> None:
    tree = empty(tmp_path, project)
    with served(tree) as (_, address, port):
        client = known(address, port)
        assert client.ask("/")[0] == 200
        assert Client(port).ask(f"/{address.rpartition('/')[2]}")[0] == 403
        assert client.ask(f"/{address.rpartition('/')[2]}")[0] == 303
        headers = client.ask("/")[1]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["referrer-policy"], headers["x-content-type-options"]) == ("no-referrer", "nosniff")
    with served(tree) as (_, _, again):
        assert again == port
        assert client.ask("/data.js")[0] == 200, "a tab lives on over a restart"


GOOD = {"sec_fetch_site": "same-origin"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        (GOOD, 200),
        ({"host": "evil.example:{port}"}, 403),
        ({"host": "127.0.0.1:1"}, 403),
        ({"host": "localhost:{port}"}, 200),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://127.0.0.1:{port}"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 200),
        ({"cookie": "cosmosctl-{port}=guessed"}, 403),
        ({"cookie": ""}, 403),
    ],
)
def test_who_may_ask(headers: dict[str, str], status: int, running: tuple[Client, int]) -> None:
    client, port = running
    given = {name: value.replace("{port}", str(port)) for name, value in headers.items()}
    for path in ("/", "/data.json", "/page/app.js"):
        assert client.ask(path, **given)[0] == status, path


def test_another_page_can_make_it_do_nothing(running: tuple[Client, int]) -> None:
    client, _ = running
    body = json.dumps({"argv": ["rate", "--stars", "1", "rs_a"]}).encode()
    assert client.ask("/do", "POST", body, content_type="application/json", origin="http://evil.example")[0] == 403
    navigated = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert client.ask("/do", "POST", body, content_type="text/plain", **navigated)[0] == 403
    assert client.ask("/do", "POST", body, content_type="text/plain")[0] == 400
    for argv in (["gc", "local"], ["create", "prompt", "x"], [], "rate", ["host", "allow", "x"]):
        body = json.dumps({"argv": argv}).encode()
        assert client.ask("/do", "POST", body, content_type="application/json")[0] == 400


def test_nothing_but_what_is_shown_is_served(running: tuple[Client, int]) -> None:
    client, _ = running
    for path in (
        "/page/..%2Findex.html",
        "/page/nothing.js",
        "/media/x.jpg",
        "/media/..%2F..%2Fcosmosctl.yaml",
        "/video/0",
        "/log/..%2Frs_a",
        "/cosmosctl.yaml",
    ):
        assert client.ask(path)[0] == 404, path


def test_videos_are_served_by_hash_and_in_parts_and_look_copies_are_made_meanwhile(
    running: tuple[Client, int], project: Tree
) -> None:
    client, _ = running
    run = next(one for one in client.data()["runs"] if one["id"] == "rs_a")
    video = (project.run_paths("rs_a").preview.outputs / "output.mp4").read_bytes()
    status, headers, body = client.ask(f"/video/{run['video']}", range="bytes=10-19")
    assert (status, body) == (206, video[10:20])
    assert "immutable" in headers["cache-control"]
    wait_until(lambda: "look" in client.data()["media"][run["video"]], "the look copy", look_s=0.2)
    media = client.data()["media"][run["video"]]
    assert client.ask(f"/{media['still']}")[2].startswith(b"\xff\xd8")
    assert client.ask(f"/{media['look']}")[0] == 200


def test_what_is_done_on_the_page_are_commands_on_plain_files(running: tuple[Client, int], project: Tree) -> None:
    client, _ = running
    before = client.ask("/version")[2]
    done = client.do("rate", "--stars", "4", "--accept", "rs_a")
    assert (done["code"], done["line"]) == (0, "cosmosctl rate --stars 4 --accept rs_a")
    assert "stars: 4" in project.run_paths("rs_a").ratings.read_text()
    assert client.ask("/version")[2] != before
    run = next(one for one in client.data()["runs"] if one["id"] == "rs_a")
    assert (run["rating"]["stars"], run["rating"]["accepted"]) == (4, True)
    done = client.do("rate", "--stars", "4", "rs_nowhere")
    assert done["code"] == 2
    assert "there is no run" in done["err"]


def test_a_prompt_is_edited_on_the_file_that_was_looked_at(running: tuple[Client, int], project: Tree) -> None:
    client, _ = running
    status, headers, text = client.ask("/file/prompt/ps_a")
    file = project.paths.prompt("ps_a")
    assert (status, text) == (200, file.read_bytes())
    assert client.do("edit", "ps_a", "--text=another street", f"--was={headers['x-sha256']}")["code"] == 0
    refused = client.do("edit", "ps_a", "--text=mine", f"--was={headers['x-sha256']}")
    assert (refused["code"], "changed meanwhile" in refused["err"]) == (3, True)
    assert "another street" in file.read_text()
    assert client.ask("/file/run/rs_a")[2] == project.run_paths("rs_a").spec.read_bytes()
    for path in ("prompt/nowhere", "prompt/..%2fcosmosctl", "run/..", "config/cosmosctl", "batch/rs_a"):
        assert client.ask(f"/file/{path}")[0] == 404, path


def test_the_chosen_are_had_as_a_zip_by_the_page_alone(running: tuple[Client, int], project: Tree) -> None:
    client, _ = running
    status, headers, body = client.ask("/chosen.zip?runs=rs_a")
    assert (status, "chosen.zip" in headers["content-disposition"]) == (200, True)
    assert "chosen/rs_a/rs_a.mp4" in zipfile.ZipFile(io.BytesIO(body)).namelist()
    for runs in ("", "rs_b", "../x"):
        assert client.ask(f"/chosen.zip?runs={runs}")[0] == 400, runs
    from_elsewhere = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.ask("/chosen.zip?runs=rs_a", **from_elsewhere)[0] == 403


def test_hosts_and_what_goes_on_are_told_as_they_were_seen(running: tuple[Client, int], project: Tree) -> None:
    client, _ = running
    hosts = {one["id"]: one for one in client.data()["hosts"]}
    assert hosts["local"]["default"]
    assert hosts["local"]["seen"] == pytest.approx(project.batches()[0].events.stat().st_mtime, abs=0.1)
    assert all(batch["now"] is None for batch in client.data()["batches"])
    slow = {"COSMOSCTL_PREVIEW_ROW_S": "600"}
    project.run("rs_long", more="seed: 70\n")
    project.cli("batch", "rs_long", "--detach", env=slow)
    name = project.batches()[-1].name

    def now() -> Any:
        return next(one for one in client.data()["batches"] if one["id"] == name)["now"]

    assert now()["seen"] is None, "nothing was seen of it yet, and so nothing is told"
    wait_until(lambda: client.do("fetch", name) and now()["seen"] is not None, "a word of the host", look_s=0.2)
    assert now()["share"] < 1
    assert client.do("logs", name)["code"] == 0
    assert client.do("cancel", name)["code"] == 0
    assert now() is None


def test_changes_are_told_and_a_batch_of_the_page_comes_home_by_itself(
    running: tuple[Client, int], project: Tree
) -> None:
    client, port = running
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", "/events", headers=client.headers)
    stream = connection.getresponse()
    first = stream.readline()
    assert first.startswith(b"data: ")
    done = client.do("batch", "rs_b")
    assert (done["code"], done["line"]) == (0, "cosmosctl batch rs_b --detach")
    states = set()
    while "done" not in states:
        while not (line := stream.readline()).startswith(b"data: "):
            assert line, "the stream ended"
        states.add(next(one["state"] for one in client.data()["runs"] if one["id"] == "rs_b"))
    connection.close()
    assert (project.run_paths("rs_b").preview.outputs / "output.mp4").is_file()


def test_a_batch_comes_home_as_well_while_a_tab_asks_again_and_again(
    running: tuple[Client, int], project: Tree
) -> None:
    client, _ = running
    project.run("rs_asked", more="seed: 71\n")
    assert client.do("batch", "rs_asked")["code"] == 0

    def is_done() -> bool:
        assert client.ask("/version")[0] == 200
        return any((run["id"], run["state"]) == ("rs_asked", "done") for run in client.data()["runs"])

    wait_until(is_done, "the end of the batch", look_s=0.2)


def empty(folder: Path, project: Tree) -> Tree:
    """Another project of the same user, with nothing in it."""
    tree = Tree(folder / "other", project.home, QUICK)
    tree.root.mkdir()
    tree.config("project: 5f3a91c3\nmodel: transfer1\nhost: local\n")
    return tree


def test_the_line_for_another_machine_is_told(project: Tree, tmp_path: Path) -> None:
    with served(empty(tmp_path, project)) as (process, _, port):
        assert process.stderr is not None
        line = f"from another machine: ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}"
        assert process.stderr.readline().strip() == line


BROWSER = """#!{python}
import http.client, pathlib, sys, urllib.parse
asked = urllib.parse.urlsplit(sys.argv[1])
page = http.client.HTTPConnection(asked.netloc)
page.request("GET", f"/?{{asked.query}}")
pathlib.Path({file!r}).write_text(f"{{page.getresponse().status}} {{sys.argv[1]}}")
"""
"""One that ends only once the page has answered, as some do that stay in the foreground."""


def test_it_is_opened_in_a_browser_that_is_not_waited_for(project: Tree, tmp_path: Path) -> None:
    browser, told = tmp_path / "browser", tmp_path / "told"
    browser.write_text(BROWSER.format(python=sys.executable, file=str(told)))
    browser.chmod(0o755)
    tree = empty(tmp_path, project)
    with served(replace(tree, env={**tree.env, "BROWSER": str(browser)}), "--open") as (_, address, _):
        wait_until(lambda: told.exists() and told.read_text(), "the browser")
        assert told.read_text() == f"303 {address}"


def test_a_second_one_says_where_the_first_is(running: tuple[Client, int], project: Tree) -> None:
    done = project.cli("ui", expect=2)
    assert f"http://127.0.0.1:{running[1]}/" in done.err


def test_a_page_that_only_shows_changes_nothing_and_ctrl_c_ends_it_with_a_tab_open(
    project: Tree, tmp_path: Path
) -> None:
    with served(empty(tmp_path, project), "--read-only") as (process, address, port):
        client = known(address, port)
        body = json.dumps({"argv": ["fetch"]}).encode()
        assert client.ask("/do", "POST", body, content_type="application/json")[0] == 403
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        connection.request("GET", "/events", headers=client.headers)
        assert connection.getresponse().readline().startswith(b"data: ")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        connection.close()


def test_a_command_goes_on_to_its_end_when_the_page_that_ran_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow"
    slow.write_text(SLOW.format(tmp_path))
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))

    async def page() -> None:
        asked = asyncio.create_task(commands.run(tmp_path, ("batch", "rs_a")))
        await asyncio.to_thread(wait_until, (tmp_path / "begun").exists)
        asked.cancel()

    asyncio.run(page())
    gc.collect()
    (tmp_path / "go").touch()
    wait_until((tmp_path / "launched").exists, "the command to go on")


SLOW = """#!/bin/sh
cd '{}' && touch begun && while [ ! -e go ]; do sleep 0.01; done && echo words && touch launched
"""
"""In place of Python with a command that takes its time, and says something before it launches anything."""


def test_what_tabs_know_is_for_the_user_alone(running: tuple[Client, int]) -> None:
    state = Path(os.environ["XDG_STATE_HOME"], "cosmosctl/ui")
    files = list(state.iterdir())
    assert files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_without_the_packages_it_says_the_line_that_installs_them_and_a_gallery_needs_none(
    project: Tree, tmp_path: Path
) -> None:
    for name in ("starlette", "uvicorn"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('no', name='{name}')\n")
    without = {"PYTHONPATH": str(tmp_path)}
    assert "pip install 'cosmosctl[ui]'" in project.cli("ui", env=without, expect=2).err
    project.cli("gallery", env=without)
    assert (project.root / "gallery/index.html").is_file()

"""The page in a real Firefox ESR, from a file, with Firefox's own rule for files on."""

import random
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clips
from tests.real.test_page import HOSTILE
from tests.support import firefox, shown_runs
from tests.support.browser import numbers
from tests.support.firefox import Fox
from tests.support.tree import on_this_machine
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(firefox.PROGRAM is None, reason="no firefox-esr: .ci/packages firefox-esr"),
]
VIEWS = ("run/n0", "run/failed", "compare/n0,n1,n2,n3", "grid", "choose", "choose/blind", "choose/chosen", "batches")


@pytest.fixture(scope="module")
def fox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fox]:
    with firefox.opened(tmp_path_factory.mktemp("firefox")) as opened:
        yield opened


@pytest.fixture
def seen(fox: Fox) -> Iterator[Fox]:
    """A page. Whatever goes wrong on it, or leaves this machine, fails the test."""
    fox.errors.clear()
    fox.requests.clear()
    yield fox
    assert fox.errors == []
    assert [url for url in fox.requests if not url.startswith(("file:", "data:", "blob:", "about:"))] == []


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shown_runs.numbered(tmp_path_factory.mktemp("numbered"))


def test_every_view_opens_from_a_file_under_the_strict_rule(seen: Fox, numbered: Path) -> None:
    seen.go(numbered.as_uri())
    assert seen.evaluate("fetch('data.js').then(() => 'read', () => 'refused')") == "refused"
    wait_until(lambda: seen.evaluate("1") and seen.errors, "Firefox's words on that")
    seen.errors.clear()
    assert seen.evaluate("document.querySelectorAll('.card').length") > 5
    for view in (*VIEWS, "prompts"):
        seen.turn(f"#{view}")
    seen.turn("#compare/n0,n1")
    seen.show(5)
    assert numbers(seen.pictures()) == [5, 5]


def test_a_gallery_that_was_zipped_opens_elsewhere_whatever_its_words_are(seen: Fox, tmp_path: Path) -> None:
    tree = on_this_machine(tmp_path, {"COSMOSCTL_PREVIEW_ROW_S": "0.01"})
    clips.scene(tree.root / "inputs/videos/a#&'% b")
    tree.prompt("ps_h", HOSTILE, scene='"inputs/videos/a#&\'% b"', more="notes: '<img onerror=alert(3) src=x>'\n")
    tree.run("rs_h", prompt="ps_h", more="notes: '<script>alert(4)</script>'\ntags: ['<b>']\n")
    tree.cli("batch", expect=0)
    tree.cli("gallery", "--zip", "--copy")
    elsewhere = tmp_path / """else where "#'&"""
    with zipfile.ZipFile(tree.root / "gallery.zip") as made:
        made.extractall(elsewhere)
    shutil.rmtree(tree.root)
    seen.go((elsewhere / "gallery/index.html").as_uri())
    for hash_ in ("#prompts", "#batches", "#grid", "#wall?group=prompt", "#run/rs_h"):
        seen.turn(hash_)
        assert seen.evaluate("document.querySelectorAll('script:not([src])').length") == 0
    assert HOSTILE.split()[0] in seen.evaluate("document.querySelector('.recipe .prompt').innerText")
    assert len(seen.pictures()) >= 2


def test_four_clips_show_one_frame_at_rest_and_in_play(seen: Fox, numbered: Path) -> None:
    seen.go(numbered.as_uri(), "#compare/n0,n1,n2,n3")
    assert numbers(seen.pictures()) == [0, 0, 0, 0]
    seen.press(" ")
    shots = []
    for _ in range(15):
        seen.until(f"+document.body.dataset.drawn > {seen.evaluate('+document.body.dataset.drawn')}")
        shots.append(numbers(seen.pictures()))
    seen.press("k")
    assert [shot for shot in shots if len(set(shot)) > 1 or -1 in shot] == []
    assert len({shot[0] for shot in shots}) > 3


@pytest.mark.parametrize("name", ["slow", "n0", "quick", "thirty", "one"])
def test_every_seek_shows_the_very_frame(name: str, seen: Fox, numbered: Path) -> None:
    seen.go(numbered.as_uri(), f"#compare/{name},{name}")
    last = int(seen.evaluate("document.querySelector('.scrub').max"))
    draw = random.Random(1)
    for frame in [0, last, *(draw.randrange(last + 1) for _ in range(18))]:
        seen.show(frame)
        assert numbers(seen.pictures()) == [frame, frame]

"""The page in a real Firefox ESR, from a file, with Firefox's own rule for files on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import firefox, page_checks
from tests.support.firefox import Fox
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(firefox.PROGRAM is None, reason="no firefox-esr: .ci/packages firefox-esr"),
]


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


def test_every_view_opens_from_a_file_under_the_strict_rule(seen: Fox, numbered: Path) -> None:
    seen.go(numbered.as_uri())
    assert seen.evaluate("fetch('data.js').then(() => 'read', () => 'refused')") == "refused"
    wait_until(lambda: seen.evaluate("1") and seen.errors, "Firefox's words on that")
    seen.errors.clear()
    page_checks.every_view_opens(seen)


def test_a_gallery_that_was_zipped_opens_elsewhere_whatever_its_words_are(seen: Fox, zipped: Path) -> None:
    page_checks.a_zipped_gallery_opens(seen, zipped)


def test_four_clips_show_one_frame_at_rest_and_in_play(seen: Fox, numbered: Path) -> None:
    page_checks.four_clips_show_one_frame(seen, numbered)


@pytest.mark.parametrize("name", ["slow", "n0", "quick", "thirty", "one"])
def test_every_seek_shows_the_very_frame(name: str, seen: Fox, numbered: Path) -> None:
    page_checks.every_seek_is_exact(seen, numbered, name)

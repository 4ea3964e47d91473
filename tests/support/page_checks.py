"""What the page shows in every browser: the same checks, by the words that `browser.Seen` and `firefox.Fox` share."""

import json
import os
import random
import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from cosmosctl.media.frames import Pixels
from tests import clips
from tests.support.browser import PHONE, Seen, numbers
from tests.support.tree import Tree, on_this_machine

PICTURES = "COSMOSCTL_PICTURES"
"""Names the folder that takes a picture of each view: `make pictures`."""
HOSTILE = """</script><script>alert(1)</script> "q" 'q' & # % <img onerror=alert(2) src=x>"""
HOSTILE_NAME = """a#&'% b "q" <script>alert(5)<"""
HOSTILE_SCENE = f"inputs/videos/{HOSTILE_NAME}"
VIEWS = (
    *("run/n0", "run/failed", "compare/n0,n1,n2,n3", "grid", "choose", "choose/blind", "choose/chosen"),
    *("batches", "prompts"),
)
SHOTS, SEEKS = 15, 20


class Page(Protocol):
    """A page of a browser; whoever has it sees to it that nothing went wrong on it."""

    def go(self, address: str, hash_: str = "") -> None: ...
    def turn(self, hash_: str) -> None: ...
    def show(self, frame: int) -> None: ...
    def press(self, *keys: str) -> None: ...
    def until(self, condition: str) -> None: ...
    def evaluate(self, expression: str) -> Any: ...
    def pictures(self) -> Sequence[Pixels]: ...


def every_view_opens(page: Page) -> None:
    """The page of `shown_runs.numbered` is open."""
    assert page.evaluate("document.querySelectorAll('.card').length") > 5
    for view in VIEWS:
        page.turn(f"#{view}")
    page.turn("#compare/n0,n1")
    page.show(5)
    assert numbers(page.pictures()) == [5, 5]


def four_clips_show_one_frame(page: Page, index: Path) -> None:
    """At rest and in play."""
    page.go(index.as_uri(), "#compare/n0,n1,n2,n3")
    assert numbers(page.pictures()) == [0, 0, 0, 0]
    page.press(" ")
    shots = []
    for _ in range(SHOTS):
        page.until(f"+document.body.dataset.drawn > {page.evaluate('+document.body.dataset.drawn')}")
        shots.append(numbers(page.pictures()))
    page.press("k")
    assert [shot for shot in shots if len(set(shot)) > 1 or -1 in shot] == []
    assert len({shot[0] for shot in shots}) > 3


def every_seek_is_exact(page: Page, index: Path, name: str) -> None:
    page.go(index.as_uri(), f"#compare/{name},{name}")
    last = int(page.evaluate("document.querySelector('.scrub').max"))
    draw = random.Random(1)
    for frame in [0, last, *(draw.randrange(last + 1) for _ in range(SEEKS - 2))]:
        page.show(frame)
        assert numbers(page.pictures()) == [frame, frame]


def zipped_elsewhere(folder: Path) -> Path:
    """index.html of a gallery with hostile words and names, zipped and unzipped; its project is gone."""
    plain = on_this_machine(folder, {"COSMOSCTL_PREVIEW_ROW_S": "0.01"})
    tree = Tree(plain.root.rename(folder / HOSTILE_NAME), plain.home, plain.env)
    clips.scene(tree.root / HOSTILE_SCENE)
    tree.prompt("ps_h", HOSTILE, scene=json.dumps(HOSTILE_SCENE), more="notes: '<img onerror=alert(3) src=x>'\n")
    tree.run("rs_h", prompt="ps_h", more="notes: '<script>alert(4)</script>'\ntags: ['<b>']\n")
    tree.cli("batch")
    tree.cli("gallery", "-o", HOSTILE_NAME, "--zip", "--copy", "--with-logs")
    elsewhere = folder / f"else where {HOSTILE_NAME}"
    with zipfile.ZipFile(tree.root / f"{HOSTILE_NAME}.zip") as made:
        made.extractall(elsewhere)
    shutil.rmtree(tree.root)
    return elsewhere / HOSTILE_NAME / "index.html"


def a_zipped_gallery_opens(page: Page, index: Path) -> None:
    """Whatever its words and names are, none is obeyed and all are shown; its originals are there."""
    page.go(index.as_uri())
    for hash_ in ("#compare/rs_h", "#batches", "#grid", "#wall?group=prompt", "#prompts", "#run/rs_h"):
        page.turn(hash_)
        assert page.evaluate("document.querySelectorAll('script:not([src])').length") == 0
        assert HOSTILE_NAME in page.evaluate("document.title")
        if hash_ in ("#prompts", "#run/rs_h"):
            assert HOSTILE_NAME in page.evaluate("document.querySelector('main').innerText"), hash_
    assert HOSTILE.split()[0] in page.evaluate("document.querySelector('.recipe .prompt').innerText")
    originals = "[...document.querySelectorAll('.where a')].map(one => UI.opened([one.href]))"
    assert page.evaluate(f"Promise.all({originals}).then(all => all.length > 1 && all.every(Boolean))")
    assert len(page.pictures()) >= 2


def quick() -> dict[str, str]:
    """The environment of previews that draw nothing, where no pictures are wanted."""
    return {"COSMOSCTL_PREVIEW_ROW_S": "" if PICTURES in os.environ else "0.01"}


def demo(folder: Path) -> Tree:
    """The demo after its batch. Where no pictures are wanted its clips are tiny and its previews draw nothing."""
    tree = Tree(folder / "demo", folder / "home", quick())
    tree.root.mkdir()
    tree.cli("init", ".", "--demo")
    if PICTURES not in os.environ:
        tree.scene()
    tree.cli("batch", "--batch-name", "demo")
    for log in tree.root.glob("runs/*/preview/logs/execution.log"):  # no picture tells of this machine
        own = re.sub(r"[\w./-]*/(?=(cosmosctl|out)/)", "", log.read_text(encoding="utf-8"))
        log.write_text(own, encoding="utf-8")
    return tree


def fits_its_screen(seen: Seen, name: str, size: dict[str, int], folder: Path) -> None:
    """The view that is shown, and is taken a picture of: nothing has to be scrolled sideways, no words are cut off."""
    seen.evaluate("Promise.all([...document.images].slice(0, 12).map(one => one.decode().catch(() => 0)))")
    assert seen.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    for selector in (".card .words", "figcaption"):
        for left, _, right, _ in seen.boxes(selector):
            assert 0 <= left < right <= size["width"] + 1, (name, selector)
    place = Path(os.environ.get(PICTURES, str(folder)))
    place.mkdir(exist_ok=True)
    kind = "phone" if size is PHONE else "desk"
    seen.page.screenshot(path=str(place / f"{name}-{kind}.jpg"), type="jpeg", quality=50)

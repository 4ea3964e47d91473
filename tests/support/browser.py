"""A real Chromium, driven by Playwright, and what is seen on its screen.

Chromium is Debian's, Playwright is PyPI's, which is put into a folder of its own: only these tests need it.
"""

import importlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cosmosctl.media.frames import Pixels
from tests.support.waiting import INSTALL_S, PATIENCE_S

PLAYWRIGHT = "playwright==1.65.2"
AXE = "axe-playwright-python==0.1.8"
"""Brings axe-core, which finds what keeps people from using a page."""
PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PATIENCE_MS = PATIENCE_S * 1000

SLOW_DISK = """const hear = EventTarget.prototype.addEventListener; window.held = Promise.resolve(); window.waiting = 0;
EventTarget.prototype.addEventListener = function (name, act, ...others) {
  const late = async event => { window.waiting++; await window.held; window.waiting--; act(event); };
  hear.call(this, name, name === 'seeked' ? late : act, ...others); };"""
"""No video of the page arrives anywhere while `held` is not there."""


@dataclass
class Seen:
    """A page and all that went wrong on it: errors, refused requests, what left this machine."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def dialog(self, dialog: Any) -> None:
        """Nothing of ours opens one."""
        self.errors.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def go(self, address: str, hash_: str = "") -> None:
        """Open the page anew at that place and wait until its view is there."""
        self.page.goto("about:blank")
        self.page.goto(f"{address}{hash_}")
        self.ready()

    def turn(self, hash_: str) -> None:
        """The same without loading it anew."""
        self.page.evaluate("hash => { delete document.body.dataset.ready; location.hash = hash; }", hash_)
        self.ready()

    def ready(self) -> None:
        """Go on once the view says that it is there."""
        self.until("document.body.dataset.ready")

    def until(self, condition: str) -> None:
        """Go on once that expression holds."""
        self.page.wait_for_function(f"() => {condition}")

    def evaluate(self, expression: str) -> Any:
        """What an expression, or the promise that it is, comes to."""
        return self.page.evaluate(expression)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def anew(self, *keys: str) -> None:
        """Press keys that have something else shown, and wait until it is there."""
        self.page.evaluate("delete document.body.dataset.ready")
        self.press(*keys)
        self.ready()

    def two_turns(self) -> None:
        """Go on once the page has done all that was due."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def hold(self) -> None:
        """No video arrives from here on before `release`; what was held already goes on."""
        self.evaluate(
            """(() => { const before = window.release; window.held = new Promise(done => { window.release = done; });
            if (before) before(); })()"""
        )

    def redrawn(self, *keys: str) -> None:
        """Press keys of which each draws the pictures anew, and wait after each until they are."""
        for key in keys:
            drawn = self.evaluate("+document.body.dataset.drawn")
            self.press(key)
            self.until(f"+document.body.dataset.drawn > {drawn}")

    def show(self, frame: int) -> None:
        """Move the scrub there and wait until every picture is."""
        self.page.evaluate(
            """frame => { const scrub = document.querySelector('.scrub'); scrub.value = frame;
            scrub.dispatchEvent(new Event('input', { bubbles: true })); }""",
            frame,
        )
        self.until(f"document.body.dataset.frame === '{frame}'")

    def shot(self) -> Pixels:
        """What the screen shows, as RGB."""
        data = np.frombuffer(self.page.screenshot(), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert picture is not None
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

    def boxes(self, selector: str) -> list[tuple[int, int, int, int]]:
        """left, top, right, bottom of each element that is seen, once the page has fitted them to the room there is."""
        self.two_turns()
        found = self.page.evaluate(
            """selector => [...document.querySelectorAll(selector)].filter(one => one.offsetParent !== null)
            .map(one => { const b = one.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })""",
            selector,
        )
        return [tuple(map(round, box)) for box in found]

    def pictures(self) -> list[Pixels]:
        """Each picture of a stage in one shot of the screen."""
        boxes, whole = self.boxes(".pic canvas"), self.shot()
        return [whole[top:bottom, left:right] for left, top, right, bottom in boxes]


@contextmanager
def chromium(folder: Path) -> Iterator[Any]:
    """A browser. `folder`: where Playwright may be put."""
    assert PROGRAM is not None
    if importlib.util.find_spec("playwright") is None:
        command = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), PLAYWRIGHT)
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_S)
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    api = importlib.import_module("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=list(ARGUMENTS))
        yield browser
        browser.close()


def axe(folder: Path) -> str:
    """The script of axe-core. `folder`: where it may be put."""
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), AXE)
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_S)
    return next(folder.rglob("axe.min.js")).read_text(encoding="utf-8")


AXE_RUN = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .map(one => `${one.id}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 120)).join(' | ')}`)"""
"""What that script finds on the page that is shown, in words."""


@contextmanager
def opened(browser: Any, *, size: dict[str, int] | None = None, **options: Any) -> Iterator[Seen]:
    """A new page that notes everything that goes wrong on it."""
    context = browser.new_context(viewport=size or DESK, **options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    seen = Seen(page)
    page.on("console", lambda said: seen.errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("dialog", seen.dialog)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective));"
    )
    try:
        yield seen
    finally:
        context.close()


BARS = 8
"""Bits of a frame's number, each a bar; a ninth one is the other way round than the first."""


def coded(frames: int, mark: int = 0, width: int = 320, height: int = 180) -> Iterator[Pixels]:
    """Pictures that tell their own number in black and white bars; below them a mark, which tells films apart."""
    for number in range(frames):
        picture = np.zeros((height, width, 3), np.uint8)
        bits = [number >> bit & 1 for bit in range(BARS)]
        for k, bit in enumerate((*bits, 1 - bits[0])):
            picture[:, k * width // (BARS + 1) : (k + 1) * width // (BARS + 1)] = 235 if bit else 20
        picture[height * 3 // 4 :] = 20 * mark + 20
        yield picture


def number_in(picture: Pixels) -> int:
    """The number that a coded picture tells; -1 when it is none. Dimmed ones too: they are compared with themselves."""
    height, width = picture.shape[:2]
    row = picture[height // 4 : height // 2].mean(axis=(0, 2))
    middles = [row[int((k + 0.5) * width / (BARS + 1))] for k in range(BARS + 1)]
    middle = (max(middles) + min(middles)) / 2
    bits = [int(value > middle) for value in middles]
    return sum(bit << k for k, bit in enumerate(bits[:BARS])) if bits[BARS] == 1 - bits[0] else -1


def mark_in(picture: Pixels) -> int:
    """The mark of a coded picture, or of any part of one from its top to its bottom."""
    return round((float(picture[picture.shape[0] * 7 // 8 :].mean()) - 20) / 20)


def numbers(pictures: Sequence[Pixels]) -> list[int]:
    """What each of these pictures tells."""
    return [number_in(picture) for picture in pictures]

"""A real Firefox ESR, driven by WebDriver BiDi over its websocket, with its rule for pages from files on.

Firefox is Debian's, the websocket library is PyPI's, which is put into a folder of its own: only these tests need it.
"""

import base64
import importlib
import importlib.util
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cosmosctl.media.frames import Pixels
from tests.support.waiting import INSTALL_S, PATIENCE_S, wait_until

WEBSOCKETS = "websockets==17.4"
PROGRAM = shutil.which("firefox-esr")
SIZE = {"width": 1440, "height": 900}
PREFERENCES = {
    "remote.prefs.recommended": False,  # driven, it switches the rule for files off
    "security.fileuri.strict_origin_policy": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "app.normandy.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "media.autoplay.default": 0,
}
KEYS = {"ArrowLeft": "\ue012", "ArrowRight": "\ue014", "Escape": "\ue00c", "Enter": "\ue007"}


@dataclass
class Fox:
    """A page and all that went wrong on it. The same words as of `browser.Seen`."""

    socket: Any
    context: str = ""
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command. Raises: AssertionError with what the browser says."""
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self.socket.recv(PATIENCE_S))
            if said.get("id") == number:
                assert said["type"] == "success", said
                found: dict[str, Any] = said["result"]
                return found
            self._hear(said)

    def _hear(self, said: dict[str, Any]) -> None:
        params = said.get("params", {})
        match said.get("method"):
            case "log.entryAdded" if params["level"] in ("error", "warn"):
                self.errors.append(params["text"])
            case "network.beforeRequestSent":
                self.requests.append(params["request"]["url"])
            case "browsingContext.userPromptOpened":
                self.errors.append(f"dialog {params.get('message')}")

    def evaluate(self, expression: str) -> Any:
        """What an expression, or the promise that it is, comes to."""
        wrapped = f"(async () => JSON.stringify(await ({expression})))()"
        target = {"context": self.context}
        found = self.ask("script.evaluate", expression=wrapped, target=target, awaitPromise=True)
        assert found["type"] == "success", found.get("exceptionDetails", {}).get("text")
        return json.loads(found["result"].get("value", "null"))

    def go(self, address: str, hash_: str = "") -> None:
        """Open the page anew at that place and wait until its view is there."""
        for url in ("about:blank", f"{address}{hash_}"):
            self.ask("browsingContext.navigate", context=self.context, url=url, wait="complete")
        self.ready()

    def turn(self, hash_: str) -> None:
        """The same without loading it anew."""
        self.evaluate(f"(delete document.body.dataset.ready, location.hash = {json.dumps(hash_)})")
        self.ready()

    def ready(self) -> None:
        self.until("document.body.dataset.ready")

    def until(self, condition: str) -> None:
        """Go on once that expression holds."""
        wait_until(lambda: self.evaluate(f"!!({condition})"), condition)

    def press(self, *keys: str) -> None:
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        device = {"type": "key", "id": "keys", "actions": strokes}
        self.ask("input.performActions", context=self.context, actions=[device])

    def show(self, frame: int) -> None:
        """Move the scrub there and wait until every picture is."""
        self.evaluate(
            f"(scrub => {{ scrub.value = {frame}; scrub.dispatchEvent(new Event('input', {{ bubbles: true }})); }})"
            "(document.querySelector('.scrub'))"
        )
        self.until(f"document.body.dataset.frame === '{frame}'")

    def pictures(self) -> list[Pixels]:
        """Each picture of a stage in one shot of the screen."""
        boxes = self.evaluate(
            """[...document.querySelectorAll('.pic canvas')].filter(one => one.offsetParent !== null)
            .map(one => { const b = one.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"""
        )
        shot = self.ask("browsingContext.captureScreenshot", context=self.context)["data"]
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(shot), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        whole = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
        return [whole[top:bottom, left:right] for left, top, right, bottom in (map(round, box) for box in boxes)]


@contextmanager
def opened(folder: Path) -> Iterator[Fox]:
    """A page of a new browser that notes all that goes wrong on it. `folder`: where its profile and library are put."""
    profile = folder / "profile"
    profile.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    assert PROGRAM is not None
    argv = (PROGRAM, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(profile))
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(argv, stdout=said, stderr=said, env={**os.environ, "HOME": str(folder)}) as process,
    ):
        try:
            yield from _connected(folder, process)
        finally:
            process.kill()


def _connected(folder: Path, process: "subprocess.Popen[bytes]") -> Iterator[Fox]:
    pattern = re.compile(r"WebDriver BiDi listening on (ws://127\.0\.0\.1:\d+)")

    def address() -> "re.Match[str] | None":
        assert process.poll() is None, (folder / "said").read_text()
        return pattern.search((folder / "said").read_text(errors="replace"))

    wait_until(address, "the address of Firefox", look_s=0.1)
    found = address()
    assert found is not None
    with _library(folder).connect(f"{found[1]}/session", max_size=None, open_timeout=PATIENCE_S) as socket:
        fox = Fox(socket)
        fox.ask("session.new", capabilities={})
        events = ["log.entryAdded", "network.beforeRequestSent", "browsingContext.userPromptOpened"]
        fox.ask("session.subscribe", events=events)
        fox.context = fox.ask("browsingContext.getTree")["contexts"][0]["context"]
        fox.ask("browsingContext.setViewport", context=fox.context, viewport=SIZE)
        yield fox


def _library(folder: Path) -> Any:
    if importlib.util.find_spec("websockets") is None:
        command = (sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder / "lib"), WEBSOCKETS)
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_S)
        sys.path.append(str(folder / "lib"))
        importlib.invalidate_caches()
    return importlib.import_module("websockets.sync.client")

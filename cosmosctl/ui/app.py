"""The routes, behind the guard."""

import asyncio
import hashlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cosmosctl.commands.choose.pack import pack
from cosmosctl.errors import CosmosctlError
from cosmosctl.io.shipped import page
from cosmosctl.shown.folder import data_text
from cosmosctl.store.looks import COPY, SHEET, STILL
from cosmosctl.ui import commands
from cosmosctl.ui.guard import HEADERS, Asked, cookie_of, is_known, refusal
from cosmosctl.ui.place import Place
from cosmosctl.ui.site import Site

_FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}
_NEVER = {"cache-control": "no-store"}
_LOOK_S, _FETCH_S, _PING_S, _POLLED_S = 0.5, 5.0, 15.0, 10.0
_AT_LEAST = 15
"""So many times longer than a look at all files took is the pause until the next one: thousands cost little too."""
_POST_BYTES = 64 << 10


class Page:
    """The answers to one project's page. `stopping` says whether the server is about to end."""

    def __init__(self, site: Site, stopping: Callable[[], bool]) -> None:
        self.site, self.stopping = site, stopping
        self._tabs, self._polled, self._fetched, self._is_done = 0, -_POLLED_S, 0.0, False

    def app(self) -> Starlette:
        """All routes."""
        return Starlette(
            routes=[
                Route("/", self.index),
                Route("/data.js", self.data),
                Route("/data.json", self.data),
                Route("/events", self.events),
                Route("/version", self.version),
                Route("/do", self.do, methods=["POST"]),
                Route("/page/{name}", self.part),
                Route("/media/{name}", self.media),
                Route("/video/{key}", self.video),
                Route("/file/{kind}/{name}", self.yaml),
                Route("/chosen.zip", self.chosen),
                Route("/log/{name}", self.run_log),
                Route("/batchlog/{name}", self.batch_log),
            ]
        )

    async def index(self, request: Request) -> Response:
        return FileResponse(page() / "index.html", headers=_NEVER)

    async def part(self, request: Request) -> Response:
        file = page() / "page" / request.path_params["name"]
        return FileResponse(file, headers=_NEVER) if file.parent == page() / "page" and file.is_file() else _missing()

    async def data(self, request: Request) -> Response:
        try:
            facts = await run_in_threadpool(self.site.facts)
        except CosmosctlError as e:
            return PlainTextResponse(e.line, 500)
        if request.url.path.endswith(".js"):
            return Response(data_text(facts), media_type="text/javascript", headers=_NEVER)
        return Response(json.dumps(facts), media_type="application/json", headers=_NEVER)

    async def version(self, request: Request) -> Response:
        """What the stream says, for a tab that has none."""
        self._polled = time.monotonic()
        return PlainTextResponse(await run_in_threadpool(self.site.told), headers=_NEVER)

    async def media(self, request: Request) -> Response:
        name = request.path_params["name"]
        kind = next((kind for kind in (SHEET, STILL, COPY) if name.endswith(kind)), None)
        if kind is None:
            return _missing()
        return await self._file(name.removesuffix(kind), kind)

    async def video(self, request: Request) -> Response:
        return await self._file(request.path_params["key"], "")

    async def _file(self, key: str, kind: str) -> Response:
        file = await run_in_threadpool(self.site.file, key, kind)
        return FileResponse(file, headers=_FOR_EVER) if file is not None and file.is_file() else _missing()

    async def yaml(self, request: Request) -> Response:
        """The file of a prompt or run, and its digest: an edit says which one it was made of."""
        kind, name = request.path_params["kind"], request.path_params["name"]
        data = await run_in_threadpool(self.site.yaml, kind, name)
        if data is None:
            return _missing()
        digest = hashlib.sha256(data).hexdigest()
        return PlainTextResponse(data.decode(errors="replace"), headers={**_NEVER, "x-sha256": digest})

    async def chosen(self, request: Request) -> Response:
        """The zip that `cosmosctl pack` writes. No other site can have it made, by a link neither."""
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return PlainTextResponse("refused: it comes from another site\n", 403)
        runs = [name for name in request.query_params.get("runs", "").split(",") if name]
        made = tempfile.TemporaryDirectory(prefix="cosmosctl-pack-")
        try:
            file = await run_in_threadpool(pack, self.site.project.root, runs, Path(made.name, "chosen.zip"))
        except CosmosctlError as e:
            made.cleanup()
            return PlainTextResponse(f"{e.line}\n", 400)
        return FileResponse(file, filename="chosen.zip", headers=_NEVER, background=BackgroundTask(made.cleanup))

    async def run_log(self, request: Request) -> Response:
        return await self._log(request.path_params["name"], of_batch=False)

    async def batch_log(self, request: Request) -> Response:
        return await self._log(request.path_params["name"], of_batch=True)

    async def _log(self, name: str, *, of_batch: bool) -> Response:
        log = await run_in_threadpool(lambda: self.site.log(name, of_batch=of_batch))
        if log is None or not log.is_file() or log.is_symlink():
            return _missing()
        return FileResponse(log, media_type="text/plain; charset=utf-8", headers=_NEVER)

    async def do(self, request: Request) -> Response:
        """Run one of our commands. Only a page of ours can ask: the guard saw Origin and cookie, JSON is asked for."""
        if self.site.read_only:
            return PlainTextResponse("this page is read-only", 403)
        body = await request.body()
        if request.headers.get("content-type") != "application/json" or len(body) > _POST_BYTES:
            return PlainTextResponse("a JSON object is wanted", 400)
        argv = _argv(body)
        if not commands.is_allowed(argv):
            return PlainTextResponse("this is no command of the page", 400)
        done = await commands.run(self.site.project.root, argv)
        self._is_done = True
        return Response(json.dumps(done), media_type="application/json")

    async def events(self, request: Request) -> Response:
        """A line whenever anything changed. One stream serves all tabs of a browser."""
        return StreamingResponse(self._lines(), media_type="text/event-stream", headers=_NEVER)

    async def _lines(self) -> AsyncIterator[str]:
        self._tabs += 1
        told, quiet = "", 0.0
        try:
            while not self.stopping():
                begun = time.perf_counter()
                now = await run_in_threadpool(self.site.told)
                pause = max(_LOOK_S, _AT_LEAST * (time.perf_counter() - begun))
                if now != told:
                    told, quiet = now, 0.0
                    yield f"data: {now}\n\n"
                elif quiet > _PING_S:
                    quiet = 0.0
                    yield ": still here\n\n"
                await self._sleep(pause)
                quiet += pause
        finally:
            self._tabs -= 1

    async def _sleep(self, pause: float) -> None:
        """Until a command of the page has ended, at most so long."""
        while pause > 0 and not self.stopping() and not self._is_done:
            await asyncio.sleep(min(pause, _LOOK_S))
            pause -= _LOOK_S
        self._is_done = False

    async def bring_home(self) -> None:
        """While somebody looks on, bring home what batches of this machine have finished, again and again."""
        while not self.stopping():
            await asyncio.sleep(_LOOK_S)
            self._fetched += _LOOK_S
            is_seen = self._tabs > 0 or time.monotonic() - self._polled < _POLLED_S
            if not is_seen or self.site.read_only or self._fetched < _FETCH_S:
                continue
            self._fetched = 0.0
            try:
                if await run_in_threadpool(self.site.is_running):
                    await commands.run(self.site.project.root, ("fetch",))
            except CosmosctlError:
                continue


def guarded(app: ASGIApp, place: Place, tokens: set[str]) -> ASGIApp:
    """`app` behind the guard. A token of `tokens` gives the cookie, once."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        asked = Asked(request.method, {key.lower(): value for key, value in request.headers.items()})
        await _answer(app, place, tokens, request, asked)(scope, receive, _with_headers(send))

    return answer


def _answer(app: ASGIApp, place: Place, tokens: set[str], request: Request, asked: Asked) -> ASGIApp:
    words = refusal(asked, place)
    if words:
        return PlainTextResponse(f"refused: {words}\n", 403)
    token = request.query_params.get("token") if request.url.path == "/" else None
    if token is not None and token in tokens:
        tokens.discard(token)
        return RedirectResponse("/", 303, {"set-cookie": cookie_of(place), **_NEVER})
    if not is_known(asked, place):
        return PlainTextResponse("refused: open the address that `cosmosctl ui` prints; it works once\n", 403)
    return app if token is None else RedirectResponse("/", 303)


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            more = [(key.encode(), value.encode()) for key, value in HEADERS.items()]
            message["headers"] = [*message["headers"], *more]
        await send(message)

    return told


def _argv(body: bytes) -> list[str]:
    try:
        said: Any = json.loads(body)
    except ValueError:
        return []
    argv = said.get("argv") if isinstance(said, dict) else None
    is_words = isinstance(argv, list) and all(isinstance(word, str) and "\0" not in word for word in argv)
    return argv if is_words and argv is not None else []


def _missing() -> Response:
    return PlainTextResponse("there is no such thing", 404)

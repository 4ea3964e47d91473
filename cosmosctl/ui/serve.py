"""The server: on 127.0.0.1 alone, one for a project, ended by Ctrl-C at once."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.errors import CosmosctlError, UsageError
from cosmosctl.io.lock import locked_at_once
from cosmosctl.opening.project import opened
from cosmosctl.ui.place import Place, keep, new_token, place_of

HOST = "127.0.0.1"
_BACKLOG = 128
INSTALL = "pip install 'cosmosctl[ui]'"


@dataclass(frozen=True)
class Served:
    """Where the page is; `address` works once."""

    address: str
    port: int


def serve(folder: Path, *, port: int | None, read_only: bool, told: Callable[[Served], None]) -> None:
    """Serve the project's page until Ctrl-C; `told` hears where, once it answers.

    Raises: UsageError without the packages that it needs, or where it is served already.
    """
    _require()
    project = opened(folder)
    place = place_of(project.root)
    with locked_at_once(project.derived / "ui.lock") as free:
        if not free:
            raise UsageError(
                f"the page of this project is served already: http://{HOST}:{place.port}/",
                hint="open it in the browser in which it was opened first",
            )
        listening = _listening(place.port if port is None else port, wanted=port is not None)
        place = keep(project.root, place, listening.getsockname()[1])
        with listening:
            asyncio.run(_run(project.root, place, listening, read_only=read_only, told=told))


def _require() -> None:
    try:
        import starlette
        import uvicorn
    except ImportError as e:
        raise UsageError(f"the page needs {e.name}, which is not installed", hint=INSTALL) from e
    assert starlette and uvicorn


def _listening(port: int, *, wanted: bool) -> socket.socket:
    """A socket at that port, else at any free one. Raises: UsageError where just that one is wanted."""
    for number in (port, 0):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((HOST, number))
            made.listen(_BACKLOG)  # from here on who asks waits for the answer
            return made
        except OSError as e:
            made.close()
            if wanted or number == 0:
                raise UsageError(f"--port: {number} cannot be used: {e.strerror}") from e
    raise CosmosctlError("no port is free")


async def _run(
    root: Path, place: Place, listening: socket.socket, *, read_only: bool, told: Callable[[Served], None]
) -> None:
    import uvicorn

    from cosmosctl.domain.layout import ProjectPaths
    from cosmosctl.ui.app import Page, guarded
    from cosmosctl.ui.site import Site

    site = Site(ProjectPaths(root), read_only=read_only)
    page = Page(site, lambda: server.should_exit)
    token = new_token()
    config = uvicorn.Config(
        guarded(page.app(), place, {token}),
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    server = uvicorn.Server(config)
    home = asyncio.create_task(page.bring_home())
    told(Served(f"http://{HOST}:{place.port}/?token={token}", place.port))
    try:
        await server.serve(sockets=[listening])
    finally:
        home.cancel()
        site.close()

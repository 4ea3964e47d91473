"""The page's writes: our own commands, run as somebody would type them."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from cosmosctl.domain.ids import command

VERBS = ("rate", "edit", "batch", "retry", "cancel", "fetch", "logs")
"""What the page may do, beside `create run`."""
_DETACHED = ("batch", "retry")
_SHOWN_CHARS = 20_000
_LOOK_S = 0.02


def is_allowed(argv: Sequence[str]) -> bool:
    """Whether the page may run `cosmosctl ARGV`."""
    return tuple(argv[:2]) == ("create", "run") or (bool(argv) and argv[0] in VERBS)


def as_run(argv: Sequence[str]) -> tuple[str, ...]:
    """The same as it is run: a batch that is started here outlives the page."""
    needs = argv[0] in _DETACHED and not {"--detach", "--dry-run"} & set(argv)
    return (*argv, "--detach") if needs else tuple(argv)


async def run(root: Path, argv: Sequence[str]) -> dict[str, Any]:
    """What came of the command: its line, code and words. It goes on to its end where nobody waits for it any more."""
    told = as_run(argv)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = _started((sys.executable, "-m", "cosmosctl", "-C", str(root), *told), out, err)
        while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
            await asyncio.sleep(_LOOK_S)
        words = {"out": _said(out), "err": _said(err)}
    return {"line": command(*told), "code": os.waitstatus_to_exitcode(ended[1]), **words}


def _started(argv: tuple[str, ...], out: IO[bytes], err: IO[bytes]) -> int:
    """The process of a command. asyncio would kill its own with the loop, from Python 3.12 on (gh-114177)."""
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
        (os.POSIX_SPAWN_DUP2, err.fileno(), 2),
    ]
    env = {**os.environ, "NO_COLOR": "1"}
    return os.posix_spawn(argv[0], argv, env, file_actions=streams, setsid=True)


def _said(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")[-_SHOWN_CHARS:]

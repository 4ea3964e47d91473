"""The page's writes: our own commands, run as somebody would type them."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import command

VERBS = ("rate", "edit", "batch", "retry", "cancel", "fetch", "logs")
"""What the page may do, beside `create run`."""
_DETACHED = ("batch", "retry")
_SHOWN_CHARS = 20_000


def is_allowed(argv: Sequence[str]) -> bool:
    """Whether the page may run `cosmosctl ARGV`."""
    return tuple(argv[:2]) == ("create", "run") or (bool(argv) and argv[0] in VERBS)


def as_run(argv: Sequence[str]) -> tuple[str, ...]:
    """The same as it is run: a batch that is started here outlives the page."""
    needs = argv[0] in _DETACHED and not {"--detach", "--dry-run"} & set(argv)
    return (*argv, "--detach") if needs else tuple(argv)


async def run(root: Path, argv: Sequence[str]) -> dict[str, Any]:
    """What came of the command: its line, code and words."""
    told = as_run(argv)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cosmosctl", "-C", str(root), *told),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    out, err = await process.communicate()
    words = {"out": out.decode(errors="replace"), "err": err.decode(errors="replace")}
    shown = {key: text[-_SHOWN_CHARS:] for key, text in words.items()}
    return {"line": command(*told), "code": process.returncode, **shown}

"""Somebody who comes new: a home of their own, `cosmosctl` in the PATH, a name for git."""

import os
import sys
from pathlib import Path


def newcomer(folder: Path) -> dict[str, str]:
    """The environment of commands that are typed as a page has them; `folder` is their home."""
    command = folder / "bin/cosmosctl"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cosmosctl "$@"\n')
    command.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("COSMOSCTL_", "GIT_"))}
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    own = {"HOME": str(folder), "COSMOSCTL_GPU_LOCKS": str(folder / "locks")}
    own |= {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("DATA", "STATE")}
    path = {"PATH": f"{command.parent}:{os.environ['PATH']}", "COSMOSCTL_PREVIEW_ROW_S": "0.1"}
    return {**kept, **names, **own, **path}

"""Copies of the user's files that a syncing program or git's mergetool left: nobody reads them, edits hide there."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from cosmosctl.io.visible import one_line

_COPY = re.compile(
    r"""(?P<of>.+?)\s*(?:
        \([^)]*conflicted\ copy[^)]*\)          # Dropbox, Nextcloud
      | \.sync-conflict-[0-9]{8}-[^.]*          # Syncthing
      | _(?:BACKUP|BASE|LOCAL|REMOTE)_[0-9]+    # git mergetool
    )\.ya?ml""",
    re.X,
)


def left_copies(root: Path) -> Iterator[str]:
    """A sentence for each, in the project's folder, in prompts/ and in the folders of runs."""
    for folder in (root, root / "prompts", *_folders(root / "runs")):
        for name in _names(folder):
            found = _COPY.fullmatch(name)
            if found:
                place, of = ((folder / one).relative_to(root) for one in (name, f"{found['of']}.yaml"))
                yield f"{one_line(str(place))} is a copy of {one_line(str(of))} that another program left: remove it"


def _folders(folder: Path) -> Iterator[Path]:
    for name in _names(folder):
        if not (folder / name).is_symlink() and (folder / name).is_dir():
            yield folder / name


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder)) if not folder.is_symlink() else []  # noqa: PTH208  # thousands of folders
    except OSError:
        return []

"""Where the project is, and where this machine keeps batches of its own."""

import os
from pathlib import Path

from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.errors import FileError
from cosmosctl.io.given_path import is_file


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds cosmosctl.yaml. Raises: FileError."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if is_file(folder / CONFIG_FILE):
            return folder
    raise FileError(f"{start}: not in a cosmosctl project (no {CONFIG_FILE} here or above)", hint="cosmosctl init")


def local_dir() -> str:
    """The folder of a host that is this machine and names none: $XDG_DATA_HOME/cosmosctl.

    The default and the rule that relative values do not count: XDG Base Directory Specification 0.8. For a user without
    a home: a folder of that user in /var/tmp.
    """
    data = os.environ.get("XDG_DATA_HOME", "")
    if data.startswith("/"):
        return f"{data}/cosmosctl"
    try:
        return str(Path.home() / ".local/share/cosmosctl")
    except RuntimeError:  # neither HOME nor an entry in passwd: a container that runs under a bare number
        return f"/var/tmp/cosmosctl-{os.getuid()}"

"""Where the project is, and where this machine keeps batches of its own."""

import os
from pathlib import Path

from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.git.work_tree import holds_a_home
from cosmosctl.io import user_state
from cosmosctl.io.given_path import is_file
from cosmosctl.io.user_state import FOLDERS, INPUTS, OUTSIDE, digest_of
from cosmosctl.store.user_config import user_config

OUTSIDE_COMMAND = command("host", "allow", "--outside-inputs")


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds cosmosctl.yaml, no link in its path.

    Raises: FileError, also for a project of another user: its files say what runs here.
    """
    start = Path(os.path.realpath(start))
    for folder in (start, *start.parents):
        if is_file(folder / CONFIG_FILE):
            _require_own(folder)
            return folder
    raise FileError(f"{start}: not in a cosmosctl project (no {CONFIG_FILE} here or above)", hint="cosmosctl init")


def find_project(start: Path) -> ProjectPaths:
    """The files of the project that `start` lies in. Raises: as `find_root`."""
    return ProjectPaths(find_root(start))


def _require_own(folder: Path) -> None:
    """Raises: FileError unless the folder and its cosmosctl.yaml belong to this user or to root, or were allowed."""
    owners = {path.lstat().st_uid for path in (folder, folder / CONFIG_FILE)}
    if owners <= {0, os.geteuid()} or user_state.is_noted(FOLDERS, folder_digest(folder)):
        return
    raise FileError(
        f"{folder}: this project belongs to another user, who could have anything run as you",
        hint=f"if you trust them: {command('host', 'allow', '--folder', str(folder))}",
    )


def folder_digest(folder: Path) -> str:
    """What stands for a folder in the notes of allowed ones; the path is a resolved one."""
    return digest_of(os.fsencode(folder))


def outside_counts(root: Path) -> bool:
    """Whether `allow_outside_inputs` of the project in that folder was allowed on this machine."""
    return "*" in user_state.script_allows() or user_state.is_noted(OUTSIDE, folder_digest(root))


def may_be_linked(real: str) -> bool:
    """Whether a resolved path lies in a folder that the user allowed on this machine, for links of projects: by
    `host allow`, or in the user's own config.yaml.
    """
    places = (Path(real), *Path(real).parents)
    if any(user_state.is_noted(INPUTS, folder_digest(place)) for place in places):
        return True
    allowed = {Path(os.path.realpath(folder)) for folder in user_config().folders}
    return any(place in allowed and not holds_a_home(place) for place in places)


def local_dir() -> str:
    """The folder of a host that is this machine and names none: $XDG_DATA_HOME/cosmosctl.

    The default and the rule that relative values do not count: XDG Base Directory Specification 0.8. A user without a
    home (a container that runs under a bare number: neither HOME nor an entry in passwd) has only $XDG_STATE_HOME, and
    else nothing; what is named then nobody but root can make, so that no other user waits there.
    """
    data = os.environ.get("XDG_DATA_HOME", "")
    if data.startswith("/"):
        return f"{data}/cosmosctl"
    try:
        return str(Path.home() / ".local/share/cosmosctl")
    except RuntimeError:
        pass
    try:
        return str(user_state.state_dir() / "local")
    except FileError:
        return f"/run/user/{os.getuid()}/cosmosctl"

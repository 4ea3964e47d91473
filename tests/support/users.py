"""A second user of this machine for a while: a name and a number of nobody's, known in mount namespaces of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE_S

NAME, UID = "cosmosctl-ann", 54321
_WITH_PASSWD = 'mount --bind "$0" /etc/passwd && exec "$@"'


@dataclass(frozen=True)
class SecondUser:
    """`root` is a folder that everybody can look into, `home` in it is the user's own."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def open(self) -> Path:
        """A folder like /var/tmp."""
        return self.root / "open"

    @property
    def tally(self) -> Path:
        """A file that everybody can write to."""
        return self.root / "tally"

    @property
    def among_us(self) -> tuple[str, ...]:
        """What goes before a command that is to know this user by name."""
        return ("unshare", "--mount", "sh", "-c", _WITH_PASSWD, str(self.root / "passwd"))

    @property
    def alone(self) -> tuple[str, ...]:
        """What goes before a command that this user gives."""
        return (*self.among_us, "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups")

    def own(self, path: Path) -> None:
        """Give the user that path and all below it."""
        for one in (path, *path.rglob("*")):
            os.chown(one, UID, UID)


@contextmanager
def second_user(*can_run: str) -> Iterator[SecondUser]:
    """The user, who can run that command; else the test is skipped by name."""
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")):
        pytest.skip("a second user needs root, unshare and setpriv (util-linux)")
    with tempfile.TemporaryDirectory(prefix="u", dir="/tmp") as folder:
        user = SecondUser(Path(folder))
        user.root.chmod(0o755)
        line = f"{NAME}:x:{UID}:{UID}::{user.home}:/bin/sh\n"
        (user.root / "passwd").write_text(Path("/etc/passwd").read_text() + line)
        user.home.mkdir(mode=0o700)
        user.open.mkdir()
        user.open.chmod(0o1777)
        user.tally.touch()
        user.tally.chmod(0o666)
        user.own(user.home)
        tried = subprocess.run((*user.alone, *can_run), capture_output=True, text=True, timeout=PATIENCE_S)
        if tried.returncode != 0:
            pytest.skip(f"a second user cannot run this program here: {tried.stderr[-200:]}")
        yield user

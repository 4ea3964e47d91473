"""launch.yaml: what this machine knows of how a batch left it. git ignores it, as other clones did not."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cosmosctl.domain.batch import stamp
from cosmosctl.errors import FileError
from cosmosctl.io.own import write_text
from cosmosctl.yaml.facts import facts_text, read_facts

ASKED, LAUNCHED, EXPORTED = "asked", "launched", "exported"


@dataclass(frozen=True)
class Launch:
    """`how`: asked (no answer came yet), launched or exported; `where`: the host's name, or the folder exported to."""

    how: str
    where: str
    at: str

    @property
    def words(self) -> str:
        """Where the batch is, as far as nothing came back from it."""
        if self.how == EXPORTED:
            return f"exported to {self.where}"
        return "sent, not looked at since" if self.how == LAUNCHED else "launch not answered"


def note_launch(path: Path, how: str, where: str) -> None:
    """Write launch.yaml. A full disk is no reason to end a launch: without it less is known, nothing is lost."""
    with contextlib.suppress(FileError):
        write_text(path, facts_text(Launch(how, where, stamp(datetime.now(UTC)))))


def read_launch(path: Path) -> Launch | None:
    """How the batch left, or None when it did not, or was bundled by an older release."""
    return read_facts(Launch, path)

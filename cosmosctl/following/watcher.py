"""Whoever looks on while batches are followed, and what came of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import CosmosctlError
from cosmosctl.events.progress import Progress
from cosmosctl.host.streams import Transfer
from cosmosctl.results.collect import Collected

ABANDONED = "abandoned"
"""The state of a batch whose host was given up for gone."""


class Watcher(Protocol):
    """Whoever looks on."""

    def __call__(self, batch: Batch, progress: Progress, home: Mapping[str, Collected], /) -> None:
        """Where a batch stands; called again and again."""

    def transfer(self, batch: Batch, what: str, done: Transfer, /) -> None:
        """How far a push or pull (`what`) is; called by a thread."""


class Unwatched:
    """Nobody looks on."""

    def __call__(self, batch: Batch, progress: Progress, home: Mapping[str, Collected]) -> None:
        """Nothing is shown."""

    def transfer(self, batch: Batch, what: str, done: Transfer) -> None:
        """Nothing is shown."""


How = Callable[[ProjectPaths, str, Watcher], "Outcome"]
"""`attach` or `follow`."""


@dataclass(frozen=True)
class Outcome:
    """A batch whose every run is accounted for."""

    batch: Batch
    runs: Mapping[str, Collected]
    progress: Progress
    state: str

    @property
    def all_done(self) -> bool:
        return all(one.state == "done" for one in self.runs.values())


Stuck = Mapping[str, CosmosctlError]
"""Runs that cannot come home, and why: their folders cannot be written to."""

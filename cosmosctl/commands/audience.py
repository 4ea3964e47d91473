"""Whoever a walk tells what it does: the command line prints it, the Python API looks at what is returned."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from cosmosctl.commands.look_copies import Progress as LookProgress
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Host
from cosmosctl.domain.surprises import Told
from cosmosctl.following.watcher import Outcome, Unwatched, Watcher
from cosmosctl.plan.inputs import ControlProgress, Recipe
from cosmosctl.plan.planner import Plan
from cosmosctl.state.estimates import Past

LeftOut = Mapping[str, Sequence[str]]
"""Run -> why it is not taken."""


class Summing(Watcher, Protocol):
    """A watcher who is also told what came of each batch in the end."""

    def summary(self, outcome: Outcome, root: Path, /) -> None:
        """What came of a batch of the project in `root`."""


class Audience(Protocol):
    """Each method is one thing that may be said on the way; none decides anything."""

    def note(self, text: str, /) -> None:
        """Something to know that is no result."""

    def result(self, text: str, /) -> None:
        """What was made: the id of a new run, the name of a batch, where an export lies."""

    def warn(self, told: Iterable[Told], /) -> None:
        """What is surprising about runs that go on."""

    def left_out(self, runs: LeftOut, /) -> None:
        """Which runs are not taken, and why."""

    def left_out_count(self, mistaken: LeftOut, damaged: LeftOut, /) -> None:
        """How many runs were not taken: the last word of a walk."""

    def plans(self, project: ProjectPaths, plans: Sequence[Plan], host: Host, /) -> None:
        """What a batch would do."""

    def agrees(self, question: str, /) -> bool:
        """Whether the user says yes to something that is asked about."""

    def computing(self) -> AbstractContextManager[ControlProgress]:
        """How far the controls are that are computed here."""

    def copying(self) -> AbstractContextManager[LookProgress]:
        """How far the look copies are that are made of what came home."""

    def starting(self, batch: Batch, /) -> None:
        """A batch is about to be sent."""

    def following(self, pasts: Mapping[str, Past | None], /) -> AbstractContextManager[Summing]:
        """Batches are followed, whose hosts took as long before."""


class Nobody:
    """Nobody listens; what is returned says it all."""

    def note(self, text: str) -> None:
        """Nothing is said."""

    def result(self, text: str) -> None:
        """Nothing is said."""

    def warn(self, told: Iterable[Told]) -> None:
        """Nothing is said."""

    def left_out(self, runs: LeftOut) -> None:
        """Nothing is said."""

    def left_out_count(self, mistaken: LeftOut, damaged: LeftOut) -> None:
        """Nothing is said."""

    def plans(self, project: ProjectPaths, plans: Sequence[Plan], host: Host) -> None:
        """Nothing is said."""

    def agrees(self, question: str) -> bool:
        """Nobody is there to say yes."""
        return False

    def computing(self) -> AbstractContextManager[ControlProgress]:
        return nullcontext(unseen)

    def copying(self) -> AbstractContextManager[LookProgress]:
        return nullcontext(uncounted)

    def starting(self, batch: Batch) -> None:
        """Nothing is said."""

    def following(self, pasts: Mapping[str, Past | None]) -> AbstractContextManager[Summing]:
        return nullcontext(Unsummed())


class Unsummed(Unwatched):
    """Nobody looks on, and nobody asks what came of it."""

    def summary(self, outcome: Outcome, root: Path) -> None:
        """Nothing is said."""


def uncounted(what: str, done: int, total: int) -> None:
    """Nothing is shown."""


def unseen(recipe: Recipe, done: int, total: int) -> None:
    """Nothing is shown."""

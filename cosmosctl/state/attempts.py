"""Everything that attempts left in the folder of one run: in place, as a preview, in history/."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cosmosctl.domain.ids import LAST_NUMBER, is_id
from cosmosctl.domain.layout import ProjectPaths, ResultPaths, RunPaths
from cosmosctl.domain.order import age, lineage
from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.os_error import is_there
from cosmosctl.io.own import NotOwn
from cosmosctl.results.receipts import Failure, Receipt, read_failure, read_receipt


@dataclass(frozen=True)
class Attempt:
    """What a receipt tells, and the folder that it lies in."""

    place: ResultPaths
    receipt: Receipt | Failure

    @property
    def batch(self) -> str:
        return self.receipt.batch

    @property
    def parents(self) -> Sequence[str]:
        return self.receipt.parents

    @property
    def age(self) -> tuple[int, str, str]:
        """Sorts attempts, the oldest first: an attempt comes after those that it descends from."""
        return age(self.receipt.number, self.receipt.batch, self.receipt.ended)


def attempts(project: ProjectPaths, run: str) -> Iterator[Attempt]:
    """Every attempt at the run of which something lies in its folder, what stands in place first."""
    for place in places(project.run(run)):
        for receipt in (read_receipt(place.receipt), read_failure(place.failure)):
            if receipt is not None and is_own(project, run, receipt):
                yield Attempt(place, receipt)


def own_receipt(project: ProjectPaths, run: str, place: ResultPaths) -> Receipt | None:
    """The result in a folder of the run; None when there is none, or it is another run's, copied with the folder."""
    receipt = read_receipt(place.receipt)
    return receipt if receipt is not None and is_own(project, run, receipt) else None


def is_own(project: ProjectPaths, run: str, receipt: Receipt | Failure) -> bool:
    """Whether a receipt in the run's folder tells of it: the run that it names is this one, or was renamed to it."""
    named = receipt.run
    return named == run or not is_id(named) or not is_there(project.run(named).spec)


def places(run: RunPaths) -> tuple[ResultPaths, ...]:
    """The folders below a run's that may hold an attempt: its own, the preview's, those in history/."""
    try:
        kept = [run.kept(name) for name in own.names(run.history) if is_id(name)]
    except NotOwn:
        raise
    except FileError:  # it may not be looked into
        kept = []
    return (run.result, run.preview, *kept)


@dataclass(frozen=True)
class Past:
    """What a batch that is planned now comes after: of each of its runs that has any, the batches before it.

    `number` is above that of all that those runs had.
    """

    parents: dict[str, tuple[str, ...]]
    number: int


def past(project: ProjectPaths, runs: Sequence[str]) -> Past:
    """What is known of these runs. The caller holds the project's lock."""
    found = {run: tuple(attempts(project, run)) for run in runs}
    number = max((one.receipt.number for known in found.values() for one in known), default=0)
    return Past({run: lineage(known) for run, known in found.items() if known}, min(number + 1, LAST_NUMBER))

"""Everything that attempts left in the folder of one run: in place, as a preview, in history/."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cosmosctl.domain.layout import ProjectPaths, ResultPaths, RunPaths
from cosmosctl.domain.order import age, lineage
from cosmosctl.receipts import Failure, Receipt, read_failure, read_receipt


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


def attempts(run: RunPaths) -> Iterator[Attempt]:
    """Every attempt of which something lies in the folder, what stands in place first."""
    for place in places(run):
        for receipt in (read_receipt(place.receipt), read_failure(place.failure)):
            if receipt is not None:
                yield Attempt(place, receipt)


def places(run: RunPaths) -> tuple[ResultPaths, ...]:
    """The folders below a run's that may hold an attempt: its own, the preview's, those in history/."""
    kept = sorted(run.history.iterdir()) if run.history.is_dir() else []
    return (run.result, run.preview, *map(ResultPaths, kept))


@dataclass(frozen=True)
class Past:
    """What a batch that is planned now comes after: of each of its runs that has any, the batches before it.

    `number` is above that of all that those runs had.
    """

    parents: dict[str, tuple[str, ...]]
    number: int


def past(project: ProjectPaths, runs: Sequence[str]) -> Past:
    """What is known of these runs. The caller holds the project's lock."""
    found = {run: tuple(attempts(project.run(run))) for run in runs}
    number = max((one.receipt.number for known in found.values() for one in known), default=0) + 1
    return Past({run: lineage(known) for run, known in found.items() if known}, number)

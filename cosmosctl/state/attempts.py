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
from cosmosctl.results.history import is_file_with
from cosmosctl.results.receipts import Failure, LocalReceipt, Receipt, read_failure, read_receipt


@dataclass(frozen=True)
class Attempt:
    """What a receipt tells, and the folder that it lies in. `is_here`: what lies beside it is what it tells of."""

    place: ResultPaths
    receipt: Receipt | Failure
    is_here: bool = True

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
    seen = set[str]()
    for place in places(project.run(run)):
        for receipt in (read_receipt(place.receipt), read_failure(place.failure)):
            if receipt is not None and is_own(project, run, receipt):
                seen.add(receipt.batch)
                yield Attempt(place, receipt)
    told = told_by_git(project, run)
    if told is not None and told.batch not in seen:
        yield Attempt(project.run(run).result, told, is_here=False)


def told_by_git(project: ProjectPaths, run: str) -> LocalReceipt | None:
    """The result that result.yaml names, wherever its video is."""
    report = read_receipt(project.run(run).result.report)
    return report if report is not None and is_own(project, run, report) else None


def own_receipt(project: ProjectPaths, run: str, place: ResultPaths) -> LocalReceipt | None:
    """The result of the run that a folder tells of, git's word first; None when there is none, or it is another run's,
    copied with the folder.
    """
    found = (read_receipt(file) for file in (place.report, place.receipt))
    return next((one for one in found if one is not None and is_own(project, run, one)), None)


def receipt_beside(project: ProjectPaths, run: str, place: ResultPaths) -> LocalReceipt | None:
    """The result of the run whose video lies in `place`. A version before wrote no receipt there but git's."""
    receipt = read_receipt(place.receipt)
    if receipt is None and place.is_versioned:
        report = read_receipt(place.report)
        is_of = report is not None and is_file_with(place.root / report.primary_output, report.video_sha256)
        receipt = report if is_of else None
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

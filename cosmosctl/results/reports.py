"""result.yaml: the copy of a run's receipt that git versions, written where git does not bring back one of its own.

A file of that name would keep git from switching back to the branch that has it, or from giving back what was stashed.
"""

from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.git import state as git_state
from cosmosctl.io.own import write_text
from cosmosctl.results.receipts import Receipt, read_receipt, receipt_text


def write_new(project: ProjectPaths, place: ResultPaths, receipt: Receipt, branch: str) -> None:
    """Report a result that came home just now, made on that branch; on another one its own report stays."""
    if place.is_versioned and not git_state.is_elsewhere(project.root, branch):
        write_text(place.report, receipt_text(receipt))


def write_again(project: ProjectPaths, place: ResultPaths) -> bool:
    """Whether the report of the video in `place` is there, written now if git cannot be about to bring it back."""
    receipt, report = read_receipt(place.receipt), read_receipt(place.report)
    if receipt is None or not place.is_versioned:
        return True
    if report is not None and report.video_sha256 == receipt.video_sha256:
        return True
    if git_state.may_bring_back(project.root, receipt.branch, place.receipt):
        return False
    write_text(place.report, receipt_text(receipt))
    return True

"""The video of a result whose receipt is here and which itself is not: found in history/, else on its host."""

from collections.abc import Iterator
from pathlib import Path

from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.errors import HostError
from cosmosctl.following.mend import mend
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.process import Unreachable
from cosmosctl.host.pull import pull
from cosmosctl.io import own
from cosmosctl.io.lock import locked
from cosmosctl.results import history, manifests
from cosmosctl.results.collect import Collected
from cosmosctl.results.judgement import UNPLANNED_BYTES, run_bytes
from cosmosctl.results.receipts import Receipt, read_failure
from cosmosctl.state.attempts import own_receipt


def restore(project: ProjectPaths, run: str) -> Collected:
    """The result that the run's receipt tells of, with all of its outputs that are anywhere.

    Files of another result that lie in its place are moved to history/. Raises: HostError when the video is nowhere.
    """
    mend(project, run)
    place, receipt = _lacking(project, run)
    if not _has_video(place.outputs, receipt):
        staged = project.staging / f"{run}.restored"
        own.discard(staged)
        try:
            outputs = _gathered(project, run, place, receipt, staged)
            with locked(project.lock):
                history.put_back(project.run(run), place, outputs, receipt.outputs)
        finally:
            own.discard(staged)
    for found in (project.run(run).result, project.run(run).preview):
        if (one := own_receipt(project, run, found)) is not None:
            manifests.mend(found, one)
    return Collected(run, "done", "", "", place, receipt.warnings)


def _lacking(project: ProjectPaths, run: str) -> tuple[ResultPaths, Receipt]:
    """The result of the run that lacks its video; when none does, the first. Raises: HostError when there is none."""
    paths = project.run(run)
    found = [(place, own_receipt(project, run, place)) for place in (paths.result, paths.preview)]
    there = [(place, receipt) for place, receipt in found if receipt is not None]
    if not there and any(read_failure(place.failure) for place, _ in found):
        raise HostError(f"run {run} has no result; its attempt failed", hint=command("retry", run))
    if not there:
        raise HostError(f"run {run} has no result anywhere", hint=command("batch", run))
    lacking = [(place, receipt) for place, receipt in there if not _has_video(place.outputs, receipt)]
    return (lacking or there)[0]


def _has_video(outputs: Path, receipt: Receipt) -> bool:
    name = Path(receipt.primary_output).name
    return history.is_file_with(outputs / name, receipt.outputs.get(name, ""))


def _gathered(project: ProjectPaths, run: str, place: ResultPaths, receipt: Receipt, staged: Path) -> Path:
    """A folder in `staged` with the outputs that the receipt names, the video among them."""
    outputs = staged / "outputs"
    own.make_folders(outputs)
    for name, digest in receipt.outputs.items():
        copies = (copy for copy in _copies_here(project, run, place, name) if history.is_file_with(copy, digest))
        copy = next(copies, None)
        if copy is not None:
            own.copy_file(copy, outputs / name)
    if not _has_video(outputs, receipt):
        nowhere = f"run {run}: its video is neither in history/ nor on host {receipt.host}"
        try:
            _fetch(project, receipt, staged, outputs)
        except HostError as e:
            if isinstance(e, Unreachable):
                raise
            raise HostError(f"{nowhere}: {e.message}", hint=command("batch", run)) from e
        if not _has_video(outputs, receipt):
            raise HostError(nowhere, hint=command("batch", run))
    return outputs


def _copies_here(project: ProjectPaths, run: str, place: ResultPaths, name: str) -> Iterator[Path]:
    yield place.outputs / name
    history_folder = project.run(run).history
    for kept in own.names(history_folder):
        folders = (one for one in own.names(history_folder / kept) if one.startswith("outputs"))
        yield from (history_folder / kept / one / name for one in folders)


def _fetch(project: ProjectPaths, receipt: Receipt, staged: Path, outputs: Path) -> None:
    """Pull the outputs from the host of the batch that made them. Raises: FileError, HostError."""
    batch = trust.allowed_whereabouts(project.root, project.batch(receipt.batch))
    files = [f"done/{receipt.run}/{name}" for name in receipt.outputs]
    most = run_bytes(batch, batch.row(receipt.run)) if receipt.run in batch.runs else UNPLANNED_BYTES
    pull(invoke_context(), batch, files, staged / "pulled", most_bytes=most)
    for name, digest in receipt.outputs.items():
        pulled = staged / "pulled" / "done" / receipt.run / name
        if history.is_file_with(pulled, digest):
            own.rename(pulled, outputs / name)

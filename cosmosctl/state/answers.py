"""Which of a run's results counts: what git says (result.yaml), what lies here, what was moved to history/.

A result of the run as its files are now comes first, and of those git's own. So a checkout, a merge or a clean changes
the answer, and no video is forgotten, nor taken for another one's.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.order import newest
from cosmosctl.io import own
from cosmosctl.state.attempt_index import ResultTrace, Traces, Tracker
from cosmosctl.store import hash_files


class Answer(NamedTuple):
    """The result that counts. `is_of_now`: made from what the run's files say now; `is_here`: with its video in place.

    `is_reported`: git has this very result too. A result in history/ is never in place.
    """

    result: ResultTrace
    is_of_now: bool
    is_here: bool
    is_reported: bool


class Present(NamedTuple):
    """sha256 of the video in the run's own folder and in its preview's; "" where there is none that a receipt names."""

    own: str = ""
    preview: str = ""


def present(project: ProjectPaths, traces: Mapping[str, Traces]) -> Mapping[str, Present]:
    """What lies in the folders of these runs. A video is read only where it is not as its receipt noted it."""
    runs, known, asked = str(project.runs), dict[str, Present](), dict[str, tuple[str, str]]()
    for run, left in traces.items():
        mine, its_preview = _own(f"{runs}/{run}", left), _preview(f"{runs}/{run}", left)
        known[run] = Present(mine or "", its_preview or "")
        if mine is None or its_preview is None:
            asked[run] = _unknown(f"{runs}/{run}", left, known[run])
    if not asked:
        return known
    found = hash_files(project.root, [one for pair in asked.values() for one in map(Path, pair) if own.is_file(one)])
    for run, (own_video, preview_video) in asked.items():
        mine, its_preview = (found.get(Path(one), "") for one in (own_video, preview_video))
        known[run] = Present(mine or known[run].own, its_preview or known[run].preview)
    return known


def videos_looked_at(left: Traces) -> tuple[str, ...]:
    """The videos that `present` looks at for a run, as paths below its folder."""
    mine, its_preview = left.here or left.report, left.preview
    return (*([mine.video] if mine else []), *([f"preview/{its_preview.video}"] if its_preview else []))


def _unknown(folder: str, left: Traces, there: Present) -> tuple[str, str]:
    """The run's own video and that of its preview, those which have to be read."""
    mine, its_preview = left.here or left.report, left.preview
    return (
        f"{folder}/{mine.video}" if mine is not None and not there.own else "",
        f"{folder}/preview/{its_preview.video}" if its_preview is not None and not there.preview else "",
    )


def _own(folder: str, left: Traces) -> str | None:
    """None: only who reads the video knows."""
    named = [one for one in (left.here, left.report) if one is not None]
    status = _status(f"{folder}/{named[0].video}") if named else None
    if status is None or status.st_size not in [one.video_bytes for one in named]:
        return ""
    here = left.here
    return here.sha256 if here is not None and _is_as_noted(status, here) else None


def _preview(folder: str, left: Traces) -> str | None:
    status = _status(f"{folder}/preview/{left.preview.video}") if left.preview is not None else None
    if status is None or left.preview is None or status.st_size != left.preview.video_bytes:
        return ""
    is_as_noted = left.preview.mtime_ns == 0 or _is_as_noted(status, left.preview)
    return left.preview.sha256 if is_as_noted else None


def _is_as_noted(status: os.stat_result, one: ResultTrace) -> bool:
    return (status.st_size, status.st_mtime_ns) == (one.video_bytes, one.mtime_ns)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116  # asked for ten thousand files at a time
    except OSError:
        return None


def answer(
    run: str, left: Traces, there: Present, now: str | None, tracker: Tracker, *, preview: bool
) -> Answer | None:
    """The result of a run that counts, if any does. `now`: the hash of its files, None where nobody can tell it.

    `preview`: whether a CPU preview counts as the result.
    """
    found = [*_in_place(left, there, now)]
    if preview and left.preview is not None:
        found.append(Answer(left.preview, left.preview.spec == now, there.preview == left.preview.sha256, True))
    fitting = [one for one in found if one.is_of_now]
    best = _newest(one for one in fitting if one.is_here) or _newest(fitting)
    if best is not None and (best.is_here or best.is_reported):
        return best
    kept = _kept(run, now, tracker, preview=preview) if now is not None else None
    return kept or best or _newest(one for one in found if one.is_reported or now is None)


def _in_place(left: Traces, there: Present, now: str | None) -> Iterable[Answer]:
    report, here = left.report, left.here
    if report is not None:
        yield Answer(report, report.spec == now, report.sha256 == there.own != "", True)
    if here is not None and (report is None or here.sha256 != report.sha256):
        is_hidden = report is not None and report.spec == now
        if not is_hidden:
            yield Answer(here, here.spec == now, here.sha256 == there.own != "", False)


def _kept(run: str, now: str, tracker: Tracker, *, preview: bool) -> Answer | None:
    fitting = (one for one in tracker.kept(run) if one.spec == now and (preview or not one.preview))
    found = newest(fitting)
    return None if found is None else Answer(found, True, False, False)


def _newest(answers: Iterable[Answer]) -> Answer | None:
    known = list(answers)
    best = newest(one.result for one in known)
    return next((one for one in known if one.result is best), None)

"""What people think of the videos that runs have now."""

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.io import own
from cosmosctl.results.ratings import UNRATED, Opinion, opinion_of, read_ratings
from cosmosctl.state.attempts import receipt_beside

RESULT, PREVIEW = "result", "preview"


class Video(NamedTuple):
    """The video that a run has: `kind` is result or preview; `path` is below the project."""

    sha256: str
    kind: str
    path: str
    batch: str


def present_video(project: ProjectPaths, run: str) -> Video | None:
    """The run's result if its video is here, else its preview; None where there is neither."""
    home = project.run(run)
    found = (_video(project, run, place) for place in (home.result, home.preview))
    return next((one for one in found if one is not None), None)


def _video(project: ProjectPaths, run: str, place: ResultPaths) -> Video | None:
    receipt = receipt_beside(project, run, place)
    if receipt is None or not receipt.video_sha256:
        return None
    path = place.root / receipt.primary_output
    if not own.is_file(path):
        return None
    kind = PREVIEW if receipt.preview else RESULT
    return Video(receipt.video_sha256, kind, path.relative_to(project.root).as_posix(), receipt.batch)


def opinion(project: ProjectPaths, run: str) -> Opinion:
    """What is said of the video that the run has now."""
    ratings = read_ratings(project.run(run).ratings)
    video = present_video(project, run) if ratings else None
    return UNRATED if video is None else opinion_of(ratings, video.sha256)


def opinions(project: ProjectPaths, runs: Iterable[str]) -> Mapping[str, Opinion]:
    """The same of those of these runs that somebody has rated."""
    rated = [run for run in runs if os.path.isfile(project.run(run).ratings)]  # noqa: PTH113  # may be shut
    return {run: found for run in rated if (found := opinion(project, run)).entries}

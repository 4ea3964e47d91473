"""What somebody thinks of the videos that runs have now, added to their ratings.yaml."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cosmosctl.commands.author import author
from cosmosctl.domain.batch import stamp
from cosmosctl.domain.ids import command, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import UsageError
from cosmosctl.io.lock import locked
from cosmosctl.opening.project import opened
from cosmosctl.results.ratings import MOST_STARS, Opinion, Rating, add_ratings, opinion_of, read_ratings
from cosmosctl.state.rated import Video, present_video
from cosmosctl.store import load_all

MOST_CHARS = 2000
"""Of a note."""


@dataclass(frozen=True)
class Given:
    """What is said: None for what is left as it was. `stars` 0 takes them back, `clear` takes back all."""

    stars: int | None = None
    accepted: bool | None = None
    note: str | None = None
    frame: int | None = None
    clear: bool = False
    author: str | None = None

    def require(self) -> None:
        """Raises: UsageError when nothing is said, or more than can be meant."""
        said = (self.stars, self.accepted, self.note, self.frame)
        if self.clear == any(one is not None for one in said):
            raise UsageError("say what you think: --stars 4, --accept, --reject, --note TEXT, or --clear alone")
        if self.stars is not None and not 0 <= self.stars <= MOST_STARS:
            raise UsageError(f"--stars must be between 0 and {MOST_STARS}, got {self.stars}; 0 takes them back")
        if self.note is not None and len(self.note) > MOST_CHARS:
            raise UsageError(
                f"--note has {len(self.note)} characters, at most {MOST_CHARS} fit; run.yaml takes notes too"
            )
        if self.author is not None and not self.author.strip():
            raise UsageError("--author is empty: leave it out for your own name")


@dataclass(frozen=True)
class Rated:
    """A run's video and what is said of it now, by all."""

    run: str
    video: Video
    opinion: Opinion


def rate(folder: Path, words: Sequence[str], given: Given) -> tuple[Rated, ...]:
    """Rate the videos that these runs have now; all of them or, when one has none, none. Raises: UsageError, FileError.

    What is not said stays as the same author had it for the same video.
    """
    given.require()
    project = opened(folder)
    known = load_all(project.root)
    runs = list(dict.fromkeys(resolve_id(word, known.run_ids, what="run") for word in words))
    videos = {run: _video(project, run) for run in runs}
    by, now = given.author or author(project), stamp(datetime.now(UTC))
    with locked(project.ratings_lock):
        made = {run: _rating(project, run, videos[run], given, by, now) for run in runs}
        for run, rating in made.items():
            add_ratings(project.run(run).ratings, [rating])
    return tuple(Rated(run, videos[run], _opinion(project, run, videos[run])) for run in runs)


def _video(project: ProjectPaths, run: str) -> Video:
    found = present_video(project, run)
    if found is None:
        hint = f"{command('batch', run)}, or {command('fetch', run)}"
        raise UsageError(f"{run} has no video here to rate", hint=hint)
    return found


def _opinion(project: ProjectPaths, run: str, video: Video) -> Opinion:
    return opinion_of(read_ratings(project.run(run).ratings), video.sha256)


def _rating(project: ProjectPaths, run: str, video: Video, given: Given, by: str, now: str) -> Rating:
    blank = Rating(video=video.sha256, kind=video.kind, author=by, at=now)
    if given.clear:
        return blank
    before = next((one for one in _opinion(project, run, video).entries if one.author == by), blank)
    at = max(now, before.at)  # another machine's clock may be ahead: the newest counts
    return replace(
        before,
        stars=before.stars if given.stars is None else given.stars or None,
        accepted=before.accepted if given.accepted is None else given.accepted,
        note=before.note if given.note is None else given.note,
        frame=before.frame if given.frame is None else given.frame,
        at=at,
    )

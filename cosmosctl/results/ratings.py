"""runs/RUN/ratings.yaml: what people said of the run's videos. A rating is of a video, by its sha256."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.ids import Sha256
from cosmosctl.io.checked import Unreadable, read_bounded, text_of, typed

MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Rating:
    """One line of the file: `kind` of video is result, draft or preview; `at` is a moment in ISO 8601."""

    video: Sha256
    kind: str = "result"
    author: str = ""
    stars: int | None = None
    accepted: bool | None = None
    note: str = ""
    frame: int | None = None
    at: str = ""


def read_ratings(path: Path) -> tuple[Rating, ...]:
    """Every rating of a run, the oldest first; what is no rating is passed over."""
    from cosmosctl.yaml.reader import parse

    try:
        found = parse(text_of(read_bounded(path, MOST_BYTES))).value
    except (FileNotFoundError, Unreadable):
        return ()
    return tuple(_sound(found)) if isinstance(found, list) else ()


def _sound(entries: Sequence[object]) -> list[Rating]:
    ratings = []
    for entry in entries:
        try:
            rating = typed(Rating, entry)
        except Unreadable:
            continue
        if rating.stars is None or 0 <= rating.stars <= 5:
            ratings.append(rating)
    return ratings


def counting(ratings: Sequence[Rating], video: str) -> Rating | None:
    """The rating that counts of the video with that sha256: the last one."""
    return next((one for one in reversed(ratings) if one.video == video), None)

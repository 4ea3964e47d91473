"""runs/RUN/ratings.yaml: what people think of a run's videos, an entry a line, so that git joins those of two people.

An entry is of one video, by its sha256: after a new result the run is unrated, and what was said of the earlier one
stays. Entries are only added; of each author the newest of a video counts.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from cosmosctl.domain.ids import Count, Sha256
from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.checked import Unreadable, read_bounded, text_of, typed

MOST_STARS = 5
MOST_BYTES = 1 << 20
"""Six thousand entries."""
HEAD = "# What people think of the videos of this run: cosmosctl rate adds a line, git keeps those of both sides.\n"

_MARKS = re.compile(r"^(?:<{7} .*|={7}|>{7} .*|\|{7} .*)\n?", re.M)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.@+-]*|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def _is_stars(value: int) -> bool:
    return 1 <= value <= MOST_STARS


@dataclass(frozen=True, kw_only=True)
class Rating:
    """What one person says of one video. None and "" stand for what is not said. `frame`: the one that is meant."""

    video: Sha256
    kind: str = "result"
    author: str = ""
    stars: Annotated[int, _is_stars] | None = None
    accepted: bool | None = None
    note: str = ""
    frame: Count | None = None
    at: str = ""


@dataclass(frozen=True)
class Opinion:
    """What all authors say of one video: `stars` on average, `accepted` None where nobody says or they disagree."""

    entries: tuple[Rating, ...] = ()

    @property
    def stars(self) -> float | None:
        given = [one.stars for one in self.entries if one.stars is not None]
        return sum(given) / len(given) if given else None

    @property
    def accepted(self) -> bool | None:
        said = {one.accepted for one in self.entries if one.accepted is not None}
        return said.pop() if len(said) == 1 else None

    @property
    def is_disputed(self) -> bool:
        """Whether some accept it and others reject it."""
        return {True, False} <= {one.accepted for one in self.entries}

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(one.note for one in self.entries if one.note)

    @property
    def words(self) -> str:
        """In a few characters: 4 accepted; "" when nobody said anything."""
        accepted = "disputed" if self.is_disputed else {True: "accepted", False: "rejected", None: ""}[self.accepted]
        stars = "" if self.stars is None else f"{self.stars:.1f}".removesuffix(".0")
        return " ".join(filter(None, (stars, accepted)))


UNRATED = Opinion()


def read_ratings(file: Path) -> tuple[Rating, ...]:
    """Every entry that can be read, in the order of the file, none twice; the marks of a conflict are passed over."""
    try:
        text = text_of(read_bounded(file, MOST_BYTES))
    except (FileNotFoundError, Unreadable):
        return ()
    return ratings_in(text)


def ratings_in(text: str) -> tuple[Rating, ...]:
    """Every entry of this text of a ratings.yaml that can be read."""
    return tuple(dict.fromkeys(one for one in map(_rating, _values(text)) if one is not None))


def trouble(text: str) -> str:
    """What is wrong with this text of a ratings.yaml, in words; "" when nothing is."""
    document = _parsed(_MARKS.sub("", text))
    if document.mistakes:
        first = document.mistakes[0]
        return f"line {first.line}: {first.message}"
    if not isinstance(document.value, list | None):
        return "it is no list; an entry is a line like `- {video: …, author: …, stars: 4}`"
    wrong = [number for number, value in enumerate(document.value or (), start=1) if _rating(value) is None]
    return f"entry {wrong[0]} is no rating: it wants the sha256 of a video, and stars from 1 to 5" if wrong else ""


def opinion_of(ratings: Iterable[Rating], video: str) -> Opinion:
    """What counts of these entries for the video with that sha256; one without a time is as new as it stands."""
    newest: dict[str, Rating] = {}
    for one in ratings:
        if one.video == video and (not one.at or one.author not in newest or one.at >= newest[one.author].at):
            newest[one.author] = one
    return Opinion(tuple(one for one in newest.values() if says_something(one)))


def counting(ratings: Iterable[Rating], video: str) -> Rating | None:
    """The same as one rating: of several people their average, and what all who accept or reject it agree on."""
    found = opinion_of(ratings, video)
    if len(found.entries) < 2:
        return next(iter(found.entries), None)
    return Rating(
        video=video,
        kind=found.entries[0].kind,
        author=", ".join(one.author for one in found.entries),
        stars=None if found.stars is None else round(found.stars),
        accepted=found.accepted,
        note="; ".join(found.notes),
        at=max(one.at for one in found.entries),
    )


def says_something(one: Rating) -> bool:
    """Whether an entry is more than that an earlier one is taken back."""
    return one.stars is not None or one.accepted is not None or bool(one.note)


def add_ratings(file: Path, ratings: Sequence[Rating]) -> None:
    """Add entries at the end of a ratings.yaml. The caller holds the lock. Raises: NotOwn, FileError."""
    try:
        before = text_of(read_bounded(file, MOST_BYTES))
    except FileNotFoundError:
        before = HEAD
    except Unreadable as e:
        raise FileError(f"{file}: cannot be read: {e}") from e
    gap = "" if not before or before.endswith("\n") else "\n"
    after = f"{before}{gap}{''.join(map(rating_line, ratings))}"
    is_list = not isinstance(_parsed(_MARKS.sub("", before)).value, dict | str | int | float)
    if not is_list or not set(ratings) <= set(ratings_in(after)) or len(after.encode()) > MOST_BYTES:
        raise FileError(f"{file}: no line can be added: {trouble(before) or 'it is full'}")
    own.write_text(file, after)


def rating_line(rating: Rating) -> str:
    """An entry as its line; what is not said is left out."""
    parts = {one.name: getattr(rating, one.name) for one in fields(rating)}
    said = [f"{name}: {_written(value)}" for name, value in parts.items() if value is not None and value != ""]
    return f"- {{{', '.join(said)}}}\n"


def _written(value: object) -> str:
    """A value in one line, whatever is in it."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _values(text: str) -> Iterator[Any]:
    plain = _MARKS.sub("", text)
    document = _parsed(plain)
    if not document.mistakes and isinstance(document.value, list):
        yield from document.value
    elif document.mistakes:
        for line in plain.splitlines():
            found = _parsed(line).value if line.startswith("- ") else None
            yield from found if isinstance(found, list) else ()


def _parsed(text: str) -> Any:
    from cosmosctl.yaml.reader import parse

    return parse(text)


def _rating(value: object) -> Rating | None:
    try:
        return typed(Rating, value)
    except Unreadable:
        return None

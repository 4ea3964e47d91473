"""Which of several attempts at a run is the newest: the one that descends from the others. No clock is asked.

A batch names its parents: for each of its runs, every batch of which something was known when it was planned. Where
neither of two descends from the other (two clones, a merge) there is no newest: what stands in place counts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar


class Standing(Protocol):
    """What an attempt says of its place among others: its batch, and the batches that it comes after."""

    @property
    def batch(self) -> str: ...

    @property
    def parents(self) -> Sequence[str]: ...


class Planned(Standing, Protocol):
    """The same with the batch's number."""

    @property
    def number(self) -> int: ...


class Row(NamedTuple):
    """The place of what comes of one run of a batch."""

    batch: str
    parents: Sequence[str]
    number: int


One = TypeVar("One", bound=Standing)


def descends(one: Standing, other: Standing) -> bool:
    """Whether `one` was planned when something of the batch of `other` was known."""
    return other.batch in one.parents


def may_replace(one: Planned, there: Standing) -> bool:
    """Whether a result that comes home takes the place of the one that is there.

    Batches of an earlier version, which have no number, name no parents: they do, unless that one comes after them.
    """
    return descends(one, there) or (one.number == 0 and not descends(there, one))


def newest(attempts: Iterable[One | None]) -> One | None:
    """The first that no other descends from: give what stands in place first. None without any."""
    found = [one for one in attempts if one is not None]
    if len(found) < 2:
        return found[0] if found else None
    named = Counter(batch for one in found for batch in set(one.parents))
    heads = (one for one in found if named[one.batch] == descends(one, one))
    return next(heads, found[0])


def lineage(attempts: Iterable[Standing]) -> tuple[str, ...]:
    """The parents of a batch that is planned when these attempts are known; theirs too, as history may be removed."""
    return tuple(sorted({name for one in attempts for name in (one.batch, *one.parents)}))


def age(number: int, name: str, when: str = "") -> tuple[int, str, str]:
    """Sorts batches, and what they left, oldest first: by number, ties by name.

    A batch without a number (0, of an earlier version) has nothing but `when`, a time that somebody's clock told.
    """
    return number, "" if number else when, name

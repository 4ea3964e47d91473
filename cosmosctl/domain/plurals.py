"""Durations and counts in words."""

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """A duration as people say it: 45 s, 6 min, 2 h 10 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


NAMED = 3
"""So many are named of things that are counted."""


def some(names: Sequence[str], what: str, plural: str = "") -> str:
    """How many, and the first few by name: 5 runs: a, b, c, …"""
    more = ", …" if len(names) > NAMED else ""
    return f"{counted(len(names), what, plural)}: {', '.join(names[:NAMED])}{more}"


def counted(number: int, what: str, plural: str = "") -> str:
    """A number and the word for it: 1 run, 2 runs."""
    return f"{number} {what if number == 1 else plural or what + 's'}"

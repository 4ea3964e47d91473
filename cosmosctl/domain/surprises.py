"""What is surprising about a run and no mistake: told once a kind, and not at all where somebody has said so."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

RANDOM = "random"
"""A control that the model makes differently each time: a default run has some, so it is a note and no warning."""

VIDEO = "video"
"""What is said of a clip."""

RSYNC = "rsync"
"""What is said of the rsync of this machine: a project says whether it is, as no run has to do with it."""

_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Surprise:
    """One line about one run. Those of the same `kind` and `shape` say the same of others.

    `kind` is what `quiet:` takes: the key that the line is about, "video" or "random".
    """

    kind: str
    shape: str
    text: str


@dataclass(frozen=True)
class Told:
    """What is said once: the first line, its kind, and the runs that it is true of."""

    kind: str
    text: str
    runs: tuple[str, ...]


def kind_of(key: str) -> str:
    """The kind of a warning at `key` of a run's file."""
    first = key.split(".")[0]
    return VIDEO if first == "prompt" else first


def shape_of(message: str, paths: Iterable[str]) -> str:
    """`message` without what differs from clip to clip."""
    for path in sorted(paths, key=len, reverse=True):
        message = message.replace(path, "")
    return _NUMBER.sub("#", message)


def gathered(surprises: Mapping[str, Collection[Surprise]]) -> tuple[Told, ...]:
    """By what they say, in the order in which it is met first."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for run, several in surprises.items():
        for one in several:
            _, runs = found.setdefault((one.kind, one.shape), (one.text, []))
            runs.extend([run] if run not in runs[-1:] else [])
    return tuple(Told(kind, text, tuple(runs)) for (kind, _), (text, runs) in found.items())

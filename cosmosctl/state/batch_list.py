"""What lies in batches/, told by one look at each folder: a clone may bring a hundred thousand of them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.io import links, own

MOST = 5_000
"""So many batches are looked into: unfinished ones first, then the newest by the time in their names."""
MOST_LINKS = 1000
"""Of so many links it is asked whether they were allowed; of the rest none counts."""

_HERE = BatchPaths(Path())
_PLAN, _END, _UNCLAIMED = (path.name for path in (_HERE.plan, _HERE.end, _HERE.unclaimed))
_TELLS = frozenset((_HERE.whole.name, _HERE.report.name, _PLAN))
"""Of a folder with none of these is asked no more: it is no batch."""
_LOOKED_FOR = _TELLS | {_END, _UNCLAIMED}
_TIME = 15
"""Characters at the end of a batch's name that tell when it was made."""


class Listed(NamedTuple):
    """A batch: its number, and which of the names that matter lie in its folder."""

    paths: BatchPaths
    number: int
    names: frozenset[str]

    @property
    def is_open(self) -> bool:
        """Whether its plan is here and its end is not."""
        return _is_open(self.names) and self.paths.plan.exists() and not self.paths.end.exists()


class BatchList(NamedTuple):
    """`batches`: the whole ones, the oldest first. `waiting`: ended ones, whole or not, that keep results of runs whose
    folders were away. `nameless`: names that no batch has. `links`: folders that are links nobody allowed here.
    `passed_over`: whole batches beyond `MOST`; `open_passed_over`: how many of them are unfinished.
    """

    batches: tuple[Listed, ...]
    waiting: tuple[BatchPaths, ...]
    nameless: tuple[str, ...]
    links: tuple[Path, ...]
    passed_over: int
    open_passed_over: int


def look(project: ProjectPaths) -> BatchList:
    """All of batches/. Raises: NotOwn, FileError when the folder cannot be listed."""
    nameless: list[str] = []
    found: dict[str, frozenset[str]] = {}
    linked: list[str] = []
    base = str(project.batches)
    for name, kind in own.kinds(project.batches):
        if not is_id(name):
            nameless += [name] if name[0] != "." else []
        elif kind == own.LINK:
            linked.append(name)
        elif kind == own.FOLDER:
            found[name] = _names(f"{base}/{name}")
    strange = []
    for number, name in enumerate(linked):
        if number < MOST_LINKS and links.is_allowed_link(project.batches / name):
            found[name] = _names(f"{base}/{name}")
        else:
            strange.append(project.batches / name)
    whole = {name: names for name, names in found.items() if names & _TELLS}
    kept = _most(whole)
    rest = [names for name, names in whole.items() if name not in kept] if len(kept) < len(whole) else []
    waiting = (name for name, names in found.items() if {_UNCLAIMED, _END} <= names)
    return BatchList(
        batches=_by_age(project, kept),
        waiting=tuple(project.batch(name) for name in waiting),
        nameless=tuple(nameless),
        links=tuple(strange),
        passed_over=len(rest),
        open_passed_over=sum(map(_is_open, rest)),
    )


def passed_over_words(found: BatchList) -> str:
    """What is said of batches that are not looked into."""
    unfinished = f", {found.open_passed_over} of them unfinished" if found.open_passed_over else ""
    return f"{found.passed_over} batches beyond {MOST} are not looked at{unfinished}"


def _names(folder: str) -> frozenset[str]:
    """Which of the names that matter are there; of a folder that cannot be listed each is asked for."""
    try:
        return _LOOKED_FOR.intersection(os.listdir(folder))  # noqa: PTH208  # asked for a hundred thousand folders
    except OSError:
        return frozenset(name for name in _LOOKED_FOR if os.path.lexists(f"{folder}/{name}"))


def _is_open(names: frozenset[str]) -> bool:
    return _PLAN in names and _END not in names


def _most(whole: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    if len(whole) <= MOST:
        return whole
    ranked = sorted(whole, key=lambda name: (_is_open(whole[name]), name[-_TIME:]))
    return {name: whole[name] for name in ranked[-MOST:]}


def _by_age(project: ProjectPaths, names: Mapping[str, frozenset[str]]) -> tuple[Listed, ...]:
    """By the numbers that they were given, of which no clock knows."""
    if not names:
        return ()
    from cosmosctl.domain.order import age
    from cosmosctl.plan.number import read_number

    folders = ((project.batch(name), inside) for name, inside in names.items())
    found = [Listed(paths, read_number(paths), inside) for paths, inside in folders if _is_whole(paths, inside)]
    return tuple(sorted(found, key=lambda one: age(one.number, one.paths.name, one.paths.name[-_TIME:])))


def _is_whole(paths: BatchPaths, names: frozenset[str]) -> bool:
    """`bundle_reader.is_whole` of a folder in which these names are."""
    if any(file.name in names and own.is_file(file) for file in (paths.whole, paths.report)):
        return True
    from cosmosctl.plan import bundle_reader

    return _PLAN in names and not bundle_reader.cut_off(paths)

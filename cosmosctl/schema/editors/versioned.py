"""The schemas that git versions, schemas/cosmosctl/*.json: the editor of a fresh clone has them before any command ran.

They depend on this version, the project's family and where its videos may lie; `init` alone writes them, so that a
checkout brings those of its branch and no other command changes a versioned file.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from cosmosctl import __version__
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.io import own

KINDS = ("run", "prompt", "project", "result", "batch", "sweep")
"""Kinds of files that editors know."""
MOST_BYTES = 4 << 20
"""Most bytes of a schema that are read."""

_MADE_BY = re.compile(rb'"\$comment": "cosmosctl ([0-9]+(?:\.[0-9]+)*)')


def comment() -> str:
    """What such a file says of itself; `newer` reads it."""
    return f"cosmosctl {__version__} wrote this (`cosmosctl init`); git versions it for the editors of fresh clones"


def digest(files: Mapping[str, bytes]) -> str:
    """What stands for these files, kind -> bytes."""
    made = hashlib.sha256()
    for kind in sorted(files):
        made.update(b"%s %d\n%s" % (kind.encode(), len(files[kind]), files[kind]))
    return made.hexdigest()


def write(root: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """Have these files; a sentence for each that was another before. Those of a newer version are kept.

    Raises: FileError.
    """
    project, there = ProjectPaths(root), _there(root)
    if version := _newer(there):
        yield f"{_name(project)} was written by a newer cosmosctl, {version}, and is kept"
        return
    for kind, text in files.items():
        if there.get(kind) != text:
            own.write_bytes(project.schema(kind), text)
            if kind in there:
                yield f"{_name(project)}{kind}.json is that of this version now"


def stale_words(root: Path, today: str) -> str:
    """What is to be said of those that a project holds; `today` is the digest of those that it should hold.

    Raises: FileError.
    """
    name, there = _name(ProjectPaths(root)), _there(root)
    if version := _newer(there):
        return f"{name} was written by a newer cosmosctl, {version}: install that one"
    is_todays = digest(there) == today
    return "" if is_todays else f"{name} is not that of this version and project: cosmosctl init brings it up to date"


def _there(root: Path) -> Mapping[str, bytes]:
    project = ProjectPaths(root)
    names = own.names(project.schemas)
    kinds = (kind for kind in KINDS if project.schema(kind).name in names)
    return {kind: own.read_bytes(project.schema(kind), most=MOST_BYTES) for kind in kinds}


def _newer(files: Mapping[str, bytes]) -> str:
    """The version that wrote one of these files, when it is a newer one than this."""
    versions = (found[1].decode() for text in files.values() if (found := _MADE_BY.search(text)))
    latest = max(versions, key=_numbers, default="")
    return latest if _numbers(latest) > _numbers(__version__) else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(word) for word in re.findall(r"[0-9]+", version)[:3])


def _name(project: ProjectPaths) -> str:
    return f"{project.schemas.relative_to(project.root).as_posix()}/"

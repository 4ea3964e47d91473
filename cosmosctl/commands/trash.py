"""Runs and prompts into .cosmosctl/trash, whole: `rm` throws away, `gc` empties, and until then a move brings back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.io.lock import locked
from cosmosctl.io.moving import free, move

TIME = "%Y%m%d_%H%M%S"


@dataclass(frozen=True)
class Thrown:
    """What was thrown away: `kind` is run or prompt, `place` where it lies now, below the project."""

    kind: str
    name: str
    place: str


def throw_away(project: ProjectPaths, *, runs: Sequence[str] = (), prompts: Sequence[str] = ()) -> tuple[Thrown, ...]:
    """Have these runs and prompts in the trash, side by side as they lay. Raises: NotOwn, FileError."""
    things = [("run", run, project.run(run).root) for run in runs]
    things += [("prompt", prompt, project.prompt(prompt)) for prompt in prompts]
    with locked(project.lock):
        top = free(project.trash / datetime.now(UTC).strftime(TIME))
        return tuple(Thrown(kind, name, _thrown(project, top, path)) for kind, name, path in things)


def bytes_of(path: Path) -> int:
    """How much goes with a file or folder, no link followed."""
    files = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]
    return sum(file.lstat().st_size for file in files)


def _thrown(project: ProjectPaths, top: Path, path: Path) -> str:
    target = top / path.relative_to(project.root)
    move(path, target)
    return target.relative_to(project.root).as_posix()

"""The project that a command works on."""

from pathlib import Path

from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.opening.project import opened
from cosmosctl.state.states import batches


def project_at(folder: Path) -> ProjectPaths:
    """The project that `folder` lies in. Raises: FileError when there is none."""
    return opened(folder)


def batch_named(project: ProjectPaths, word: str | None, names: list[str] | None = None) -> str:
    """The batch that `word` names, exactly or as a unique prefix; without a word, the newest. Raises: UsageError."""
    known = names if names is not None else [paths.name for paths in batches(project)]
    if word is None:
        return known[-1] if known else resolve_id("", known, what="batch")
    return resolve_id(word, known, what="batch")

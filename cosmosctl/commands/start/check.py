"""Look at everything that could go wrong before a batch, without making one."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.commands import prepare
from cosmosctl.commands.start.left_copies import left_copies
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.domain.mistake import Mistake
from cosmosctl.domain.plurals import counted
from cosmosctl.domain.surprises import Told
from cosmosctl.errors import FileError, FilesError
from cosmosctl.git.files import stale
from cosmosctl.git.state import work_tree
from cosmosctl.schema.versioned import stale_words
from cosmosctl.store import Problem, Snapshot, find_project, load_all


@dataclass(frozen=True)
class CheckedProject:
    """How much was looked at, what is wrong, and what is surprising."""

    runs: int
    videos: int
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Told, ...] = ()
    notes: tuple[str, ...] = ()
    files_only: bool = False

    @property
    def words(self) -> str:
        """That all is well, in words that claim no more than was looked at."""
        runs = counted(self.runs, "run")
        videos = "" if self.files_only else f" and {counted(self.videos, 'video')}"
        return f"no mistakes in {runs}{videos}"

    def require_well(self) -> None:
        """Raises: FilesError with every mistake."""
        if self.mistakes:
            raise FilesError(tuple(one.words for one in self.mistakes))


def check_project(
    folder: Path, words: Sequence[str], *, model: str | None = None, files_only: bool = False
) -> CheckedProject:
    """Check what is named, runs, prompts with their runs and cosmosctl.yaml, or every file of the project.

    `files_only`: what the files say, without a look at any video; videos that are not here are no mistake.
    """
    project = find_project(folder)
    snapshot = load_all(project.root)
    runs, prompts = _named(snapshot, words)
    mistakes = [] if words else _mistakes(snapshot, snapshot.problems, files_only)
    for prompt in prompts:
        mistakes += _mistakes(snapshot, snapshot.mistakes_of_prompt(prompt), files_only)
    if files_only:
        mistakes += _mistakes(snapshot, snapshot.problems_of(runs), files_only)
        mistakes += [one for run in runs for one in prepare.unfit_settings(snapshot, run, model=model)]
        return CheckedProject(len(runs), 0, _once(mistakes), (), _notes(project, snapshot), files_only=True)
    looked = prepare.look(project, snapshot, runs, model=model)
    mistakes += [problem.mistake for problem in snapshot.problems_of(runs)]
    mistakes += [one for several in looked.mistakes.values() for one in several]
    told = () if mistakes else prepare.to_be_told(snapshot, looked)
    return CheckedProject(len(runs), len(looked.found.files), _once(mistakes), told, _notes(project, snapshot))


def _named(snapshot: Snapshot, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Runs and prompts; without a word every run. Raises: UsageError."""
    if not words:
        return list(snapshot.run_ids), []
    known = (*snapshot.run_ids, *snapshot.prompt_ids)
    found = [resolve_id(word, known, what="run or prompt") for word in words if word != CONFIG_FILE]
    prompts = [name for name in found if name not in snapshot.run_ids]
    of_prompts = [run for run in snapshot.run_ids if snapshot.prompt_of(run) in prompts]
    return list(dict.fromkeys([*(name for name in found if name not in prompts), *of_prompts])), prompts


def _mistakes(snapshot: Snapshot, problems: Iterable[Problem], files_only: bool) -> list[Mistake]:
    """Those that count: of a prompt whose videos are not here none, where only files are looked at."""
    return [one.mistake for one in problems if not (files_only and _is_of_lacking_videos(snapshot, one))]


def _is_of_lacking_videos(snapshot: Snapshot, problem: Problem) -> bool:
    kind, _, name = problem.subject.partition("/")
    return kind == "prompts" and snapshot.is_without_videos(name)


def _notes(project: ProjectPaths, snapshot: Snapshot) -> tuple[str, ...]:
    """What an earlier version wrote of what git versions; copies that were left."""
    return (*_older(project.root, snapshot), *left_copies(project.root))


def _older(root: Path, snapshot: Snapshot) -> Iterator[str]:
    """A sentence for each file of that kind, where the project is in git; nothing where they cannot be read."""
    with contextlib.suppress(FileError):
        for name in stale(root):
            yield f"{name} is not that of this version: cosmosctl init brings it up to date"
    with contextlib.suppress(FileError):
        if snapshot.schemas and work_tree(root) and (words := stale_words(root, snapshot.schemas)):
            yield words


def _once(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    return tuple({one.words: one for one in mistakes}.values())

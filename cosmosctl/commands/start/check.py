"""Look at everything that could go wrong before a batch, without making one."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.commands import prepare
from cosmosctl.commands.start.left_copies import left_copies
from cosmosctl.commands.sweeps.expansion import unfit_values
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.domain.mistake import Mistake
from cosmosctl.domain.plurals import counted
from cosmosctl.domain.surprises import Told
from cosmosctl.errors import FileError, FilesError
from cosmosctl.git.files import stale
from cosmosctl.git.state import work_tree
from cosmosctl.io.checked import Unreadable, read_bounded, text_of
from cosmosctl.results import ratings
from cosmosctl.schema.editors.versioned import stale_words
from cosmosctl.store import Problem, Snapshot, find_project, load_all

SWEEPS = "sweeps/"
"""What the path of a sweep's file begins with."""


@dataclass(frozen=True)
class CheckedProject:
    """How much was looked at, what is wrong, and what is surprising."""

    runs: int
    videos: int
    sweeps: int
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Told, ...] = ()
    notes: tuple[str, ...] = ()
    files_only: bool = False

    @property
    def words(self) -> str:
        """That all is well, in words that claim no more than was looked at."""
        runs = counted(self.runs, "run") + (f", {counted(self.sweeps, 'sweep')}" if self.sweeps else "")
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
    sweeps = _sweeps(snapshot, words)
    runs, prompts = _named(snapshot, [word for word in words if not word.startswith(SWEEPS)], is_all=not words)
    mistakes = [] if words else _mistakes(snapshot, snapshot.problems, files_only)
    for prompt in prompts:
        mistakes += _mistakes(snapshot, snapshot.mistakes_of_prompt(prompt), files_only)
    mistakes += [one for run in runs for one in _of_ratings(project, run)]
    mistakes += [one for sweep in sweeps for one in _of_sweep(snapshot, sweep)]
    if files_only:
        mistakes += _mistakes(snapshot, snapshot.problems_of(runs), files_only)
        mistakes += [one for run in runs for one in prepare.unfit_settings(snapshot, run, model=model)]
        return CheckedProject(
            len(runs), 0, len(sweeps), _once(mistakes), (), _notes(project, snapshot), files_only=True
        )
    looked = prepare.look(project, snapshot, runs, model=model)
    mistakes += [problem.mistake for problem in snapshot.problems_of(runs)]
    mistakes += [one for several in looked.mistakes.values() for one in several]
    told = () if mistakes else prepare.to_be_told(snapshot, looked)
    videos = len(looked.found.files)
    return CheckedProject(len(runs), videos, len(sweeps), _once(mistakes), told, _notes(project, snapshot))


def _sweeps(snapshot: Snapshot, words: Sequence[str]) -> list[str]:
    """The sweeps whose files are named; without a word every sweep. Raises: UsageError."""
    if not words:
        return list(snapshot.sweep_ids)
    names = [word.removeprefix(SWEEPS).removesuffix(".yaml") for word in words if word.startswith(SWEEPS)]
    return [resolve_id(name, snapshot.sweep_ids, what="sweep") for name in names]


def _of_sweep(snapshot: Snapshot, sweep: str) -> Iterator[Mistake]:
    """What is wrong with a sweep: its file, or a value that its base's family does not take."""
    mistakes = snapshot.mistakes_of_sweep(sweep)
    yield from (problem.mistake for problem in mistakes)
    if not mistakes and not snapshot.problems_of_file(snapshot.sweeps[sweep].base):
        yield from unfit_values(snapshot, snapshot.sweeps[sweep])


def _of_ratings(project: ProjectPaths, run: str) -> Iterator[Mistake]:
    """What is wrong with what people said of a run's videos."""
    file = project.run(run).ratings
    try:
        words = ratings.trouble(text_of(read_bounded(file, ratings.MOST_BYTES)))
    except FileNotFoundError:
        return
    except Unreadable as e:
        words = f"cannot be read: {e}"
    if words:
        path = file.relative_to(project.root).as_posix()
        yield Mistake(path, 0, 0, words, f"{path}: {words}")


def _named(snapshot: Snapshot, words: Sequence[str], *, is_all: bool) -> tuple[list[str], list[str]]:
    """Runs and prompts, or every run. Raises: UsageError."""
    if is_all:
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
    """What an earlier version wrote of what git versions; copies that were left; names that differ by case alone."""
    return (*_older(project.root, snapshot), *left_copies(project.root), *_twins(snapshot))


def _older(root: Path, snapshot: Snapshot) -> Iterator[str]:
    """A sentence for each file of that kind, where the project is in git; nothing where they cannot be read."""
    with contextlib.suppress(FileError):
        for name in stale(root):
            yield f"{name} is not that of this version: cosmosctl init brings it up to date"
    with contextlib.suppress(FileError):
        if snapshot.schemas and work_tree(root) and (words := stale_words(root, snapshot.schemas)):
            yield words


def _twins(snapshot: Snapshot) -> Iterator[str]:
    """A sentence for each two that a clone on another system has as one, so that git takes one away there."""
    for folder, names in (("runs", snapshot.run_ids), ("prompts", snapshot.prompt_ids)):
        seen: dict[str, str] = {}
        for name in names:
            twin = seen.setdefault(name.casefold(), name)
            if twin != name:
                yield f"{folder}/{twin} and {folder}/{name} are one where case does not count, as on macOS and Windows"


def _once(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    return tuple({one.words: one for one in mistakes}.values())

"""Check the project on each save, and run what became pending by it if that is wanted."""

import errno
import queue
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.commands.start.check import check_project
from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.domain.plurals import counted
from cosmosctl.errors import CosmosctlError, Interrupted, UsageError, bounded
from cosmosctl.following.leaving import NothingLeft
from cosmosctl.git import moves as git_moves
from cosmosctl.git.state import git_folder
from cosmosctl.io.streams import has_reader
from cosmosctl.opening.project import opened
from cosmosctl.state import states
from cosmosctl.store import load_all

if TYPE_CHECKING:
    from watchdog.events import FileSystemEventHandler
    from watchdog.observers.api import BaseObserver

GITS = ""
"""Stands among the saved files for what git does to them."""
SETTLE_S = 0.3
"""Quiet time after a save before anything is read: editors write a file in several steps."""
NAMED = 3
"""Most files that are named when they were saved at once."""
FOLDERS = ("prompts", "runs", "inputs")
"""The user's folders; nothing else of the project is watched but cosmosctl.yaml."""

Say = Callable[[str], None]
RunPending = Callable[[Sequence[str]], None]


@dataclass
class _Memory:
    """`seen` runs were pending at the start, or had their turn, and never start.

    `saved`: runs whose own file was saved while we watch.
    """

    seen: set[str] = field(default_factory=set)
    saved: set[str] = field(default_factory=set)
    refusal: str = ""


def watch_project(folder: Path, *, host: str | None, say: Say, run_pending: RunPending | None) -> None:
    """Check now and after every save until interrupted, or nobody reads what is said.

    `run_pending` gets runs whose own file was saved and that are pending for the first time; what it raises is told,
    and watching goes on. Raises: KeyboardInterrupt, Interrupted, UsageError.
    """
    project = ProjectPaths(opened(folder).root.resolve())
    memory = _Memory(set(_pending(project, host)))
    saves: queue.Queue[str] = queue.Queue()
    observer = _started(project, saves)
    git = git_folder(project.root)
    _watch_git(git, saves, observer)
    try:
        say(f"watching {project.root}; Ctrl-C ends it")
        _check(project, say, ())
        while run_pending is not None or has_reader():
            changed, is_gits = _next_saves(saves, git, say)
            if not changed:
                continue
            opened(project.root)  # a run's folder may be back, for which results wait
            _check(project, say, changed)
            if run_pending is not None:
                fresh = _fresh(project, host, memory, changed)
                if is_gits:
                    _leave(fresh, say)
                else:
                    _run_fresh(fresh, memory, say, run_pending)
    finally:
        observer.stop()
        observer.join()


def is_watched(project: ProjectPaths, path: Path) -> bool:
    """Whether a save of `path` can change what a check says: the user's files only, no hidden ones."""
    parts = _parts(project, path)
    if not parts or any(part.startswith(".") or part.endswith("~") for part in parts):
        return False
    is_run = parts[0] == "runs" and (len(parts) == 2 or parts[2:] == ("run.yaml",))
    return parts[0] in (CONFIG_FILE, "prompts", "inputs") or is_run


def _parts(project: ProjectPaths, path: Path) -> tuple[str, ...]:
    return path.relative_to(project.root).parts if path.is_relative_to(project.root) else ()


def _started(project: ProjectPaths, saves: "queue.Queue[str]") -> "BaseObserver":
    """What puts the path of each save into `saves`. Raises: UsageError when the system lets nobody watch more."""
    from watchdog.observers import Observer

    warnings.filterwarnings("ignore", category=RuntimeWarning, module="watchdog")  # of folders that went meanwhile
    observer = Observer()
    handler = _handler(project, saves, observer)
    try:
        observer.schedule(handler, str(project.root), recursive=False)
        for name in FOLDERS:
            if (project.root / name).is_dir():
                observer.schedule(handler, str(project.root / name), recursive=True)
        observer.start()
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EMFILE):
            raise
        raise UsageError(
            "the system lets no more folders be watched", hint="sudo sysctl fs.inotify.max_user_watches=524288"
        ) from e
    return observer


def _handler(project: ProjectPaths, saves: "queue.Queue[str]", observer: "BaseObserver") -> "FileSystemEventHandler":
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    class Saves(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in ("opened", "closed_no_write"):
                return
            if event.is_directory and event.event_type == "modified":
                return  # something in it was saved, of which there is an event too
            for path in (event.src_path, event.dest_path):
                if path and event.event_type == "created" and _parts(project, Path(str(path))) in _NEW:
                    _watch_anew(observer, self, str(path))
                    for file in Path(str(path)).rglob("*"):  # written before it was watched
                        if is_watched(project, file):
                            saves.put(str(file))
                if path and is_watched(project, Path(str(path))):
                    saves.put(str(path))

    return Saves()


def _watch_anew(observer: "BaseObserver", handler: "FileSystemEventHandler", path: str) -> None:
    """Watch a folder that is there again: what watched it before ended when it went (git removes empty ones)."""
    from watchdog.observers.api import ObservedWatch

    with suppress(KeyError):
        observer.unschedule(ObservedWatch(path, recursive=True))
    observer.schedule(handler, path, recursive=True)


_NEW = tuple((name,) for name in FOLDERS)
"""Folders that are watched from when they are there."""


def _watch_git(folder: Path | None, saves: "queue.Queue[str]", observer: "BaseObserver") -> None:
    """Puts GITS into `saves` when git brought other files, in order with the saves of these."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    class Marks(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            names = {Path(str(path)).name for path in (event.src_path, event.dest_path) if path}
            if event.event_type not in ("opened", "closed_no_write") and names & set(git_moves.MARKS):
                saves.put(GITS)

    for watched in git_moves.watched(folder) if folder is not None else ():
        with suppress(OSError):  # no more may be watched: what git does is then taken for saves
            observer.schedule(Marks(), str(watched), recursive=False)


def _next_saves(saves: "queue.Queue[str]", git: Path | None, say: Say) -> tuple[list[str], bool]:
    """The files that were saved, and whether git did it: from the first one until it is quiet and git is done."""
    changed, told = [_wait(saves)], False
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        try:
            changed.append(saves.get(timeout=SETTLE_S))
            deadline = time.monotonic() + SETTLE_S
        except queue.Empty:
            if not git_moves.is_under_way(git):
                break
            if not told and any(one != GITS for one in changed):
                say("git is in the middle of something: waiting until it is done")
                told = True
            changed.append(GITS)
            deadline = time.monotonic() + SETTLE_S
    return [one for one in dict.fromkeys(changed) if one != GITS], GITS in changed


def _wait(saves: "queue.Queue[str]") -> str:
    while True:  # short waits: Ctrl-C is heard between them
        try:
            return saves.get(timeout=0.5)
        except queue.Empty:
            continue


def _check(project: ProjectPaths, say: Say, changed: Sequence[str]) -> None:
    """Say what a check finds: every mistake of the saved files; of the others' how many there are."""
    saved = [Path(path).relative_to(project.root).as_posix() for path in changed]
    try:
        checked = check_project(project.root, ())
        if not checked.mistakes:
            say(f"{_names(saved)}{checked.words}")
            return
        own = [one.words for one in checked.mistakes if not saved or one.file.startswith(tuple(saved))]
        others = len(checked.mistakes) - len(own)
        words = [counted(len(own), "mistake")] if own or not others else ["no mistakes"]
        words += [f"{counted(others, 'mistake')} in other files (cosmosctl check)"] if others else []
        say(f"{_names(saved)}{', '.join(words)}")
        for message in bounded(own):
            say(f"  {message}")
    except CosmosctlError as e:
        say(f"  {e.message}")


def _names(saved: Sequence[str]) -> str:
    """The saved files in a short line."""
    if not saved:
        return ""
    if len(saved) <= NAMED:
        return f"{', '.join(saved)}: "
    folders = ", ".join(sorted({name.split("/")[0] for name in saved}))
    return f"{counted(len(saved), 'file')} in {folders}: "


def _fresh(project: ProjectPaths, host: str | None, memory: _Memory, changed: Sequence[str]) -> list[str]:
    """The runs that are pending for the first time since their own file was saved; remembered as seen."""
    parts = [_parts(project, Path(path)) for path in changed]
    memory.saved |= {part[1] for part in parts if part[0] == "runs" and len(part) > 1}
    try:
        now = _pending(project, host)
    except CosmosctlError:
        return []  # told by the check
    fresh = [run for run in now if run in memory.saved and run not in memory.seen]
    memory.seen |= set(fresh)  # no more: of a run that was written while this looked, the save is still to come
    return fresh


def _leave(fresh: Sequence[str], say: Say) -> None:
    """Runs that git brought are nobody's save."""
    if fresh:
        names = f"{', '.join(fresh[:NAMED])}{', …' if len(fresh) > NAMED else ''}"
        say(f"  {names} came with another branch or stash and {'is' if len(fresh) == 1 else 'are'} left alone")


def _run_fresh(fresh: Sequence[str], memory: _Memory, say: Say, run_pending: RunPending) -> None:
    """Run them; a refusal is told, the same one once, and they stay pending."""
    if not fresh:
        return
    try:
        run_pending(fresh)
        memory.refusal = ""
    except NothingLeft:
        raise KeyboardInterrupt from None
    except Interrupted:
        raise
    except CosmosctlError as e:
        if e.message != memory.refusal:
            say(f"  error: {e.message}{f' ({e.hint})' if e.hint else ''}")
        memory.refusal = e.message
        say(f"  {', '.join(fresh[:NAMED])}{', …' if len(fresh) > NAMED else ''}: not run; cosmosctl batch takes them")


def _pending(project: ProjectPaths, host: str | None) -> tuple[str, ...]:
    """The runs that are pending, as far as their files are well. Raises: UsageError when there is no such host."""
    snapshot = load_all(project.root)
    known = states.all_states(project, snapshot, preview=snapshot.host(host).is_preview)
    return tuple(run for run, state in known.items() if state.state == "pending")

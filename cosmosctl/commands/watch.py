"""Check the project on each save, and run what became pending if that is wanted."""

import queue
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl import states
from cosmosctl.commands.check import check_project
from cosmosctl.domain.layout import CONFIG_FILE, ProjectPaths
from cosmosctl.domain.words import counted
from cosmosctl.errors import CosmosctlError, FilesError
from cosmosctl.store import find_root, load_all

if TYPE_CHECKING:
    from watchdog.events import FileSystemEventHandler

SETTLE_S = 0.3
"""Quiet time after a save before anything is read: editors write a file in several steps."""

Say = Callable[[str], None]
RunPending = Callable[[Sequence[str]], None]


def watch_project(folder: Path, *, host: str | None, say: Say, run_pending: RunPending | None) -> None:
    """Check now and after every save until interrupted. `run_pending` gets runs that became pending and are well."""
    from watchdog.observers import Observer

    project = ProjectPaths(find_root(folder).resolve())
    saves: queue.Queue[str] = queue.Queue()
    observer = Observer()
    observer.schedule(_handler(project, saves), str(project.root), recursive=True)
    observer.start()
    say(f"watching {project.root}; Ctrl-C ends it")
    try:
        seen = _check(project, host, say, [])
        while True:
            changed = _next_saves(saves)
            now = _check(project, host, say, changed)
            fresh = [run for run in now if run not in seen]
            seen = now
            if run_pending is not None and fresh:
                run_pending(fresh)
                seen = _pending(project, host)
    finally:
        observer.stop()
        observer.join()


def is_watched(project: ProjectPaths, path: Path) -> bool:
    """Whether a save of `path` can change what a check says: the user's files only, no hidden ones."""
    try:
        parts = path.relative_to(project.root).parts
    except ValueError:
        return False
    if not parts or any(part.startswith(".") or part.endswith("~") for part in parts):
        return False
    return parts[0] in (CONFIG_FILE, "prompts", "inputs") or (parts[0] == "runs" and parts[-1] == "run.yaml")


def _handler(project: ProjectPaths, saves: "queue.Queue[str]") -> "FileSystemEventHandler":
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    class Saves(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in ("opened", "closed_no_write"):
                return
            for path in (event.src_path, event.dest_path):
                if path and is_watched(project, Path(str(path))):
                    saves.put(str(path))

    return Saves()


def _next_saves(saves: "queue.Queue[str]") -> list[str]:
    """The files that were saved: waits for the first, then until it is quiet."""
    changed = [_wait(saves)]
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        try:
            changed.append(saves.get(timeout=SETTLE_S))
            deadline = time.monotonic() + SETTLE_S
        except queue.Empty:
            break
    return list(dict.fromkeys(changed))


def _wait(saves: "queue.Queue[str]") -> str:
    while True:  # short waits: Ctrl-C is heard between them
        try:
            return saves.get(timeout=0.5)
        except queue.Empty:
            continue


def _check(project: ProjectPaths, host: str | None, say: Say, changed: Sequence[str]) -> tuple[str, ...]:
    """Say what a check finds; the runs that are pending and well."""
    names = ", ".join(Path(path).relative_to(project.root).as_posix() for path in changed)
    try:
        checked = check_project(project.root, (), model=None)
        say(f"{f'{names}: ' if names else ''}{checked.words}")
    except FilesError as e:
        say(f"{f'{names}: ' if names else ''}{counted(len(e.messages), 'mistake')}")
        for message in e.messages:
            say(f"  {message}")
        return ()
    except CosmosctlError as e:
        say(f"  {e.line}")
        return ()
    return _pending(project, host)


def _pending(project: ProjectPaths, host: str | None) -> tuple[str, ...]:
    snapshot = load_all(project.root)
    known = states.all_states(project, snapshot, preview=snapshot.host(host).is_preview)
    return tuple(run for run, state in known.items() if state.state == "pending")

"""Another name for a run or a prompt, in every file that names it: all of it or nothing."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl.commands.start.create import refuse_twin
from cosmosctl.domain.ids import checked_id, command, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError, FilesError, UsageError
from cosmosctl.io import own
from cosmosctl.io.given_path import is_there
from cosmosctl.io.lock import locked
from cosmosctl.io.moving import move
from cosmosctl.opening.project import opened
from cosmosctl.state.states import held_runs
from cosmosctl.store import Snapshot, load_all
from cosmosctl.yaml.edit import set_value
from cosmosctl.yaml.reader import parse

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Renamed:
    """What was renamed: `kind` is run or prompt. `files`: those that named it, below the project."""

    kind: str
    before: str
    after: str
    files: tuple[str, ...]


def rename(folder: Path, word: str, name: str) -> Renamed:
    """Have the run or prompt that `word` means under that name. Raises: UsageError, FileError, FilesError."""
    project = opened(folder)
    with locked(project.lock):
        snapshot = load_all(project.root)
        known = {**dict.fromkeys(snapshot.prompt_ids, "prompt"), **dict.fromkeys(snapshot.run_ids, "run")}
        before = resolve_id(word, known, what="run or prompt")
        kind, after = known[before], checked_id(name, what=known[before])
        _refuse(project, snapshot, kind, before, after)
        source, target = _places(project, kind, before), _places(project, kind, after)
        texts = _texts(project, snapshot, kind, before, after)
        with ExitStack() as undo:
            move(source, target)
            undo.callback(move, target, source)
            for file, text in texts.items():
                there = target / file.relative_to(source) if file.is_relative_to(source) else file
                undo.callback(own.write_bytes, there, there.read_bytes())
                own.write_text(there, text)
            undo.pop_all()
    return Renamed(kind, before, after, tuple(file.relative_to(project.root).as_posix() for file in texts))


def _places(project: ProjectPaths, kind: str, name: str) -> Path:
    return project.run(name).root if kind == "run" else project.prompt(name)


def _refuse(project: ProjectPaths, snapshot: Snapshot, kind: str, before: str, after: str) -> None:
    if is_there(_places(project, kind, after)):
        raise UsageError(f"there is a {kind} {after!r} already", hint=command("show", after))
    refuse_twin(after, [one for one in (snapshot.run_ids if kind == "run" else snapshot.prompt_ids) if one != before])
    held = held_runs(project)
    if kind == "run" and before in held:
        batch = held[before]
        hint = f"{command('attach', batch)}, or {command('cancel', batch)}"
        raise UsageError(f"{before} is in batch {batch}, which has not ended", hint=hint)


def _texts(project: ProjectPaths, snapshot: Snapshot, kind: str, before: str, after: str) -> Mapping[Path, str]:
    """File -> its text with the new name. Raises: FilesError with every file in which it cannot be put."""
    found, mistakes = {}, []
    for file in _files(project, snapshot):
        text = file.read_text(encoding="utf-8-sig")
        try:
            changed = _renamed(text, kind, before, after)
        except FileError as e:
            mistakes.append(f"{file.relative_to(project.root)}: {e.line}")
            continue
        if changed != text:
            found[file] = changed
    if mistakes:
        raise FilesError(mistakes)
    return found


def _files(project: ProjectPaths, snapshot: Snapshot) -> Iterator[Path]:
    """The files that may name a run or a prompt."""
    runs = (project.run(run).spec for run in snapshot.run_ids)
    yield from (file for file in (*runs, *map(project.sweep, snapshot.sweep_ids)) if file.is_file())


def _renamed(text: str, kind: str, before: str, after: str) -> str:
    if before not in text:
        return text
    for keys, value in _named(parse(text).value, kind, before, after):
        text = set_value(text, keys, value)
    return text


def _named(value: Any, kind: str, before: str, after: str) -> Iterator[tuple[Keys, Any]]:
    """Where a run's or a sweep's file names it, and what has to stand there."""
    if not isinstance(value, dict):
        return
    single: tuple[Keys, ...] = (("base",), ("upscale", "run")) if kind == "run" else (("prompt",),)
    for keys in single:
        if _at(value, keys) == before:
            yield keys, after
    if kind == "prompt":
        for keys in (("grid", "prompt"), ("zip", "prompt")):
            listed = _at(value, keys)
            if isinstance(listed, list) and before in listed:
                yield keys, [after if one == before else one for one in listed]
        for key in ("exclude", "points"):
            points = value.get(key)
            if isinstance(points, list) and any(_prompt(point) == before for point in points):
                yield (key,), [{**p, "prompt": after} if _prompt(p) == before else p for p in points]


def _prompt(point: Any) -> Any:
    return point.get("prompt") if isinstance(point, dict) else None


def _at(value: Any, keys: Keys) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value

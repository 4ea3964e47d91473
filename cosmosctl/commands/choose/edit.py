"""Other words, notes or tags in the file of a prompt or run: comments are kept, and nobody's change is lost."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import command, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError, FilesError, UsageError, with_hint
from cosmosctl.io import own
from cosmosctl.io.checked import Unreadable, read_bounded
from cosmosctl.io.lock import locked
from cosmosctl.opening.project import opened
from cosmosctl.store import Snapshot, load_all
from cosmosctl.store.reading.parsing import prompt_in, run_in
from cosmosctl.yaml.drop import drop_value
from cosmosctl.yaml.edit import as_block, set_value
from cosmosctl.yaml.reader import MAX_BYTES, parse_bytes

MARK = "\ufeff".encode()


@dataclass(frozen=True)
class Given:
    """What shall stand there: None for what stays, "" and () for what is taken out.

    `was`: the sha256 of the file that somebody looked at, or its first digits; on another one nothing is written.
    """

    text: str | None = None
    negative_prompt: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] | None = None
    was: str = ""

    def values(self) -> dict[str, Any]:
        """Key of the file -> what shall stand there; None: nothing. Raises: UsageError when nothing is said."""
        tags = None if self.tags is None else [*dict.fromkeys(self.tags)]
        said = {"text": self.text, "negative_prompt": self.negative_prompt, "notes": self.notes, "tags": tags}
        found = {key: value or None for key, value in said.items() if value is not None}
        if not found:
            raise UsageError("say what shall stand there: --text, --negative-prompt, --notes or --tag")
        return found


def edit(folder: Path, word: str, given: Given) -> Path:
    """The changed file of the prompt or run. Raises: UsageError, FilesError with what `check` would say of it."""
    values = given.values()
    project = opened(folder)
    with locked(project.lock):
        snapshot = load_all(project.root)
        known = {**dict.fromkeys(snapshot.prompt_ids, "prompt"), **dict.fromkeys(snapshot.run_ids, "run")}
        name = resolve_id(word, known, what="run or prompt")
        if known[name] == "run" and values.keys() & {"text", "negative_prompt"}:
            raise UsageError(f"{name} is a run: its words stand in its prompt {snapshot.prompt_of(name)}")
        file = project.prompt(name) if known[name] == "prompt" else project.run(name).spec
        before = _read(project, file, name, given.was)
        after = _changed(file, before, values)
        _refuse_new_mistakes(project, snapshot, known[name], name, before, after)
        if after != before:
            own.write_bytes(file, after)
    return file


def _read(project: ProjectPaths, file: Path, name: str, was: str) -> bytes:
    """The file as it is. Raises: FileError, also when it is not the one that was looked at."""
    path = file.relative_to(project.root)
    try:
        data = read_bounded(file, MAX_BYTES)
    except (FileNotFoundError, Unreadable) as e:
        raise FileError(f"{path}: cannot be read: {e}", hint=command("check", name)) from e
    if was and not hashlib.sha256(data).hexdigest().startswith(was):
        raise FileError(
            f"{path} was changed meanwhile; nothing is written", hint=f"{command('show', name)}, then edit it again"
        )
    return data


def _changed(file: Path, data: bytes, values: dict[str, Any]) -> bytes:
    bare = data.removeprefix(MARK)
    try:
        text = bare.decode()
        for key, value in values.items():
            text = drop_value(text, (key,)) if value is None else set_value(text, (key,), _as_written(value))
    except UnicodeError as e:
        raise FileError(f"{file}: the text is not UTF-8") from e
    except FileError as e:
        raise FileError(f"{file}: {e.message}", hint=e.hint) from e
    return (MARK if bare != data else b"") + text.encode()


def _as_written(value: Any) -> Any:
    return as_block(value) if isinstance(value, str) and "\n" in value else value


def _refuse_new_mistakes(
    project: ProjectPaths, snapshot: Snapshot, kind: str, name: str, before: bytes, after: bytes
) -> None:
    """Raises: FilesError with the mistakes that the file has now and had not before."""
    earlier = {message for message, _ in _mistakes(project, snapshot, kind, name, before)}
    new = [words for message, words in _mistakes(project, snapshot, kind, name, after) if message not in earlier]
    if new:
        raise FilesError(new)


def _mistakes(
    project: ProjectPaths, snapshot: Snapshot, kind: str, name: str, data: bytes
) -> Iterator[tuple[str, str]]:
    """(message, whole line) of each mistake in a file of these bytes."""
    read = prompt_in if kind == "prompt" else run_in
    file = f"prompts/{name}.yaml" if kind == "prompt" else f"runs/{name}/run.yaml"
    outside = snapshot.config.allow_outside_inputs
    for one in read(project.root, parse_bytes(data), name, outside=outside).mistakes:
        yield one.message, with_hint(f"{file}:{one.line}:{one.column}: {one.message}", one.hint)

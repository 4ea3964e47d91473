"""The text of a run's file with other values: comments, order and the way in which things are written are kept."""

from collections.abc import Iterator
from typing import Any

from cosmosctl.domain.project import UPSCALE, Control, Run
from cosmosctl.errors import FileError
from cosmosctl.yaml.drop import drop_value
from cosmosctl.yaml.edit import set_value
from cosmosctl.yaml.reader import parse

_PARTS = ("weight", "input", "preset", "prompt")

Change = tuple[tuple[str, ...], Any]
"""Where in the file, and what shall stand there; None: nothing."""


def copied_text(text: str, before: Run, after: Run) -> str:
    """The file of a new run `after` from the one of `before`, whose notes and sweep are its own and left behind.

    Raises: FileError where that cannot be written without touching more.
    """
    changes = [*_changes(text, before, after), (("notes",), None), (("sweep",), None)]
    return _edited(text, changes)


def edited_text(text: str, before: Run, after: Run) -> str:
    """The file of `before` when it is changed to `after`. Raises: FileError."""
    return _edited(text, list(_changes(text, before, after)))


def _edited(text: str, changes: list[Change]) -> str:
    if parse(text).mistakes:
        raise FileError("the file has mistakes")
    for keys, value in changes:
        text = drop_value(text, keys) if value is None else set_value(text, keys, value)
    return text


def _changes(text: str, before: Run, after: Run) -> Iterator[Change]:
    if after.prompt != before.prompt:
        yield ("prompt",), after.prompt
    if after.model != before.model:
        yield ("model",), after.model
    yield from _control_changes(parse(text).value, before, after)
    for name in dict.fromkeys([*before.settings, *after.settings]):
        if before.settings.get(name) != after.settings.get(name) or name not in before.settings:
            yield (name,), after.settings.get(name)
    if after.tags != before.tags:
        yield ("tags",), list(after.tags) or None


def _control_changes(file: Any, before: Run, after: Run) -> Iterator[Change]:
    was, now = ({one.name: one for one in run.controls} for run in (before, after))
    for name in dict.fromkeys([*was, *now]):
        if was.get(name) == now.get(name):
            continue
        if name == UPSCALE:
            yield (UPSCALE, "weight"), now[name].weight
        elif name not in now:
            yield ("controls", name), None
        else:
            written = (file.get("controls") or {}).get(name) if isinstance(file, dict) else None
            yield from _of_control(name, written, was.get(name), now[name])


def _of_control(name: str, written: Any, was: Control | None, now: Control) -> Iterator[Change]:
    parts = {part: getattr(now, part) for part in _PARTS if getattr(now, part) is not None}
    if not isinstance(written, dict):
        yield ("controls", name), now.weight if list(parts) == ["weight"] else parts
        return
    for part in _PARTS:
        if was is None or getattr(was, part) != getattr(now, part):
            yield ("controls", name, part), parts.get(part)

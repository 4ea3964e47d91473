"""One file of the user's into what the index remembers of it: its value, or its mistakes.

Imports ruamel.yaml and pydantic: the other modules import this one only when a file really has to be read.
"""

import errno
import os
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from cosmosctl import models
from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import CONFIG_FILE
from cosmosctl.domain.project import Control, Prompt, Run
from cosmosctl.domain.settings import is_finite
from cosmosctl.io.os_error import os_words
from cosmosctl.io.own import read_up_to
from cosmosctl.io.stat_key import is_settled
from cosmosctl.schema.values import Parsed, PromptValues, config_of, prompt_of, run_of
from cosmosctl.store.index import Entry
from cosmosctl.store.reading.payload import config_payload, mistakes_payload, prompt_payload, run_payload, sweep_payload
from cosmosctl.store.reading.stamps import file_key, is_scene_settled, join_links, no_files_key, scene_key
from cosmosctl.store.videos import (
    ALLOW_OUTSIDE,
    Scene,
    find_files,
    find_scene,
    is_gone,
    named_paths,
    normal,
    outside_hint,
    path_words,
)
from cosmosctl.yaml.messages import Mistake
from cosmosctl.yaml.reader import MAX_BYTES, Document, parse_bytes


@dataclass(frozen=True)
class Reading:
    """What was read, and whether the file is old enough for its stat key to be trusted. `run`: that of a run's file."""

    entry: Entry
    may_be_kept: bool
    run: Run | None = None


@dataclass(frozen=True)
class _Opened:
    document: Document
    status: os.stat_result | None
    now_ns: int

    def reading(self, payload: str, link: str = "", *, extra_key: str = "", outside: bool = False) -> Reading:
        if self.status is None:
            return Reading(Entry("", link, payload), False)
        return Reading(
            Entry(file_key(self.status, outside=outside) + extra_key, link, payload),
            is_settled(self.status, self.now_ns),
        )


def read_config(root: Path) -> Reading:
    """cosmosctl.yaml; the built-in host and the folders of hosts that name none are not filled in."""
    opened = _open(f"{root}/{CONFIG_FILE}")
    parsed = config_of(opened.document)
    return opened.reading(config_payload(parsed.value) if parsed.value else mistakes_payload(parsed.mistakes))


def read_run(root: Path, run_id: str, *, outside: bool) -> Reading:
    """runs/ID/run.yaml; its link is the prompt's id, also when something else in the file is wrong."""
    opened = _open(f"{root}/runs/{run_id}/run.yaml")
    parsed = run_in(root, opened.document, run_id, outside=outside)
    if parsed.value is None:
        prompt = named_prompt(opened.document.value)
        place, seen = opened.document.place(("prompt",)), run_payload(seen_run(opened.document.value, run_id))
        payload = mistakes_payload(parsed.mistakes, prompt_place=place, seen=seen)
        reading = opened.reading(payload, prompt, outside=outside)
        return Reading(reading.entry, reading.may_be_kept and not _leaves(parsed.mistakes))
    reading = opened.reading(run_payload(parsed.value), parsed.value.prompt, outside=outside)
    return replace(reading, run=parsed.value)


def run_in(root: Path, document: Document, run_id: str, *, outside: bool) -> Parsed[Run]:
    """The run that a document holds, or its mistakes; whether its prompt is there is not looked at."""
    parsed = run_of(document, run_id, f"runs/{run_id}/run.yaml")
    mistakes = (*parsed.mistakes, *_input_mistakes(root, document, outside))
    return Parsed(None, tuple(_in_order(mistakes))) if mistakes else parsed


Scenes: TypeAlias = dict[tuple[str, str], Scene]
"""What lies in the folders that prompts name, by the folder and the key that it had before it was looked at."""


def read_prompt(root: Path, prompt_id: str, *, outside: bool, scenes: Scenes | None = None) -> Reading:
    """prompts/ID.yaml with its videos found; its link names the folder (or files) that were looked at.

    `scenes`: those that other prompts of the project named, as many name the same.
    """
    opened = _open(f"{root}/prompts/{prompt_id}.yaml")
    told = prompt_of(opened.document)
    values = told.value
    watched = [] if values is None else [values.folder] if values.folder else list(values.files.values())
    keys = scene_key(root, watched)
    scene = None
    if values is not None and values.folder:
        known = {} if scenes is None else scenes
        scene = known.get((values.folder, keys)) or find_scene(root, values.folder, allow_outside=outside)
        known[values.folder, keys] = scene
    loose = scene.loose if scene is not None else ()
    parsed = _prompt_in(root, opened.document, prompt_id, told, scene, outside=outside)
    reading = opened.reading(
        prompt_payload(parsed.value) if parsed.value else _unusable_prompt(root, prompt_id, values, parsed, outside),
        join_links((*watched, *loose)),
        extra_key=keys + no_files_key(len(loose)),
        outside=outside,
    )
    settled = is_scene_settled(root, watched, opened.now_ns) and not _leaves(parsed.mistakes)
    return Reading(reading.entry, reading.may_be_kept and settled)


def _leaves(mistakes: Iterable[Mistake]) -> bool:
    """Whether something leads out of the project: leave that is given, or `git init` around it, may mend that."""
    return any(mistake.hint == ALLOW_OUTSIDE for mistake in mistakes)


def _unusable_prompt(
    root: Path, prompt_id: str, values: PromptValues | None, parsed: Parsed[Prompt], outside: bool
) -> str:
    if values is None:
        return mistakes_payload(parsed.mistakes)
    seen = prompt_payload(_prompt(prompt_id, values, {}))
    return mistakes_payload(parsed.mistakes, seen=seen, is_absent=_is_absent(root, values, outside))


def _is_absent(root: Path, values: PromptValues, outside: bool) -> bool:
    """Whether all that is wrong with a prompt's videos is that they are not here."""
    if values.folder:
        return find_scene(root, values.folder, allow_outside=outside).is_absent
    wrong = [values.files[role] for role in find_files(root, values.files, allow_outside=outside)]
    return all(is_gone(root, path, allow_outside=outside) for path in wrong)


def prompt_in(root: Path, document: Document, prompt_id: str, *, outside: bool) -> Parsed[Prompt]:
    """The prompt that a document holds with its videos found, or its mistakes."""
    return _prompt_in(root, document, prompt_id, prompt_of(document), None, outside=outside)


def _prompt_in(
    root: Path, document: Document, prompt_id: str, told: Parsed[PromptValues], scene: Scene | None, *, outside: bool
) -> Parsed[Prompt]:
    if told.value is None:
        return Parsed(None, told.mistakes)
    videos, mistakes = _videos(root, told.value, document, scene, outside)
    return Parsed(None if mistakes else _prompt(prompt_id, told.value, videos), tuple(mistakes))


def read_sweep(root: Path, name: str) -> Reading:
    """sweeps/NAME.yaml; whether its base is there is not looked at."""
    from cosmosctl.schema.sweeps import sweep_of  # a project without sweeps does without

    opened = _open(f"{root}/sweeps/{name}.yaml")
    parsed = sweep_of(opened.document, name)
    return opened.reading(sweep_payload(parsed.value) if parsed.value else mistakes_payload(parsed.mistakes))


def seen_run(value: object, run_id: str) -> Run:
    """What can be read of a run file that holds mistakes: each key that is of the kind it should be."""
    facts = {key: one for key, one in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}
    controls, prompt, model, tags, sweep = (
        facts.pop(key, None) for key in ("controls", "prompt", "model", "tags", "sweep")
    )
    weights = {name: _weight(one) for name, one in controls.items()} if isinstance(controls, dict) else {}
    return Run(
        id=run_id,
        prompt=prompt if isinstance(prompt, str) else "",
        controls=tuple(
            Control(name, weight) for name in models.controls() if (weight := weights.get(name)) is not None
        ),
        model=model if isinstance(model, str) else None,
        settings={key: one for key, one in facts.items() if key != "notes" and _is_setting(one)},
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        sweep=sweep if isinstance(sweep, str) else "",
    )


def _weight(control: object) -> float | None:
    weight = control.get("weight") if isinstance(control, dict) else control
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not is_finite(weight):
        return None
    return weight


def _is_setting(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, int | float) and is_finite(value))


def named_prompt(value: object) -> str:
    """The prompt that a run file names, as far as it is written as it should be."""
    prompt = value.get("prompt") if isinstance(value, dict) else None
    return prompt if isinstance(prompt, str) and is_id(prompt) else ""


def _open(path: str) -> _Opened:
    """The document at `path`, a file that cannot be read is a document with a mistake. Text: thousands are opened."""
    now_ns = time.time_ns()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return _not_opened("this is no ordinary file", now_ns)
            return _Opened(parse_bytes(read_up_to(descriptor, MAX_BYTES + 1)), status, now_ns)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return _not_opened("this is a symbolic link; the project's own files have to be files", now_ns)
        return _not_opened(f"cannot be read: {os_words(error)}", now_ns)


def _not_opened(message: str, now_ns: int) -> _Opened:
    return _Opened(Document(None, (Mistake(0, 0, message),)), None, now_ns)


def _input_mistakes(root: Path, document: Document, outside: bool) -> list[Mistake]:
    named = list(named_paths(document.value))
    found = [(key, path, path_words(root, path, allow_outside=outside)) for key, path in named]
    return [
        Mistake(*document.place(key), f"{'.'.join(key)}: {words}", outside_hint(path))
        for key, path, words in found
        if words
    ]


def _videos(
    root: Path, values: PromptValues, document: Document, scene: Scene | None, outside: bool
) -> tuple[dict[str, str], list[Mistake]]:
    if values.folder:
        scene = scene or find_scene(root, values.folder, allow_outside=outside)
        place = document.place(("video",))
        return dict(scene.videos), [Mistake(*place, f"video: {words}", scene.hint) for words in scene.mistakes]
    wrong = find_files(root, values.files, allow_outside=outside)
    leaving = [role for role in wrong if path_words(root, values.files[role], allow_outside=outside)]
    hints = {role: outside_hint(values.files[role]) for role in leaving}
    mistakes = [
        Mistake(*document.place(("video", role)), f"video.{role}: {words}", hints.get(role, ""))
        for role, words in wrong.items()
    ]
    return {role: normal(path) for role, path in values.files.items()}, mistakes


def _prompt(prompt_id: str, values: PromptValues, videos: dict[str, str]) -> Prompt:
    return Prompt(prompt_id, values.text, videos, values.negative_prompt, values.tags, values.notes)


def _in_order(mistakes: tuple[Mistake, ...]) -> list[Mistake]:
    return sorted(mistakes, key=lambda mistake: (mistake.line, mistake.column))

"""New prompt and run files, as a person would have written them. An existing file is never touched."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import checked_id, new_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import UPSCALE, Control, Run, Setting
from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.os_error import file_error
from cosmosctl.io.own import create_exclusive
from cosmosctl.schema import schema_line


def create_prompt(
    root: Path,
    text: str,
    video: str | Mapping[str, str],
    *,
    name: str | None = None,
    negative_prompt: str | None = None,
    tags: Sequence[str] = (),
    notes: str = "",
) -> str:
    """The id of a new prompts/ID.yaml; `video` is a folder, or role -> file, as the file shall name it.

    Raises: UsageError for a `name` that is no id; FileError, also when there is a prompt of that name.
    """
    prompts = ProjectPaths(root).prompts
    prompt = checked_id(name, what="prompt") if name else new_id("ps", {path.stem for path in _listed(prompts)})
    path = ProjectPaths(root).prompt(prompt)
    head = schema_line(root, "prompt", "../")
    create_exclusive(path, _encoded(path, lambda: prompt_text(text, video, negative_prompt, tags, notes, head=head)))
    return prompt


def create_run(
    root: Path,
    prompt: str,
    controls: Sequence[Control],
    *,
    name: str | None = None,
    model: str | None = None,
    settings: Mapping[str, Setting] | None = None,
    tags: Sequence[str] = (),
    notes: str = "",
) -> str:
    """The id of a new run: runs/ID/run.yaml. A folder of that name, even an empty one, is never taken over.

    Raises: UsageError for a `name` that is no id; FileError.
    """
    runs = ProjectPaths(root).runs
    run_id = checked_id(name, what="run") if name else new_id("rs", {path.name for path in _listed(runs)})
    run = Run(run_id, prompt, tuple(controls), model, settings or {}, tuple(tags), notes)
    path = ProjectPaths(root).run(run_id).spec
    data = _encoded(path, lambda: run_text(run, head=schema_line(root, "run", "../../")))
    own.make_folders(path.parent.parent)
    try:
        path.parent.mkdir()
    except OSError as error:
        raise file_error(path.parent, error, doing="create") from error
    try:
        create_exclusive(path, data)
    except FileError:
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        raise
    return run_id


def prompt_text(
    text: str,
    video: str | Mapping[str, str],
    negative_prompt: str | None = None,
    tags: Sequence[str] = (),
    notes: str = "",
    *,
    head: str = "",
) -> str:
    """A prompt file, below the comment line `head`. The text stands in a block whenever that keeps it byte for byte."""
    from cosmosctl.yaml.edit import as_block, user_text

    keys: dict[str, Any] = {"text": as_block(text), "video": video}
    keys |= {"negative_prompt": negative_prompt} if negative_prompt is not None else {}
    return user_text(head, keys | _labels(tags, notes))


def run_text(run: Run, *, head: str = "") -> str:
    """A run file, below the comment line `head`: prompt, model if it names one, controls or upscale, its settings."""
    from cosmosctl.yaml.edit import user_text

    keys: dict[str, Any] = {"prompt": run.prompt} | ({"model": run.model} if run.model else {})
    if [control.name for control in run.controls] == [UPSCALE]:
        weight, source = run.controls[0].weight, run.controls[0].input
        keys[UPSCALE] = ({"run": source} if source else {}) | {"weight": weight}
    else:
        keys["controls"] = {control.name: _control(control) for control in run.controls}
    return user_text(head, keys | dict(run.settings) | _labels(run.tags, run.notes))


def _control(control: Control) -> float | dict[str, Any]:
    """`vis: 0.3` where that says it all, else `vis: {weight: 0.3, …}`."""
    keys = {"input": control.input, "preset": control.preset, "prompt": control.prompt}
    more = {key: value for key, value in keys.items() if value is not None}
    return {"weight": control.weight, **more} if more else control.weight


def _labels(tags: Sequence[str], notes: str) -> dict[str, Any]:
    return ({"tags": list(tags)} if tags else {}) | ({"notes": notes} if notes else {})


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _encoded(path: Path, text: Callable[[], str]) -> bytes:
    """The bytes of a new file; bytes of the command line that are not UTF-8 arrive as lone surrogates."""
    try:
        return text().encode()
    except UnicodeEncodeError as error:
        raise FileError(f"{path}: cannot be written: the text is not UTF-8", hint="give the text as UTF-8") from error

"""New prompt and run files, as a person would have written them. An existing file is never touched."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import checked_id, new_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import UPSCALE, Control, Run, Setting
from cosmosctl.domain.sweep import MOST_RUNS, Sweep, digest_of
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
    quiet: Sequence[str] = (),
    sweep: str = "",
) -> str:
    """The id of a new run: runs/ID/run.yaml. A folder of that name, even an empty one, is never taken over, unless a
    sweep writes it: its ids say what is in a run, so what lies there is of the same one, from another branch of git.

    Raises: UsageError for a `name` that is no id; FileError.
    """
    runs = ProjectPaths(root).runs
    run_id = checked_id(name, what="run") if name else new_id("rs", {path.name for path in _listed(runs)})
    run = Run(run_id, prompt, tuple(controls), model, settings or {}, tuple(tags), notes, tuple(quiet), sweep)
    head = schema_line(root, "run", "../../")
    put_run(root, run_id, lambda: run_text(run, head=head), takes_over=bool(sweep))
    return run_id


def put_run(root: Path, run_id: str, text: Callable[[], str], *, takes_over: bool = False) -> None:
    """The file of a new run holds that text. `takes_over`: the folder may be there already. Raises: FileError."""
    path = ProjectPaths(root).run(run_id).spec
    data = _encoded(path, text)
    own.make_folders(path.parent.parent)
    try:
        path.parent.mkdir(exist_ok=takes_over)
    except OSError as error:
        raise file_error(path.parent, error, doing="create") from error
    try:
        create_exclusive(path, data)
    except FileError:
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        raise


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
    keys |= dict(run.settings) | ({"quiet": list(run.quiet)} if run.quiet else {}) | _labels(run.tags, run.notes)
    if not run.sweep:
        return user_text(head, keys)
    return user_text(head, keys | {"sweep": run.sweep}, {("sweep",): f"{_AS_WRITTEN} {digest_of(run)}"})


def is_as_written(run: Run, text: str) -> bool:
    """Whether a run of a sweep says what it said when the sweep wrote it, by the line in its file."""
    found = _SWEEP_LINE.search(text)
    return found is not None and found[1] == digest_of(run)


_AS_WRITTEN = "as written:"
_SWEEP_LINE = re.compile(rf"^sweep:[^#\n]*# {_AS_WRITTEN} ([0-9a-f]{{8}})\s*$", re.M)


def sweep_text(sweep: Sweep, *, head: str = "") -> str:
    """A sweep's file, below the comment line `head`, as a person would have written it."""
    from cosmosctl.yaml.edit import user_text

    keys: dict[str, Any] = {"base": sweep.base}
    for key, axes in (("grid", sweep.grid), ("zip", sweep.zipped)):
        keys |= {key: {axis: list(values) for axis, values in axes.items()}} if axes else {}
    for key, points in (("exclude", sweep.exclude), ("points", sweep.points)):
        keys |= {key: [dict(point) for point in points]} if points else {}
    return user_text(head, keys | ({"max": sweep.most} if sweep.most != MOST_RUNS else {}))


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

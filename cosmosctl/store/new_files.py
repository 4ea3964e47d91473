"""New prompt and run files, as a person would have written them. An existing file is never touched."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from cosmosctl.domain.ids import checked_id, new_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Control, Run, Setting
from cosmosctl.errors import FileError
from cosmosctl.io.atomic import create_exclusive
from cosmosctl.io.os_error import file_error
from cosmosctl.io.yaml_file import block_lines, fits_block, flow_text, inline_text, literal_lines, scalar_text

_PROMPT_HEAD = "# yaml-language-server: $schema=../.cosmosctl/schema/prompt.json\n"
_RUN_HEAD = "# yaml-language-server: $schema=../../.cosmosctl/schema/run.json\n"
_COMMENT_COLUMN = 40


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
    create_exclusive(path, _encoded(path, lambda: prompt_text(text, video, negative_prompt, tags, notes)))
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
    data = _encoded(path, lambda: run_text(run))
    try:
        path.parent.mkdir(parents=True)
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
) -> str:
    """A prompt file. The text stands in a block whenever that keeps it byte for byte."""
    more: dict[str, object] = {"negative_prompt": negative_prompt} if negative_prompt is not None else {}
    place = inline_text(video) if isinstance(video, str) else flow_text(dict(video))
    lines = [*_text_lines("text", text), f"video: {place}", *_optional_lines(more, tags, notes)]
    return _PROMPT_HEAD + "".join(f"{line}\n" for line in lines)


def run_text(run: Run) -> str:
    """A run file: prompt, controls with what else could be written there, then the settings that it sets itself."""
    lines = [f"prompt: {inline_text(run.prompt)}"]
    lines += [f"model: {inline_text(run.model)}"] if run.model else []
    lines += [_with_comment("controls:", "weights from 0 to 1; without its line a control is out of the set")]
    lines += [_with_comment(_control_line(control), _COMMENTS.get(control.name, "")) for control in run.controls]
    lines += _optional_lines(dict(run.settings), run.tags, run.notes)
    return _RUN_HEAD + "".join(f"{line}\n" for line in lines)


_COMMENTS = {
    "vis": "or {weight: 0.3, preset: low}: computed here, the same each time",
    "edge": "or {weight: 0.4, preset: low}",
    "depth": "the scene's depth video, else made by the model (input: auto)",
    "seg": "the scene's segmentation video, else made by the model",
}


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _control_line(control: Control) -> str:
    keys = {"weight": control.weight, "input": control.input, "preset": control.preset, "prompt": control.prompt}
    given = {key: value for key, value in keys.items() if value is not None}
    value = scalar_text(control.weight) if len(given) == 1 else flow_text(given)
    return f"  {control.name}: {value}"


def _with_comment(line: str, comment: str) -> str:
    return f"{line.ljust(_COMMENT_COLUMN - 2)}  # {comment}" if comment else line


def _text_lines(key: str, text: str) -> Iterator[str]:
    """`key: |-` and the text below, also when it has one line only: that is where people go on writing."""
    if not fits_block(text):
        yield f"{key}: {inline_text(text)}"
        return
    first, *rest = literal_lines(text, 2)
    yield f"{key}: {first}"
    yield from rest


def _optional_lines(keys: dict[str, object], tags: Sequence[str], notes: str) -> Iterator[str]:
    return block_lines({**keys, **({"tags": list(tags)} if tags else {}), **({"notes": notes} if notes else {})})


def _encoded(path: Path, text: Callable[[], str]) -> bytes:
    """The bytes of a new file; bytes of the command line that are not UTF-8 arrive as lone surrogates."""
    try:
        return text().encode()
    except ValueError as error:
        raise FileError(f"{path}: cannot be written: {error}", hint="give the text as UTF-8") from error

"""Hand-written JSONL lines of transfer1 into prompts and runs. Every mistake is told with its line, before a write."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmosctl.commands import prepare
from cosmosctl.commands.start.json_lines import Entry, entries_of
from cosmosctl.commands.start.jsonl_row import Rows
from cosmosctl.domain.ids import Names
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Drafts, Place, Prompt, Run
from cosmosctl.errors import FileError, FilesError, UsageError
from cosmosctl.io.given_path import cut, is_folder, is_there
from cosmosctl.io.os_error import os_words
from cosmosctl.store import Snapshot
from cosmosctl.store.drafts import prompt_mistakes, run_mistakes

Told = tuple[int, str]
"""A line of the file and what is wrong there."""


def drafts_from_jsonl(
    snapshot: Snapshot, file: Path, names: Names, *, roots: Mapping[str, str], model: str | None = None
) -> Drafts:
    """A run for each line, with a prompt for each new pair of text and video; nothing is written.

    Paths are relative to the project, as in its other files, after `roots` (folder in the lines -> folder here) was
    looked at. Lines with different sets of controls become runs of different groups.
    Raises: UsageError without the file; FilesError with every mistake, those that `check` would find too.
    """
    read = entries_of(_text(file))
    rows = Rows(snapshot.root, roots, snapshot.config.allow_outside_inputs)
    told: list[Told] = list(read.mistakes)
    well = []
    for entry in read.entries:
        found = [*(f"the key {key!r} is there twice" for key in entry.twice), *rows.mistakes(entry.value)]
        told += [(entry.line, words) for words in found]
        well += [] if found else [entry]
    drafts = _drafts(rows, snapshot, file, well, names)
    told += _of_files(rows, snapshot, drafts, model)
    if told:
        lines = [f"{file}:{line}: {words.removeprefix(f'{file}:{line}: ')}" for line, words in sorted(told)]
        raise FilesError(tuple(dict.fromkeys(lines)))
    if not drafts.runs:
        raise FilesError([f"{file}: holds no line"])
    return drafts


def roots_of(folder: Path, words: Sequence[str]) -> Mapping[str, str]:
    """What `--root OLD=NEW` says: OLD -> the folder NEW, absolute. Raises: UsageError."""
    found: dict[str, str] = {}
    for word in words:
        old, there, new = word.partition("=")
        if not there or not old.strip("/"):
            raise UsageError(f"--root {cut(word)}: write OLD=NEW, as in --root /workspace=.")
        if not is_folder(folder / new):
            raise UsageError(f"--root {cut(word)}: there is no folder {cut(new)}")
        if old.rstrip("/") in found:
            raise UsageError(f"--root {cut(word)}: {old} is there twice")
        found[old.rstrip("/")] = str((folder / new).absolute())
    return found


def _text(file: Path) -> str:
    if not is_there(file):
        raise UsageError(f"--from-jsonl: there is no file {cut(str(file))}")
    try:
        data = file.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as e:
        raise FileError(f"{file}: cannot be read: {os_words(e)}") from e
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise FileError(f"{file}:{line}: is not UTF-8: save the file as UTF-8") from e


def _drafts(rows: Rows, snapshot: Snapshot, file: Path, entries: Sequence[Entry], names: Names) -> Drafts:
    known = {(p.text, p.videos["color"]): p.id for p in snapshot.prompts.values() if _is_plain(p)}
    prompts, runs = [], []
    for entry in entries:
        key = (entry.value["prompt"], rows.video(entry.value))
        if key not in known:
            prompts.append(Prompt(next(names.prompts), key[0], {"color": key[1]}))
            known[key] = prompts[-1].id
        places = {"": Place(str(file), entry.line, 0)}
        runs.append(Run(next(names.runs), known[key], rows.controls(entry.value), places=places))
    return Drafts(tuple(prompts), tuple(runs))


def _is_plain(prompt: Prompt) -> bool:
    """Whether it says no more than a line does."""
    return set(prompt.videos) == {"color"} and prompt.negative_prompt is None


def _of_files(rows: Rows, snapshot: Snapshot, drafts: Drafts, model: str | None) -> list[Told]:
    """What is wrong with the files that would be written, with their videos and with what the model makes of them."""
    lines: dict[str, list[int]] = {}
    for run in drafts.runs:
        lines.setdefault(run.prompt, []).append(run.places[""].line)
    told: list[Told] = []
    broken: dict[str, Any] = {}
    for prompt in drafts.prompts:
        broken[prompt.id] = prompt_mistakes(snapshot.root, prompt, outside=rows.outside)
        told += [(line, mistake.message) for mistake in broken[prompt.id] for line in lines[prompt.id]]
    for run in drafts.runs:
        broken[run.id] = run_mistakes(snapshot.root, run, outside=rows.outside)
        told += [(run.places[""].line, mistake.message) for mistake in broken[run.id]]
    well = [run for run in drafts.runs if not broken[run.id] and not broken.get(run.prompt)]
    known = snapshot.with_drafts(Drafts(drafts.prompts, tuple(well)))
    looked = prepare.look(ProjectPaths(snapshot.root), known, [run.id for run in well], model=model)
    return told + [(run.places[""].line, words) for run in well for words in looked.left_out.get(run.id, ())]

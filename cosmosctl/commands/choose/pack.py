"""What was chosen as one zip: each video with its receipt and the files that it was made from, and a table of all.

No link is followed, and nothing in it names a path or an address of this machine.
"""

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import command, resolve_id
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.errors import UsageError
from cosmosctl.io import own
from cosmosctl.io.atomic import replace_with
from cosmosctl.io.checked import Unreadable, read_bounded
from cosmosctl.io.given_path import is_there, no_path_words
from cosmosctl.io.os_error import file_error
from cosmosctl.opening.project import opened
from cosmosctl.results.receipts import Receipt, receipt_text
from cosmosctl.shown.discreet import author_words, discreet
from cosmosctl.state.attempts import receipt_beside
from cosmosctl.state.rated import Video, opinion, present_video
from cosmosctl.store import load_all
from cosmosctl.yaml.reader import MAX_BYTES

TABLE = "table.csv"
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file in it: the same choice has the same bytes."""
_BLOCK = 1 << 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a word begins that a spreadsheet would compute."""


@dataclass(frozen=True)
class _Chosen:
    run: str
    video: Video
    receipt: Receipt
    prompt: str


def pack(folder: Path, words: Sequence[str], target: Path, *, force: bool = False) -> Path:
    """The zip of the videos that these runs have now. Raises: UsageError when one has none, FileError."""
    refusal = no_path_words(str(target))
    if not refusal and target.suffix.lower() != ".zip":
        refusal = f"-o {target}: the name has to end in .zip"
    if not refusal and (is_there(target) or target.is_symlink()) and not (force and target.is_file()):
        refusal = f"{target} is there already; --force writes over it"
    if not words:
        refusal = "no run is named"
    if refusal:
        raise UsageError(refusal)
    project = opened(folder)
    chosen = [*_chosen(project, words)]
    with replace_with(target, durable=False) as temp, zipfile.ZipFile(temp, "w") as made:
        for one in chosen:
            _put(made, f"{one.run}/{one.run}{Path(one.video.path).suffix}", project.root / one.video.path)
            _write(made, f"{one.run}/result.yaml", discreet(receipt_text(one.receipt)).encode())
            _keep(made, f"{one.run}/run.yaml", project.run(one.run).spec)
        for prompt in dict.fromkeys(one.prompt for one in chosen):
            _keep(made, f"prompts/{prompt}.yaml", project.prompt(prompt))
        _write(made, TABLE, _table(project, chosen).encode())
    return target


def _chosen(project: ProjectPaths, words: Sequence[str]) -> Iterator[_Chosen]:
    snapshot = load_all(project.root)
    for run in dict.fromkeys(resolve_id(word, snapshot.run_ids, what="run") for word in words):
        video = present_video(project, run)
        receipt = None if video is None else receipt_beside(project, run, _place(project, run, video))
        if video is None or receipt is None:
            raise UsageError(f"{run} has no video here", hint=f"{command('batch', run)}, or {command('fetch', run)}")
        yield _Chosen(run, video, receipt, snapshot.prompt_of(run))


def _place(project: ProjectPaths, run: str, video: Video) -> ResultPaths:
    home = project.run(run)
    return home.preview if video.kind == "preview" else home.result


def _put(made: zipfile.ZipFile, name: str, file: Path) -> None:
    """A file of the tool's, behind no link, in blocks."""
    try:
        with (
            own.opened(file, os.O_RDONLY) as descriptor,
            open(descriptor, "rb", closefd=False) as source,
            made.open(_info(name), "w") as out,
        ):
            while block := source.read(_BLOCK):
                out.write(block)
    except OSError as e:
        raise file_error(file, e, doing="read") from e


def _keep(made: zipfile.ZipFile, name: str, file: Path) -> None:
    """One of the user's files as it is, where it is a file."""
    try:
        _write(made, name, read_bounded(file, MAX_BYTES))
    except (FileNotFoundError, Unreadable):
        return


def _write(made: zipfile.ZipFile, name: str, data: bytes) -> None:
    made.writestr(_info(name), data, zipfile.ZIP_DEFLATED)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"chosen/{name}", _TIME)
    info.external_attr = 0o100644 << 16
    return info


def _table(project: ProjectPaths, chosen: Sequence[_Chosen]) -> str:
    """A row a run: what it is made of, what people said, and its video's digest."""
    rows = [_row(project, one) for one in chosen]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _row(project: ProjectPaths, one: _Chosen) -> Mapping[str, Any]:
    receipt, said = one.receipt, opinion(project, one.run)
    row: dict[str, Any] = {"run": one.run, "kind": one.video.kind, "prompt": one.prompt, "text": receipt.prompt}
    row |= {"model": receipt.model, "seed": receipt.seed, "batch": receipt.batch, "ended": receipt.ended}
    row |= {"stars": said.stars, "accepted": said.accepted, "notes": "; ".join(said.notes)}
    row |= {"by": ", ".join(author_words(entry.author) for entry in said.entries), "sha256": one.video.sha256}
    row |= {f"set.{key}": value for key, value in receipt.effective.items() if key not in row}
    return {key: _cell(value) for key, value in row.items()}


def _cell(value: object) -> object:
    if isinstance(value, dict | list | tuple):
        return json.dumps(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

"""Results of several runs as one video or picture, labelled with what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.domain.ids import command, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Setting
from cosmosctl.errors import UsageError
from cosmosctl.io.atomic import replace_with
from cosmosctl.io.os_error import file_error
from cosmosctl.opening.project import opened
from cosmosctl.results.receipts import Receipt
from cosmosctl.state.attempts import attempts, receipt_beside
from cosmosctl.store import load_all

if TYPE_CHECKING:
    from cosmosctl.media.montage import Side

SIDE, WIPE, GRID, DIFF, SHEET = "side", "wipe", "grid", "diff", "sheet"
LAYOUTS = (SIDE, WIPE, GRID, DIFF, SHEET)
OF_TWO = (WIPE, DIFF)
MOST, MOST_IN_A_ROW = 9, 3
MOST_IN_A_SHEET = 40
WORDS = 6
"""Of a prompt, in a label."""


@dataclass(frozen=True)
class Asked:
    """`runs`: ids, or RUN@BATCH for an earlier result. `layout` None: what fits so many. `at_s`: for a picture."""

    runs: tuple[str, ...]
    target: Path
    layout: str | None = None
    at_s: float | None = None
    force: bool = False


@dataclass(frozen=True)
class _Result:
    """A video and the receipt that tells what it was made from."""

    name: str
    video: Path
    receipt: Receipt


def compare(folder: Path, asked: Asked) -> Path:
    """The file that was written. Raises: UsageError, FileError."""
    project = opened(folder)
    layout = _layout(asked)
    known = load_all(project.root).run_ids
    results = [_result(project, word, known) for word in dict.fromkeys(asked.runs)]
    if len(results) < 2:
        raise UsageError("two different results are needed to compare")
    sides = _sides(results)
    from cosmosctl.media.montage import write_picture, write_video

    try:
        if _is_picture(asked.target):
            with replace_with(asked.target) as temp:
                write_picture(temp, sides, layout, asked.at_s)
        else:
            asked.target.parent.mkdir(parents=True, exist_ok=True)
            write_video(asked.target, sides, layout)
    except OSError as e:
        raise file_error(asked.target, e, doing="write") from e
    return asked.target


def _is_picture(target: Path) -> bool:
    return target.suffix.lower() == ".png"


def _layout(asked: Asked) -> str:
    """The layout that is asked for, or fits. Raises: UsageError for what does not go together."""
    count, target = len(set(asked.runs)), asked.target
    if target.suffix.lower() not in (".mp4", ".png"):
        raise UsageError(f"-o {target}: the name has to end in .mp4 or .png")
    if (target.exists() or target.is_symlink()) and not (asked.force and target.is_file()):
        raise UsageError(f"{target} is there already", hint="--force writes over it")
    layout = asked.layout or (SIDE if count <= MOST_IN_A_ROW else GRID if count <= MOST else SHEET)
    if layout in OF_TWO and count != 2:
        raise UsageError(f"--layout {layout} compares two runs, got {count}")
    most = MOST_IN_A_SHEET if layout == SHEET else MOST
    if count > most:
        raise UsageError(f"--layout {layout} takes at most {most} runs, got {count}")
    if layout == SHEET and not _is_picture(target):
        raise UsageError("a sheet is a picture: -o FILE.png", hint="--layout grid makes a video of several")
    if asked.at_s is not None and (layout == SHEET or not _is_picture(target)):
        raise UsageError("--at is the time of a picture: -o FILE.png, not a sheet")
    return layout


def _result(project: ProjectPaths, word: str, known: Sequence[str]) -> _Result:
    """The result that a run has now, or with @BATCH the one that it had of that batch. Raises: UsageError."""
    name, is_earlier, batch = word.partition("@")
    run = resolve_id(name, known, what="run")
    if is_earlier:
        return _earlier(project, run, batch)
    for place in (project.run(run).result, project.run(run).preview):
        receipt = receipt_beside(project, run, place)
        video = None if receipt is None else place.root / receipt.primary_output
        if receipt is not None and video is not None and video.is_file():
            return _Result(run, video, receipt)
    hint = f"{command('batch', run)}, or {command('fetch', run)}"
    raise UsageError(f"{run} has no video here to compare", hint=hint)


def _earlier(project: ProjectPaths, run: str, batch: str) -> _Result:
    found: dict[str, _Result] = {}
    for one in attempts(project, run):
        receipt = one.receipt
        if isinstance(receipt, Receipt) and (one.place.root / receipt.primary_output).is_file():
            found[receipt.batch] = _Result(f"{run}@{receipt.batch}", one.place.root / receipt.primary_output, receipt)
    if not found:
        raise UsageError(f"{run} has no video here", hint=command("history", run))
    return found[resolve_id(batch, found, what="batch")]


def _sides(results: Sequence[_Result]) -> "list[Side]":
    from cosmosctl.media.montage import Side

    words = differences([one.receipt for one in results])
    previews = {one.receipt.preview for one in results}
    names = [f"{one.name} (preview)" if one.receipt.preview and len(previews) > 1 else one.name for one in results]
    return [Side(one.video, name, told) for one, name, told in zip(results, names, words, strict=True)]


def differences(receipts: Sequence[Receipt]) -> list[str]:
    """Of each result what it was made from and the others were not, in words."""
    facts = [dict(receipt.effective) for receipt in receipts]
    every = dict.fromkeys(key for one in facts for key in one)
    keys = [key for key in every if len({_plain(one, key) for one in facts}) > 1]
    return [_words(receipt, one, keys) for receipt, one in zip(receipts, facts, strict=True)]


def _plain(facts: Mapping[str, Setting], key: str) -> str:
    value = facts.get(key)
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)


def _words(receipt: Receipt, facts: Mapping[str, Setting], keys: Sequence[str]) -> str:
    return ", ".join(filter(None, (_fact(receipt, key, facts.get(key)) for key in keys)))


def _fact(receipt: Receipt, key: str, value: Setting | None) -> str:
    """A fact as people say it; the hashes of texts and videos as what they are of."""
    if key == "prompt":
        first = receipt.prompt.split()
        return f"{receipt.prompt_id}: {' '.join(first[:WORDS])}{' …' if len(first) > WORDS else ''}"
    if key == "video":
        return f"video {str(value)[:8]}"
    if key.startswith("controls."):
        _, name, part = key.split(".", 2)
        if value is None:
            return f"no {name}" if part == "weight" else ""
        return f"{name}={value:g}" if isinstance(value, float) else f"{name} {part} {str(value)[:24]}"
    return f"{key}={'default' if value is None else _shown(value)}"


def _shown(value: Setting) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)[:40]

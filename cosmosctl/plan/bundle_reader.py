"""The files of batches/BATCH/ back into a `Batch`. Any of them may be cut off, a stranger's, or git's alone."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from cosmosctl.domain.batch import MOST_RUNS, Batch, BatchRow, Sent
from cosmosctl.domain.ids import command, is_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths
from cosmosctl.domain.project import FORMAT
from cosmosctl.errors import FileError
from cosmosctl.io import own, user_state
from cosmosctl.io.checked import Unreadable, mapping, opened, parse_json, read_bounded, text_of, typed
from cosmosctl.io.os_error import is_there, os_words
from cosmosctl.io.visible import visible
from cosmosctl.log import say
from cosmosctl.store.root import OUTSIDE_COMMAND, outside_counts
from cosmosctl.store.videos import path_words

PLAN_BYTES = 1 << 30
"""Of a plan that this machine made: five times that of the largest batch."""
FOREIGN_BYTES = 16 << 20
"""Of any other one: more commands than anybody looks at before they are allowed."""
HEAD_BYTES = 32 << 20
"""Of each other file of a batch: more than those of the largest take."""
HERE_ALONE = "# So on this machine alone:\n"
"""What follows it in batch.local.yaml is not in batch.yaml, which git versions."""
_IN_BUNDLE = re.compile(r"[A-Za-z0-9_][^/\0]*/[A-Za-z0-9_][^/\0]*")
"""A file in the folder of a group."""


def report_in(local: str) -> str:
    """The batch.yaml that this batch.local.yaml holds."""
    return local.partition(HERE_ALONE)[0]


def read_branch(paths: BatchPaths) -> str:
    """The branch that the batch was made on; "" where that is not known."""
    from cosmosctl.yaml.file import load_tool

    try:
        here = text_of(read_bounded(paths.whole, HEAD_BYTES)).partition(HERE_ALONE)[2]
        found = mapping(load_tool(here)) if here else {}
    except (OSError, ValueError):
        return ""
    return found["branch"] if isinstance(found.get("branch"), str) else ""


def is_whole(paths: BatchPaths) -> bool:
    """Whether a folder is a batch: made here, brought by git, or made by a version that had no mark but its report."""
    if any(is_there(file) and own.is_file(file) for file in (paths.whole, paths.report)):
        return True
    return is_there(paths.plan) and not cut_off(paths)


def read_batch(paths: BatchPaths) -> Batch:
    """The batch in that folder. Raises: FileError when plan.json is missing or not ours."""
    if is_anothers(paths):
        raise _of_another_clone(paths)
    with reading_plan(paths):
        plan = mapping(parse_json(plan_bytes(paths)))
        if isinstance(plan.get("format"), int) and plan["format"] > FORMAT:
            raise Unreadable("a newer cosmosctl made it: install that one")
        rows = tuple(_batch_row(row, group["name"]) for group in plan["groups"] for row in group["rows"])
        inputs = tuple(_sent(entry) for entry in _list(plan["inputs"]))
        plan = {**plan, "shards": len(_list(plan.get("shards", [])))}
        _refuse_outside(paths, inputs)
        return _batch(paths, plan, rows, inputs)


def read_plan(paths: BatchPaths) -> Mapping[str, Any]:
    """plan.json as plain values. Raises: FileError."""
    with reading_plan(paths):
        return mapping(parse_json(plan_bytes(paths)))


def plan_bytes(paths: BatchPaths) -> bytes:
    """The bytes of plan.json; many of them only where the plan was made, or allowed, on this machine.

    Raises: FileNotFoundError, Unreadable.
    """
    if paths.plan.lstat().st_size <= FOREIGN_BYTES:
        return read_bounded(paths.plan, FOREIGN_BYTES)
    if not is_believed(paths):
        raise Unreadable(f"it is larger than {FOREIGN_BYTES >> 20} MiB, and not as it was made on this machine")
    return read_bounded(paths.plan, PLAN_BYTES)


def is_believed(paths: BatchPaths) -> bool:
    """Whether the plan in that folder was made, or seen and allowed, on this machine. No script's `*` does that."""
    try:
        return user_state.is_noted(user_state.MADE, own.digest(paths.plan, most=PLAN_BYTES))
    except (OSError, FileError):
        return False


def is_anothers(paths: BatchPaths) -> bool:
    """Whether all that is here of a batch is what git brought."""
    ours = (paths.plan, paths.whole, paths.rows_list, paths.launch, paths.events)
    return is_there(paths.report) and not any(map(is_there, ours))


def _of_another_clone(paths: BatchPaths) -> FileError:
    try:
        where = f" for host {read_whereabouts(paths).host.name}"
    except FileError:
        where = ""
    return FileError(
        f"batch {paths.name} was made in another clone{where}: only there it is followed, fetched and cancelled",
        hint="git pull, once its receipts are committed there; then cosmosctl fetch RUN brings a video from the host",
    )


def commands_in(plan: bytes) -> tuple[Sequence[str], ...]:
    """The argv of every model start in the bytes of a plan, the fallbacks too. To be used within `reading_plan`."""
    groups = [mapping(group) for group in mapping(parse_json(plan))["groups"]]
    starts = [mapping(start) for group in groups for start in (group, *group.get("fallback", ()))]
    return tuple(_argv(start["argv"]) for start in starts)


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise Unreadable("it has no list where one belongs")
    return value


def _argv(words: Any) -> Sequence[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Unreadable("argv is no list of words")
    return words


@contextmanager
def reading_plan(paths: BatchPaths) -> Iterator[None]:
    """Whatever plain values raise that are no plan is told as that. Raises: FileError."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as e:
        raise FileError(
            f"batches/{paths.name}/plan.json: cannot be read as a plan: {_why(e)}", hint=way_out(paths)
        ) from e


def _refuse_outside(paths: BatchPaths, inputs: Iterable[Sent]) -> None:
    """Raises: Unreadable for a video from outside of the project, where none may be sent from there."""
    root = paths.root.parent.parent
    words = (path_words(root, video.source, allow_outside=False) for video in inputs)
    away = next(filter(None, words), "")
    if away and not outside_counts(root):
        raise Unreadable(f"{visible(away)} ({OUTSIDE_COMMAND} lets it)")


def readable(project: ProjectPaths, names: Iterable[str]) -> list[str]:
    """The batches whose plan can be read; of the others it is said, and what to do about them."""
    found = []
    for name in names:
        try:
            read_batch(project.batch(name))
        except FileError as e:
            say(f"{e.message}; {e.hint}")
        else:
            found.append(name)
    return found


def _batch(paths: BatchPaths, head: Mapping[str, Any], rows: tuple[BatchRow, ...], inputs: tuple[Sent, ...]) -> Batch:
    """Raises: Unreadable, and what plain values raise that are not as they should be."""
    facts = {**head, "name": head["batch"], "host": {"gpus": (), **mapping(head["host"])}, "rows": (), "inputs": ()}
    batch = replace(typed(Batch, facts), rows=rows, inputs=inputs)
    if batch.name != paths.name:
        raise Unreadable(f"it is that of another batch, {batch.name}")
    if len(set(batch.runs)) != len(batch.runs):
        raise Unreadable("it names a run twice")
    return batch


def _why(error: Exception) -> str:
    """In the user's words, without the path, which stands before it."""
    if isinstance(error, OSError):
        return os_words(error)
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def way_out(paths: BatchPaths) -> str:
    """What to do about a plan that cannot be read."""
    return f"bring the file back, or give up what it holds: {command('cancel', paths.name, '--abandon')}"


def read_runs(paths: BatchPaths) -> tuple[tuple[str, ...], str]:
    """The runs of a batch and "", or what is wrong with the files that name them.

    rows.txt is the quick way; where it cannot be read plan.json names them too, and batch.yaml.
    """
    try:
        return _listed_runs(paths.rows_list), cut_off(paths)
    except (OSError, Unreadable) as e:
        problem = f"batches/{paths.name}/{paths.rows_list.name}: cannot be read: {_why(e)}"
    try:
        return read_batch(paths).runs, problem
    except FileError:
        return _runs_of_head(paths), problem


def cut_off(paths: BatchPaths) -> str:
    """Whether the end of plan.json is missing, in words: all of it is read only by who works with it."""
    try:
        with opened(paths.plan, PLAN_BYTES) as file:
            begins = file.read(1) == b"{"
            file.seek(-2, os.SEEK_END)
            if begins and file.read() == b"}\n":
                return ""
            what = "end is missing" if begins else "beginning is not as it was written"
            return f"batches/{paths.name}/plan.json: cannot be read: its {what}"
    except (OSError, Unreadable) as e:
        return f"batches/{paths.name}/plan.json: cannot be read: {_why(e)}"


def _listed_runs(file: Path) -> tuple[str, ...]:
    data = read_bounded(file, HEAD_BYTES)
    if data.count(b"\n") > MOST_RUNS:
        raise Unreadable(f"it names more than {MOST_RUNS:,} runs")
    text = text_of(data)
    lines = [line.split(" ") for line in text.split("\n")]
    if lines.pop() != [""] or not lines:
        raise Unreadable("its end is missing")
    for number, words in enumerate(lines, start=1):
        if len(words) != 3 or not is_id(words[1]) or len(words[2]) != len(lines[0][2]):
            raise Unreadable(f"line {number} is not as it was written")
    if len({words[1] for words in lines}) != len(lines):
        raise Unreadable("it names a run twice")
    return tuple(words[1] for words in lines)


def _runs_of_head(paths: BatchPaths) -> tuple[str, ...]:
    """The runs that batch.yaml names; none where it cannot be read either."""
    try:
        groups = _head(paths)["groups"]
        return tuple(dict.fromkeys(run for group in groups for run in group["runs"] if is_id(run)))
    except (OSError, ValueError, LookupError, TypeError):
        return ()


def read_whereabouts(paths: BatchPaths) -> Batch:
    """The batch in that folder; without its rows when only the versioned batch.yaml is here, as in a clone.

    Raises: FileError when not even that is here.
    """
    return read_batch(paths) if paths.plan.exists() else read_head(paths)


def read_head(paths: BatchPaths) -> Batch:
    """The batch in that folder by batch.yaml, without its rows. Raises: FileError when that cannot be read."""
    try:
        return _batch(paths, _head(paths), (), ())
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise FileError(f"batch {paths.name} is not known here: {paths.report} cannot be read") from e


def _head(paths: BatchPaths) -> Mapping[str, Any]:
    """What batch.yaml says, by the copy that git ignores where there is one. Raises: OSError, Unreadable."""
    from cosmosctl.yaml.file import load_tool

    file = paths.whole if paths.whole.exists() else paths.report
    return mapping(load_tool(text_of(read_bounded(file, HEAD_BYTES))))


def _batch_row(row: Mapping[str, Any], group: str) -> BatchRow:
    return typed(BatchRow, {**mapping(row), "group": group, "text": row["prompt"], "spec_hash": row["spec"]})


def _sent(entry: Mapping[str, Any]) -> Sent:
    pool_name = "/".join(PurePosixPath(entry["path"]).parts[-2:])
    return typed(Sent, {**entry, "pool_name": pool_name})


def sendable(paths: BatchPaths) -> tuple[Path, ...]:
    """The files of a bundle that the host gets: those that `bundle_files` wrote, nothing that lies beside them.

    Raises: NotOwn when one of them is a link; FileError when plan.json cannot be read.
    """
    try:
        groups = mapping(parse_json(plan_bytes(paths)))["groups"]
        inner = [(group["name"], name) for group in groups for name in (*group["files"], group["rows_file"], "command")]
    except (OSError, ValueError, LookupError, TypeError) as e:
        message = f"batches/{paths.name}/plan.json: cannot be read as a plan: {_why(e)}"
        raise FileError(message, hint=way_out(paths)) from e
    plain = [f"{folder}/{name}" for folder, name in inner if _IN_BUNDLE.fullmatch(f"{folder}/{name}")]
    own_files = (paths.report, paths.plan, paths.inputs_list, paths.rows_list)
    found = (*own_files, *(paths.root / name for name in plain))
    return tuple(sorted({own.checked(path) for path in found if own.is_file(path) or path.is_symlink()}))

"""A plan into the files of batches/BATCH/, and back into a `Batch`.

The folder is made whole beside the others and then renamed into place, batch.local.yaml written last: a client that
dies half-way leaves nothing that counts as a batch.
"""

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cosmosctl.domain.batch import Batch, BatchRow, Sent, batch_name, stamp
from cosmosctl.domain.ids import command, is_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, on_host
from cosmosctl.domain.project import FORMAT, Host
from cosmosctl.errors import FileError
from cosmosctl.io import own
from cosmosctl.io.checked import Unreadable, mapping, opened, parse_json, read_bounded, text_of, typed
from cosmosctl.io.moving import relocate
from cosmosctl.io.os_error import is_there, os_words
from cosmosctl.io.visible import visible
from cosmosctl.log import say
from cosmosctl.store.root import OUTSIDE_COMMAND, outside_counts
from cosmosctl.store.videos import path_words

if TYPE_CHECKING:  # `status` reads batches and writes none: it is not kept waiting for the models and engines
    from cosmosctl.plan.planner import Group, Plan, Row

PLAN_BYTES = 1 << 30
"""A plan of a hundred thousand rows is a third of it."""
STALL_S = 1800
"""Silence after which a model process is ended: NCCL's own heartbeat limit (model-contracts 5.8)."""
GRACE_S = 10
"""Between SIGTERM and SIGKILL."""
_IN_BUNDLE = re.compile(r"[A-Za-z0-9_][^/\0]*/[A-Za-z0-9_][^/\0]*")
"""A file in the folder of a group."""
_HERE = "# So on this machine alone:\n"
HEAD = ("format", "batch", "number", "key", "project", "created", "model", "host")
"""What batch.yaml and plan.json begin with."""
HALF = ".new"
"""The end of the name of a bundle in staging/ that is not whole yet."""


def write_bundle(
    project: ProjectPaths,
    plan: "Plan",
    *,
    project_id: str,
    title: str,
    key: str,
    moment: datetime,
    warnings: Mapping[str, Sequence[str]],
    number: int,
    parents: Mapping[str, Sequence[str]],
    branch: str = "",
) -> BatchPaths:
    """A whole bundle in staging/, with everything the host needs but the videos; `put_in_place` makes it a batch.

    Its name is TITLE_TIME. TIME is the first second from `moment` on whose name is free: a batch of a few rows may end
    within the second in which the next one of the same title is made.
    """
    while project.batch(batch_name(title, moment)).root.exists():
        moment += timedelta(seconds=1)
    name = batch_name(title, moment)
    half = BatchPaths(project.staging / f"{name}{HALF}")
    own.discard(half.root)
    files = bundle_files(
        plan,
        name=name,
        key=key,
        project_id=project_id,
        moment=moment,
        warnings=warnings,
        number=number,
        parents=parents,
        branch=branch,
    )
    for path, text in files:
        own.write_text(half.root / path, text)
    return half


def put_in_place(project: ProjectPaths, half: BatchPaths) -> BatchPaths:
    """Have a whole bundle as a batch of the project."""
    target = project.batch(half.name.removesuffix(HALF))
    own.make_folders(target.root.parent)
    relocate(half.root, target.root)
    return target


def bundle_files(
    plan: "Plan",
    *,
    name: str,
    key: str,
    project_id: str,
    moment: datetime,
    warnings: Mapping[str, Sequence[str]],
    number: int = 1,
    parents: Mapping[str, Sequence[str]] = MappingProxyType({}),
    branch: str = "",
) -> Iterator[tuple[str, str]]:
    """(path, text) of every file of the bundle, the mark of a whole one last.

    `number` and `parents` say what the batch comes after: domain/order.py. `branch` is git's.
    """
    from cosmosctl import engines

    head = {
        "format": FORMAT,
        "batch": name,
        "number": number,
        "key": key,
        "project": project_id,
        "created": stamp(moment),
        "model": plan.model.NAME,
        "host": host_facts(plan.host),
    }
    folder = f"{engines.get(plan.host.engine).seen_dir(plan.host)}/batches/{on_host(plan.host, name, key).folder}"
    for group in plan.groups:
        yield f"{group.name}/{group.model.ROWS_FILE}", "".join(row.line_in(folder) + "\n" for row in group.rows)
        yield from ((f"{group.name}/{file}", text) for file, text in group.files.items())
        yield f"{group.name}/command", command_text(group, folder)
    yield "inputs.txt", "".join(f"{video.pool_name} {video.bytes}\n" for video in plan.inputs)
    yield "rows.txt", rows_text(project_id, [(row.run, row.spec_hash) for row in plan.rows])
    yield "plan.json", _plan_text(head, plan, _plan_json(plan, folder, warnings, parents))
    report = _batch_yaml(head, plan, parents)
    yield BatchPaths(Path()).report.name, report
    yield BatchPaths(Path()).whole.name, local_text(report, branch)


def _plan_text(head: Mapping[str, Any], plan: "Plan", body: Mapping[str, Any]) -> str:
    """plan.json; what tests add to a preview stands between."""
    from cosmosctl.preview import stage

    facts = {**head, **stage.plan_facts(plan.host), **body}
    return json.dumps(facts, ensure_ascii=True, indent=1) + "\n"


def local_text(report: str, branch: str) -> str:
    """batch.local.yaml of the batch that has this batch.yaml."""
    return f"{report}{_HERE}branch: {json.dumps(branch)}\n"


def report_in(local: str) -> str:
    """The batch.yaml that this batch.local.yaml holds."""
    return local.partition(_HERE)[0]


def read_branch(paths: BatchPaths) -> str:
    """The branch that the batch was made on; "" where that is not known."""
    from cosmosctl.yaml.file import load_tool

    try:
        here = text_of(read_bounded(paths.whole, PLAN_BYTES)).partition(_HERE)[2]
        found = mapping(load_tool(here)) if here else {}
    except (OSError, ValueError):
        return ""
    return found["branch"] if isinstance(found.get("branch"), str) else ""


def is_whole(paths: BatchPaths) -> bool:
    """Whether a folder is a batch: made here, brought by git, or made by a version that had no mark but its report."""
    if any(is_there(file) and own.is_file(file) for file in (paths.whole, paths.report)):
        return True
    return is_there(paths.plan) and not cut_off(paths)


def command_text(group: "Group", folder: str) -> str:
    """The model's command of a group as a shell would take it, its files read from the batch's `folder`."""
    argv = [_filled(part, group, folder) for part in group.argv]
    env = [f"{name}={_filled(value, group, folder)}" for name, value in sorted(group.env.items())]
    start = shlex.join([*(["env", *env] if env else []), *argv])
    return f"cd {shlex.quote(group.cwd)} &&\n{start}\n" if group.cwd else f"{start}\n"


def _filled(text: str, group: "Group", folder: str) -> str:
    return text.replace("{work}", f"{folder}/{group.name}").replace("{batch}", folder)


def read_batch(paths: BatchPaths) -> Batch:
    """The batch in that folder. Raises: FileError when plan.json is missing or not ours."""
    with reading_plan(paths):
        plan = mapping(parse_json(read_bounded(paths.plan, PLAN_BYTES)))
        if isinstance(plan.get("format"), int) and plan["format"] > FORMAT:
            raise Unreadable("a newer cosmosctl made it: install that one")
        rows = tuple(_batch_row(row, group["name"]) for group in plan["groups"] for row in group["rows"])
        inputs = tuple(_sent(entry) for entry in _list(plan["inputs"]))
        _refuse_outside(paths, inputs)
        return _batch(paths, plan, rows, inputs)


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
        with opened(paths.plan) as file:
            begins = file.read(1) == b"{"
            file.seek(-2, os.SEEK_END)
            if begins and file.read() == b"}\n":
                return ""
            what = "end is missing" if begins else "beginning is not as it was written"
            return f"batches/{paths.name}/plan.json: cannot be read: its {what}"
    except (OSError, Unreadable) as e:
        return f"batches/{paths.name}/plan.json: cannot be read: {_why(e)}"


def _listed_runs(file: Path) -> tuple[str, ...]:
    text = text_of(read_bounded(file, PLAN_BYTES))
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


def rows_text(project_id: str, rows: Iterable[tuple[str, str]]) -> str:
    """rows.txt: a line with project, run and spec hash for each (run, spec hash)."""
    return "".join(f"{project_id} {run} {spec_hash}\n" for run, spec_hash in rows)


def mend(paths: BatchPaths, batch: Batch) -> None:
    """Write rows.txt anew where it does not say what plan.json says: the host refuses runs by it."""
    wanted = rows_text(batch.project, [(row.run, row.spec_hash) for row in batch.rows])
    try:
        is_right = read_bounded(paths.rows_list, PLAN_BYTES).decode(errors="replace") == wanted
    except (OSError, Unreadable):
        is_right = False
    if not is_right:
        own.write_text(paths.rows_list, wanted)


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
    return mapping(load_tool(text_of(read_bounded(file, PLAN_BYTES))))


def host_facts(host: Host) -> dict[str, Any]:
    """A host as plain data for plan.json and batch.yaml: the lines that were set, nothing else."""
    facts = {key: value for key, value in asdict(host).items() if value not in (None, (), {})}
    if host.models:
        facts["models"] = {
            name: {key: value for key, value in asdict(block).items() if value} for name, block in host.models.items()
        }
    return {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}


def _plan_json(
    plan: "Plan", folder: str, warnings: Mapping[str, Sequence[str]], parents: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    from cosmosctl import engines

    engine = engines.get(plan.host.engine)
    pool = engine.seen_dir(plan.host) / "inputs"
    return {
        "gpus": list(engine.gpus(plan.host)),
        "stall_s": STALL_S,
        "grace_s": GRACE_S,
        "inputs": [
            {
                "path": f"{pool}/{video.pool_name}",
                "bytes": video.bytes,
                "sha256": video.sha256,
                "source": video.path,
                "runs": [row.run for row in plan.rows if video.pool_name in {i.pool_name for i in row.inputs.values()}],
            }
            for video in plan.inputs
        ],
        "groups": [_group_json(group, folder, warnings, parents) for group in plan.groups],
    }


def _group_json(
    group: "Group", folder: str, warnings: Mapping[str, Sequence[str]], parents: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    fallback = [
        {**_start_json(native), "rows": [{"run": row.run, "line": row.line_in(folder)} for row in native.rows]}
        for native in group.fallback
    ]
    rows = [_row_json(row, folder, warnings.get(row.run, ()), parents.get(row.run, ())) for row in group.rows]
    return {**_start_json(group), "rows": rows, **({"fallback": fallback} if fallback else {})}


def _start_json(group: "Group") -> dict[str, Any]:
    """A model start without its rows."""
    return {
        "name": group.name,
        "argv": list(group.argv),
        "cwd": group.cwd,
        "env": dict(group.env),
        "files": dict(group.files),
        "rows_file": group.model.ROWS_FILE,
        "rows": [],
        "layouts": [
            {key: value for key, value in asdict(layout).items() if value is not None or key == "marker"}
            for layout in group.model.LAYOUTS
        ],
        "patterns": asdict(group.model.PATTERNS),
    }


def _row_json(row: "Row", folder: str, warnings: Sequence[str], parents: Sequence[str]) -> dict[str, Any]:
    from cosmosctl.models.names import opaque_name

    return {
        "run": row.run,
        "name": opaque_name(row.run),
        "line": row.line_in(folder),
        "frames": row.frames,
        "steps": row.steps,
        "prompt": row.spec.text,
        "prompt_id": row.spec.prompt_id,
        "video": row.spec.video,
        "spec": row.spec_hash,
        "facts": dict(row.facts),
        "sources": dict(row.spec.sources),
        "inputs": {role: video.sha256 for role, video in row.inputs.items()},
        "warnings": list(warnings),
        **({} if row.after is None else {"after": row.after.run}),
        **({"parents": list(parents)} if parents else {}),
    }


def _batch_row(row: Mapping[str, Any], group: str) -> BatchRow:
    return typed(BatchRow, {**mapping(row), "group": group, "text": row["prompt"], "spec_hash": row["spec"]})


def _sent(entry: Mapping[str, Any]) -> Sent:
    pool_name = "/".join(PurePosixPath(entry["path"]).parts[-2:])
    return typed(Sent, {**entry, "pool_name": pool_name})


def _batch_yaml(head: Mapping[str, Any], plan: "Plan", parents: Mapping[str, Sequence[str]]) -> str:
    groups = [
        {
            "name": group.name,
            "settings": dict(group.key),
            "runs": {
                row.run: {
                    "prompt": row.spec.prompt_id,
                    "spec": row.spec_hash,
                    "weights": {control.name: control.weight for control in row.spec.controls},
                    **({"parents": list(parents[row.run])} if row.run in parents else {}),
                }
                for row in group.rows
            },
        }
        for group in plan.groups
    ]
    return head_text(head, groups)


def head_text(head: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> str:
    """batch.yaml."""
    from cosmosctl.yaml.file import dump_tool

    comment = "# Written by cosmosctl batch; plan.json beside it is the same for the host. Do not edit.\n"
    return comment + dump_tool({**head, "groups": list(groups)})


def sendable(paths: BatchPaths) -> tuple[Path, ...]:
    """The files of a bundle that the host gets: those that `bundle_files` wrote, nothing that lies beside them.

    Raises: NotOwn when one of them is a link; FileError when plan.json cannot be read.
    """
    try:
        groups = mapping(parse_json(read_bounded(paths.plan, PLAN_BYTES)))["groups"]
        inner = [(group["name"], name) for group in groups for name in (*group["files"], group["rows_file"], "command")]
    except (OSError, ValueError, LookupError, TypeError) as e:
        message = f"batches/{paths.name}/plan.json: cannot be read as a plan: {_why(e)}"
        raise FileError(message, hint=way_out(paths)) from e
    plain = [f"{folder}/{name}" for folder, name in inner if _IN_BUNDLE.fullmatch(f"{folder}/{name}")]
    own_files = (paths.report, paths.plan, paths.inputs_list, paths.rows_list)
    found = (*own_files, *(paths.root / name for name in plain))
    return tuple(sorted({own.checked(path) for path in found if own.is_file(path) or path.is_symlink()}))

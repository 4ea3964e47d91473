"""A plan into the files of batches/BATCH/; `bundle_reader` reads them.

The folder is made whole beside the others and then renamed into place, batch.local.yaml written last: a client that
dies half-way leaves nothing that counts as a batch.
"""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cosmosctl.domain.batch import Batch, batch_name, stamp
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, on_host
from cosmosctl.domain.project import FORMAT, Host
from cosmosctl.io import own, user_state
from cosmosctl.io.checked import Unreadable, read_bounded
from cosmosctl.io.moving import relocate
from cosmosctl.plan.bundle_reader import HEAD_BYTES, HERE_ALONE

if TYPE_CHECKING:  # `status` reads batches and writes none: it is not kept waiting for the models and engines
    from cosmosctl.plan.planner import Group, Plan, Row

STALL_S = 1800
"""Silence after which a model process is ended: NCCL's own heartbeat limit (model-contracts 5.8)."""
GRACE_S = 10
"""Between SIGTERM and SIGKILL."""
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
    within the second in which the next one of the same title is made, and another clone may make one.
    """
    while not _is_free(project, project_id, batch_name(title, moment)):
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


def _is_free(project: ProjectPaths, project_id: str, name: str) -> bool:
    """Whether no clone of the project on this machine has a batch of that name; from now on it is given."""
    if project.batch(name).root.exists():
        return False
    return user_state.claim(user_state.NAMES, user_state.digest_of(f"{project_id} {name}".encode()))


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
    folder = f"{engines.of(plan.host).seen_dir(plan.host)}/batches/{on_host(plan.host, name, key).folder}"
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
    return f"{report}{HERE_ALONE}branch: {json.dumps(branch)}\n"


def command_text(group: "Group", folder: str) -> str:
    """The model's command of a group as a shell would take it, its files read from the batch's `folder`."""
    argv = [_filled(part, group, folder) for part in group.argv]
    prefix = group.wrapping.prefixes[0] if group.wrapping and group.wrapping.prefixes else ""
    env = [f"{prefix}{name}={_filled(value, group, folder)}" for name, value in sorted(group.env.items())]
    start = shlex.join([*(["env", *env] if env else []), *argv])
    return f"cd {shlex.quote(group.cwd)} &&\n{start}\n" if group.cwd else f"{start}\n"


def _filled(text: str, group: "Group", folder: str) -> str:
    return text.replace("{work}", f"{folder}/{group.name}").replace("{batch}", folder)


def rows_text(project_id: str, rows: Iterable[tuple[str, str]]) -> str:
    """rows.txt: a line with project, run and spec hash for each (run, spec hash)."""
    return "".join(f"{project_id} {run} {spec_hash}\n" for run, spec_hash in rows)


def mend(paths: BatchPaths, batch: Batch) -> None:
    """Write rows.txt anew where it does not say what plan.json says: the host refuses runs by it."""
    wanted = rows_text(batch.project, [(row.run, row.spec_hash) for row in batch.rows])
    try:
        is_right = read_bounded(paths.rows_list, HEAD_BYTES).decode(errors="replace") == wanted
    except (OSError, Unreadable):
        is_right = False
    if not is_right:
        own.write_text(paths.rows_list, wanted)


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

    engine = engines.of(plan.host)
    pool = engine.seen_dir(plan.host) / "inputs"
    return {
        **_queue_json(plan),
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


def _queue_json(plan: "Plan") -> dict[str, Any]:
    """Which rows share a job, where the host has a queue for jobs."""
    from cosmosctl import schedulers
    from cosmosctl.plan.shards import shared_out

    if schedulers.queue(plan.host) is None:
        return {}
    return {"shards": [list(runs) for runs in shared_out(plan.groups, plan.host.nodes or 1)]}


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
        **_wrapped(group),
        "rows_file": group.model.ROWS_FILE,
        "rows": [],
        "layouts": [
            {key: value for key, value in asdict(layout).items() if value is not None or key == "marker"}
            for layout in group.model.LAYOUTS
        ],
        "patterns": asdict(group.model.PATTERNS),
    }


def _wrapped(group: "Group") -> dict[str, Any]:
    """What the supervisor does for a process whose command puts it into a container."""
    facts = {} if group.wrapping is None else asdict(group.wrapping)
    kept = {
        key: list(value) if isinstance(value, tuple) else value for key, value in facts.items() if value is not None
    }
    return {"wrapping": kept} if kept else {}


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

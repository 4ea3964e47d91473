"""`status --json`: the same as `status` says, for programs. docs/format.md lists the keys."""

import re
from typing import Any

from cosmosctl.cli.draw.status_view import SECTIONS, batch_lines
from cosmosctl.commands.look.status import Overview
from cosmosctl.errors import MOST_SHOWN
from cosmosctl.host.trust import allow_batch_command
from cosmosctl.state.states import OpenBatch, RunState

_COMMAND = re.compile(r'"(cosmosctl [^"]+)"')


def as_data(found: Overview) -> dict[str, Any]:
    """One object; keys are always there, whatever the project holds."""
    groups = [group for state, command in _groups() if (group := _group(found, state, command))["runs"]]
    batches = [_batch(one, found) for one in found.open_batches]
    nexts = [command for one in batches for command in one["next"]] + [group["next"] for group in groups]
    return {
        "host": found.host.name,
        "preview": found.host.is_preview,
        "next": nexts[0] if nexts else None,
        "batches": batches,
        "groups": groups,
        "runs": [_run(run, found) for run in found.runs.values()],
        "elsewhere": [{"id": paths.name, "next": [allow_batch_command(paths)]} for paths in found.foreign],
        "mistakes": list(found.problems[:MOST_SHOWN]),
        "mistakes_total": len(found.problems),
    }


def _groups() -> tuple[tuple[str, str], ...]:
    """State -> the command to type next, in the order of `status`; those of unfinished batches stand with them."""
    return (("invalid", "cosmosctl check"), *((state, command) for state, _, command in SECTIONS))


def _group(found: Overview, state: str, command: str) -> dict[str, Any]:
    return {"status": state, "next": command, "runs": [run.run for run in found.runs.values() if run.state == state]}


def _batch(batch: OpenBatch, found: Overview) -> dict[str, Any]:
    title, hint = batch_lines(batch, found)[:2]
    words = title.removeprefix(f"Batch {batch.paths.name}: ")
    return {"id": batch.paths.name, "words": words, "next": _COMMAND.findall(hint), "runs": list(batch.runs)}


def _run(run: RunState, found: Overview) -> dict[str, Any]:
    return {
        "id": run.run,
        "status": run.state,
        "reason": run.reason or None,
        "detail": run.detail,
        "batch": run.batch or None,
        "changed": list(run.changed),
        "share": None if run.share is None else round(run.share, 3),
        "previewed": run.previewed,
        "earlier_kept": run.earlier_kept,
        "label": found.label(run.run),
        "differs": found.looks.get(run.run, ""),
    }

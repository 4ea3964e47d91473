"""What `list` prints: one mapping a prompt, run or batch, newest last."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cosmosctl import bundle, states
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, ResultPaths
from cosmosctl.ends import read_end
from cosmosctl.errors import FileError, UsageError
from cosmosctl.events import progress, read_events
from cosmosctl.states import ALIASES, STATES
from cosmosctl.store import Snapshot, find_root, load_all

Rows = tuple[dict[str, Any], ...]


def prompt_rows(folder: Path, *, limit: int | None) -> Rows:
    """id, prompt, scene, videos, number of runs of each prompt."""
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    counts: dict[str, int] = {}
    for run in snapshot.runs.values():
        counts[run.prompt] = counts.get(run.prompt, 0) + 1
    chosen = _newest(snapshot.prompts, limit, [project.prompt(name) for name in snapshot.prompts])
    return tuple(
        {
            "id": prompt.id,
            "prompt": prompt.text,
            "scene": prompt.scene,
            "videos": dict(prompt.videos),
            "negative_prompt": prompt.negative_prompt,
            "tags": list(prompt.tags),
            "runs": counts.get(prompt.id, 0),
        }
        for prompt in (snapshot.prompts[name] for name in chosen)
    )


def run_rows(folder: Path, *, status: str | None, prompt: str | None, host: str | None, limit: int | None) -> Rows:
    """id, prompt_id, status, weights, batch, settings, output of each run. Raises: UsageError for unknown words."""
    wanted = ALIASES.get(status or "", status)
    if wanted is not None and wanted not in STATES:
        raise UsageError(f"there is no state {status!r}; known: {', '.join(STATES)}")
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    prompt_id = resolve_id(prompt, snapshot.prompts, what="prompt") if prompt else None
    known = states.all_states(project, snapshot, preview=snapshot.host(host).is_preview)
    names = [
        name
        for name, state in known.items()
        if wanted in (None, state.state)
        and (prompt_id is None or (name in snapshot.runs and snapshot.runs[name].prompt == prompt_id))
    ]
    chosen = _newest(names, limit, [project.run(name).spec for name in names])
    return tuple(_run_row(project, snapshot, known[name]) for name in chosen)


def batch_rows(folder: Path, *, limit: int | None) -> Rows:
    """id, status, host, model, size, done, created, runs of each batch."""
    project = ProjectPaths(find_root(folder))
    found = states.batches(project)
    return tuple(_batch_row(paths) for paths in found[-limit if limit else 0 :])


def _run_row(project: ProjectPaths, snapshot: Snapshot, state: states.RunState) -> dict[str, Any]:
    row: dict[str, Any] = {"id": state.run, "prompt_id": None, "status": state.state, "weights": {}, "batch": None}
    row |= {"batch": state.batch or None, "detail": state.detail, "reason": state.reason or None, "output": None}
    if state.state == "done":
        folder = ResultPaths(project.run(state.run).root / state.place)
        row["output"] = (folder.outputs / "output.mp4").relative_to(project.root).as_posix()
    if state.run in snapshot.runs:
        run = snapshot.runs[state.run]
        row |= {"prompt_id": run.prompt, "weights": dict(run.weights), "settings": dict(run.settings)}
        row |= {"model": run.model or snapshot.config.model, "tags": list(run.tags)}
        if run.prompt in snapshot.prompts:
            prompt = snapshot.prompts[run.prompt]
            row |= {"scene": prompt.scene, "prompt": prompt.text}
    return row


def _batch_row(paths: BatchPaths) -> dict[str, Any]:
    try:
        batch = bundle.read_batch(paths)
    except FileError:
        return {"id": paths.name, "status": "elsewhere", "host": None, "model": None, "size": None, "done": None}
    state = progress(read_events(paths.events))
    end = read_end(paths.end)
    done = sum(one.state == "done" for one in state.ends.values())
    words = end.state if end else ("running" if state.launched else "not sent")
    return {
        "id": paths.name,
        "status": words,
        "host": batch.host.name,
        "model": batch.model,
        "size": len(batch.rows),
        "done": done,
        "created": batch.created,
        "runs": list(batch.runs),
    }


def _newest(names: Iterable[str], limit: int | None, files: Sequence[Path]) -> list[str]:
    """Names in the order in which their files were last written, the newest `limit` of them."""
    if limit is None:
        return list(names)
    aged = sorted(zip((file.stat().st_mtime_ns for file in files), names, strict=True))
    return [name for _, name in aged[-limit:]]

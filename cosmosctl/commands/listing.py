"""What `list` prints: one mapping a prompt, run or batch, newest last."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmosctl import bundle, states
from cosmosctl.commands.looks import differences
from cosmosctl.domain.ids import resolve_id
from cosmosctl.domain.layout import BatchPaths, ProjectPaths, ResultPaths
from cosmosctl.domain.project import Prompt
from cosmosctl.ends import read_end
from cosmosctl.errors import FileError, UsageError
from cosmosctl.events import progress, read_events
from cosmosctl.launches import read_launch
from cosmosctl.states import ALIASES, STATES, OpenBatch
from cosmosctl.store import Snapshot, find_root, load_all

Rows = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Wanted:
    """Which prompts or runs: those that hold all `words` and have the tag, of these the newest `limit`."""

    words: tuple[str, ...] = ()
    tag: str | None = None
    limit: int | None = None

    def takes(self, texts: Iterable[str], tags: Collection[str]) -> bool:
        """Whether what has these texts and tags is wanted."""
        if self.tag is not None and self.tag not in tags:
            return False
        if not self.words:
            return True
        text = "\n".join((*texts, *tags)).casefold()
        return all(word.casefold() in text for word in self.words)


ALL = Wanted()


def prompt_rows(folder: Path, wanted: Wanted = ALL) -> Rows:
    """id, prompt, scene, videos, number of runs of each prompt."""
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    counts: dict[str, int] = {}
    for run in snapshot.runs.values():
        counts[run.prompt] = counts.get(run.prompt, 0) + 1
    found = [name for name, prompt in snapshot.prompts.items() if wanted.takes(_texts(prompt), prompt.tags)]
    chosen = _newest(found, wanted.limit, [project.prompt(name) for name in found])
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


def run_rows(
    folder: Path,
    wanted: Wanted = ALL,
    *,
    status: str | None = None,
    prompt: str | None = None,
    host: str | None = None,
) -> Rows:
    """id, prompt_id, status, weights, batch, settings, output of each run. Raises: UsageError for unknown words."""
    state = ALIASES.get(status or "", status)
    if state is not None and state not in STATES:
        raise UsageError(f"there is no state {status!r}; known: {', '.join(STATES)}")
    project = ProjectPaths(find_root(folder))
    snapshot = load_all(project.root)
    prompt_id = resolve_id(prompt, snapshot.prompts, what="prompt") if prompt else None
    known = states.all_states(project, snapshot, preview=snapshot.host(host).is_preview)
    names = [
        name
        for name, one in known.items()
        if state in (None, one.state)
        and prompt_id in (None, snapshot.prompt_of(name))
        and _takes(wanted, snapshot, name)
    ]
    chosen = _newest(names, wanted.limit, [project.run(name).spec for name in names])
    apart = differences(snapshot, known, weights=False)
    return tuple(_run_row(project, snapshot, known[name]) | {"differs": apart.get(name, "")} for name in chosen)


def _takes(wanted: Wanted, snapshot: Snapshot, name: str) -> bool:
    if wanted.tag is None and not wanted.words:
        return True
    texts, tags = [name], set[str]()
    if name in snapshot.runs:
        run = snapshot.runs[name]
        texts, tags = [*texts, run.notes], {*tags, *run.tags}
    prompt = snapshot.prompts.get(snapshot.prompt_of(name))
    if prompt is not None:
        texts, tags = [*texts, *_texts(prompt)], {*tags, *prompt.tags}
    return wanted.takes(texts, tags)


def _texts(prompt: Prompt) -> tuple[str, ...]:
    return (prompt.id, prompt.text, prompt.scene, prompt.notes)


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
    words = end.state if end else OpenBatch(paths, batch.runs, state, read_launch(paths.launch)).standing or "running"
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
    aged = sorted(zip((_written(file) for file in files), names, strict=True))
    return [name for _, name in aged[-limit if limit else 0 :]]


def _written(file: Path) -> int:
    """When a file was last written; what is not there counts as the oldest."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0

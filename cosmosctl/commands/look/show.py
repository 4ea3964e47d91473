"""All that is known of one prompt, run or batch, as plain data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cosmosctl.commands.look.listing import batch_rows, prompt_rows
from cosmosctl.commands.prepare import specs_of
from cosmosctl.domain.ids import command, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import UsageError
from cosmosctl.host.trust import allow_batch_command
from cosmosctl.opening.project import opened
from cosmosctl.results import manifests
from cosmosctl.results.batch_end import read_end
from cosmosctl.results.ratings import Rating, read_ratings
from cosmosctl.results.receipts import Receipt
from cosmosctl.shown.recipe import control_words, reproducible
from cosmosctl.state import states
from cosmosctl.state.attempts import own_receipt
from cosmosctl.state.rated import present_video
from cosmosctl.store import Snapshot, load_all

KINDS = ("prompt", "run", "batch")


def facts(folder: Path, name: str, kinds: Sequence[str] = KINDS) -> dict[str, Any]:
    """What `show` prints of the prompt, run or batch that `name` means. Raises: UsageError when there is none."""
    project = opened(folder)
    snapshot = load_all(project.root)
    known = {paths.name: "batch" for paths in states.batches(project)}
    known |= dict.fromkeys(snapshot.prompt_ids, "prompt") | dict.fromkeys(snapshot.run_ids, "run")
    known = {one: kind for one, kind in known.items() if kind in kinds}
    found = resolve_id(name, known, what=" or ".join(", ".join(kinds).rsplit(", ", 1)))
    match known[found]:
        case "prompt":
            return next(row for row in prompt_rows(folder) if row["id"] == found)
        case "batch":
            return _batch_facts(project, folder, found)
    return _run_facts(project, snapshot, found)


def video_of(folder: Path, name: str) -> Path:
    """The video that a run has now. Raises: UsageError."""
    project = opened(folder)
    run = resolve_id(name, load_all(project.root).run_ids, what="run")
    found = present_video(project, run)
    if found is None:
        hint = f"{command('batch', run)}, or {command('fetch', run)}"
        raise UsageError(f"{run} has no video here", hint=hint)
    return project.root / found.path


def _batch_facts(project: ProjectPaths, folder: Path, name: str) -> dict[str, Any]:
    row = next(row for row in batch_rows(folder, limit=None) if row["id"] == name)
    if project.batch(name) in states.foreign_batches(project):
        row |= {"made": "elsewhere, so that it holds no run here", "next": allow_batch_command(project.batch(name))}
    end = read_end(project.batch(name).end)
    if end is not None:
        row |= {"ended": end.ended, "wall_s": end.wall_s, "busy": end.busy, "load_s": list(end.load_s)}
        row |= {"results": dict(end.runs), "video_s": dict(end.video_s)}
    return row


def _run_facts(project: ProjectPaths, snapshot: Snapshot, run: str) -> dict[str, Any]:
    known = states.all_states(project, snapshot, preview=snapshot.host().is_preview)
    state = known[run]
    shown: dict[str, Any] = {"run": run, "status": state.state}
    ratings = _ratings(project, run)
    for key, value in (("reason", state.reason), ("detail", state.detail), ("batch", state.batch)):
        if value:
            shown[key] = value
    mistakes = [problem.words for problem in snapshot.problems_of([run])]
    if mistakes:
        return {**shown, **_seen_facts(snapshot, run), "mistakes": mistakes, **_result_facts(project, run), **ratings}
    spec = specs_of(snapshot, [run])[0]
    shown |= {"prompt_id": spec.prompt_id, "prompt": spec.text, "model": spec.model, "video": spec.video}
    shown["settings"] = dict(spec.settings)
    shown["sources"] = dict(spec.sources)
    shown["controls"] = {control.name: control_words(control, spec) for control in spec.controls}
    shown["reproducible"] = reproducible(spec)
    return shown | _result_facts(project, run) | ratings


def _ratings(project: ProjectPaths, run: str) -> dict[str, Any]:
    """What people said of the run's videos, newest first, that of the present one before that of earlier ones."""
    said = read_ratings(project.run(run).ratings)
    if not said:
        return {}
    present = present_video(project, run)
    digest = "" if present is None else present.sha256
    ordered = sorted(said, key=lambda one: (one.video == digest, one.at), reverse=True)
    return {"ratings": [{**_said(one), "video": "present" if one.video == digest else "earlier"} for one in ordered]}


def _said(one: Rating) -> dict[str, Any]:
    facts = {"stars": one.stars, "accepted": one.accepted, "note": one.note, "frame": one.frame}
    told = {key: value for key, value in facts.items() if value not in (None, "")}
    return {"author": one.author, **told, "at": one.at, "kind": one.kind}


def _seen_facts(snapshot: Snapshot, run: str) -> dict[str, Any]:
    """What can be read of a run that cannot be used."""
    seen = snapshot.seen_run(run)
    shown: dict[str, Any] = {"prompt_id": seen.prompt, "prompt": snapshot.seen_prompt(seen.prompt).text}
    shown |= {"model": seen.model or snapshot.config.model, "settings": dict(seen.settings)}
    return shown | {"weights": dict(seen.weights)}


def _result_facts(project: ProjectPaths, run: str) -> dict[str, Any]:
    places = (("result", project.run(run).result), ("preview", project.run(run).preview))
    found = {key: (place, own_receipt(project, run, place)) for key, place in places}
    return {
        key: _receipt_facts(receipt, place.root.relative_to(project.root).as_posix(), manifests.trouble(place))
        for key, (place, receipt) in found.items()
        if receipt is not None
    }


def _receipt_facts(receipt: Receipt, folder: str, words: str) -> dict[str, Any]:
    prefix = "" if folder == "." else f"{folder}/"
    return {
        **({"manifest": f"{words}; {command('fetch', receipt.run)} writes it anew"} if words else {}),
        "video": f"{prefix}{receipt.primary_output}",
        "batch": receipt.batch,
        "batch_size": receipt.batch_size,
        "ended": receipt.ended,
        "host": receipt.host,
        **_made_by(receipt),
        "load_s": receipt.load_s,
        "video_s": receipt.video_s,
        "attempts": receipt.attempts,
        "warnings": list(receipt.warnings),
        "outputs": dict(receipt.outputs),
    }


def _made_by(receipt: Receipt) -> dict[str, Any]:
    """What made a result: its family, which is none but its own, and what is known of program and machine."""
    told = {"gpu": receipt.gpu, "driver": receipt.driver, "image": receipt.image, "commit": receipt.commit}
    facts: dict[str, Any] = {"model": receipt.model, **{name: words for name, words in told.items() if words}}
    return {**facts, "made_with": dict(receipt.made_with)} if receipt.made_with else facts

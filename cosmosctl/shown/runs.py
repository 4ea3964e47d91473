"""Runs as they are shown: state, recipe, videos, what came before, what people said of them."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import ProjectPaths, ResultPaths
from cosmosctl.domain.project import COLOR
from cosmosctl.domain.spec import EffectiveControl, Spec
from cosmosctl.errors import FileError
from cosmosctl.results.ratings import Rating, counting, read_ratings
from cosmosctl.results.receipts import Failure, LocalReceipt, Receipt
from cosmosctl.shown import recipe
from cosmosctl.shown.discreet import author_words, discreet
from cosmosctl.shown.logs import tail
from cosmosctl.shown.memory import Told
from cosmosctl.shown.videos import Video, Wanted
from cosmosctl.state.attempts import Attempt, attempts
from cosmosctl.state.current import Current
from cosmosctl.state.states import RunState
from cosmosctl.store import Snapshot

TO_RUN = ("pending", "changed", "failed", "cancelled")
"""States of which one more batch may make a result."""


@dataclass(frozen=True)
class Reading:
    """What runs are read from. `with_logs`: also what may name paths and machines."""

    project: ProjectPaths
    snapshot: Snapshot
    states: Mapping[str, RunState]
    current: Current
    wanted: Wanted
    with_logs: bool

    def said(self, text: str) -> str:
        """Words of the tool's or a host's, fit to be handed on."""
        return text if self.with_logs else discreet(text)


def told(reading: Reading, run: str) -> tuple[Told, Sequence[Attempt]]:
    """One run with its log, and what it was told of."""
    tried = tuple(attempts(reading.project, run))
    log = log_of(tried, reading.states[run].batch) if reading.with_logs else None
    path = log.relative_to(reading.project.root).as_posix() if log is not None else ""
    return Told(_facts(reading, run, tried, log), path), tried


def _facts(reading: Reading, run: str, tried: Sequence[Attempt], log: Path | None) -> dict[str, Any]:
    state, seen = reading.states[run], reading.snapshot.seen_run(run)
    prompt = reading.snapshot.seen_prompt(seen.prompt)
    shown = _shown(reading, run, state, tried)
    facts: dict[str, Any] = {"id": run, "prompt": seen.prompt, "scene": prompt.scene, "state": state.state}
    facts |= {"share": state.share, "reason": state.reason, "detail": reading.said(state.detail), "batch": state.batch}
    facts |= {
        "tags": sorted({*seen.tags, *prompt.tags}),
        "ownTags": list(seen.tags),
        "notes": seen.notes,
        "sweep": seen.sweep,
    }
    facts |= {"mistakes": [reading.said(one.words) for one in reading.snapshot.problems_of([run])]}
    facts |= _recipe_facts(reading, run, shown)
    facts |= _result_facts(reading, run, shown, tried)
    facts |= {"history": _history(reading, shown, tried), "log": tail(log) if log is not None else []}
    return facts | {"next": command("batch", run) if state.state in TO_RUN else ""}


@dataclass(frozen=True)
class _Shown:
    """The result whose video stands for a run, and its folder; `other` is a preview beside a result."""

    place: ResultPaths | None = None
    receipt: LocalReceipt | Receipt | None = None
    other: str = ""


def _shown(reading: Reading, run: str, state: RunState, tried: Sequence[Attempt]) -> _Shown:
    home = reading.project.run(run)
    found = {one.place.root: one for one in tried if isinstance(one.receipt, Receipt) and one.is_here}
    order = [home.preview.root, home.root] if state.place == "preview" else [home.root, home.preview.root]
    there = [found[root] for root in order if root in found]
    if not there:
        return _Shown()
    best, rest = there[0], there[1:]
    other = _video(reading, run, rest[0]) if rest and rest[0].place.root == home.preview.root else ""
    assert isinstance(best.receipt, Receipt)
    return _Shown(best.place, best.receipt, other)


def _video(reading: Reading, run: str, one: Attempt) -> str:
    if not isinstance(one.receipt, Receipt) or not one.is_here:
        return ""
    path = one.place.root / one.receipt.primary_output
    return reading.wanted.result(path.relative_to(reading.project.root).as_posix(), run)


def _recipe_facts(reading: Reading, run: str, shown: _Shown) -> dict[str, Any]:
    seen, config = reading.snapshot.seen_run(run), reading.snapshot.config
    scene = reading.snapshot.seen_prompt(seen.prompt).scene
    model = seen.model or config.model
    spec = _spec(reading, run)
    if spec is None:
        settings = [[name, value, recipe.FROM["run"]] for name, value in seen.settings.items()]
        controls = [[name, f"{weight:g}"] for name, weight in seen.weights.items()]
        facts = {"model": model, "set": recipe.seen_set_of(seen, scene, model), "recipe": settings}
        return facts | {"controls": controls, "inputs": [], "reproducible": ""}
    return {
        "model": spec.model,
        "set": recipe.set_of(spec, scene),
        "recipe": recipe.rows(spec),
        "controls": [[one.name, reading.said(recipe.control_words(one, spec))] for one in spec.controls],
        "inputs": _inputs(reading, spec, shown),
        "reproducible": recipe.reproducible(spec),
    }


def _spec(reading: Reading, run: str) -> Spec | None:
    if run not in reading.snapshot.runs:
        return None
    try:
        return reading.current.spec(run)
    except FileError:
        return None


def _inputs(reading: Reading, spec: Spec, shown: _Shown) -> list[list[str]]:
    """(role, video, words) of the colour video and of each control that there is a video of."""
    found = [[COLOR, reading.wanted.input(spec.video, f"{spec.run}-color"), reading.said(spec.video)]]
    for control in spec.controls:
        words = reading.said(recipe.control_words(control, spec))
        path = reading.wanted.input(control.path, f"{spec.run}-{control.name}") if control.path else ""
        path = path or _made_control(reading, shown, control.name) or _computed(reading, spec, control)
        if path:
            found.append([control.name, path, words])
    return found


def _computed(reading: Reading, spec: Spec, control: EffectiveControl) -> str:
    """The control that was computed here at a preset, where it is kept."""
    if control.source != "preset" or control.preset is None:
        return ""
    return reading.wanted.computed(spec.video, control.name, control.preset, f"{spec.run}-{control.name}")


def _made_control(reading: Reading, shown: _Shown, control: str) -> str:
    """The control video that came with the result."""
    if shown.receipt is None or shown.place is None:
        return ""
    name = recipe.control_in(shown.receipt.outputs, control)
    path = (shown.place.outputs / name).relative_to(reading.project.root).as_posix()
    return reading.wanted.result(path, f"{shown.receipt.run}-{control}") if name else ""


def _result_facts(reading: Reading, run: str, shown: _Shown, tried: Sequence[Attempt]) -> dict[str, Any]:
    receipt = shown.receipt
    if receipt is None or shown.place is None:
        last = max((one.receipt.ended for one in tried), default="")
        empty: dict[str, Any] = {
            "video": "",
            "kind": "",
            "path": "",
            "preview": "",
            "host": "",
            "text": "",
            "facts": [],
        }
        return empty | {"ended": last, "hashes": [], "warnings": []}
    path = (shown.place.root / receipt.primary_output).relative_to(reading.project.root).as_posix()
    return {
        "video": reading.wanted.result(path, run),
        "kind": "preview" if receipt.preview else "result",
        "path": path,
        "preview": shown.other,
        "host": receipt.host,
        "text": receipt.prompt,
        "facts": _made(reading, receipt),
        "ended": receipt.ended,
        "hashes": [[name, digest] for name, digest in (*receipt.inputs.items(), *receipt.outputs.items())],
        "warnings": [reading.said(words) for words in receipt.warnings],
    }


def _made(reading: Reading, receipt: Receipt) -> list[list[Any]]:
    rows: list[tuple[str, Any]] = [
        ("family", receipt.model),
        ("batch", receipt.batch),
        ("host", receipt.host),
        ("GPU", receipt.gpu),
        ("seed", receipt.seed),
        ("ended", receipt.ended),
        ("loading, s", receipt.load_s or None),
        ("this video, s", receipt.video_s or None),
        ("attempts", receipt.attempts if receipt.attempts > 1 else None),
        ("image", receipt.image),
        ("commit", receipt.commit),
        ("driver", receipt.driver),
        *((name, words) for name, words in receipt.made_with.items() if words != receipt.gpu),
    ]
    return [
        [name, reading.said(value) if isinstance(value, str) else value]
        for name, value in rows
        if value not in ("", None)
    ]


def _history(reading: Reading, shown: _Shown, tried: Iterable[Attempt]) -> list[dict[str, Any]]:
    """Every other attempt, newest first."""
    others = [one for one in tried if one.receipt is not shown.receipt]
    return [_entry(reading, one) for one in sorted(others, key=lambda one: one.age, reverse=True)]


def _entry(reading: Reading, one: Attempt) -> dict[str, Any]:
    receipt = one.receipt
    facts: dict[str, Any] = {"batch": receipt.batch, "ended": receipt.ended}
    if isinstance(receipt, Failure):
        words = {
            "state": receipt.reason or receipt.state,
            "kind": "",
            "video": "",
            "detail": reading.said(receipt.detail),
        }
        return facts | words
    kind = "preview" if receipt.preview else "result"
    return facts | {"state": "done", "kind": kind, "video": _video(reading, receipt.run, one), "detail": ""}


def log_of(tried: Sequence[Attempt], batch: str) -> Path | None:
    """The log of that batch's attempt, else of the newest that has one."""
    found = sorted((one for one in tried if one.is_here), key=lambda one: (one.batch == batch, *one.age), reverse=True)
    logs = (log for one in found for log in (one.place.execution_log, one.place.batch_log) if log.exists())
    return next(logs, None)


def with_keys(
    facts: dict[str, Any], videos: Mapping[str, Video], ratings: Callable[[str], Sequence[Rating]]
) -> dict[str, Any]:
    """The same with videos named by their keys, and what people said of the one that stands for the run."""

    def key(path: str) -> str:
        return videos[path].key if path in videos else ""

    said = list(ratings(facts["id"]))
    now = counting(said, videos[facts["video"]].sha256) if facts["video"] in videos else None
    return facts | {
        "video": key(facts["video"]),
        "preview": key(facts["preview"]),
        "inputs": [[role, key(path), words] for role, path, words in facts["inputs"]],
        "history": [one | {"video": key(one["video"])} for one in facts["history"]],
        "rating": _rating(now) if now is not None else None,
        "ratings": [_rating(one) for one in said],
    }


def _rating(one: Rating) -> dict[str, Any]:
    return asdict(one) | {"author": author_words(one.author), "video": one.video[:16]}


def ratings_of(project: ProjectPaths) -> Callable[[str], Sequence[Rating]]:
    """What people said of the videos of a run."""
    runs = str(project.runs)

    def said(run: str) -> Sequence[Rating]:
        is_there = os.path.lexists(f"{runs}/{run}/ratings.yaml")  # of thousands few have one
        return read_ratings(project.run(run).ratings) if is_there else ()

    return said

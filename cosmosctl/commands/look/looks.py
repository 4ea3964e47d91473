"""What tells the runs of one prompt apart: the weights, presets, files, settings and models in which they differ."""

import json
from collections.abc import Iterable, Mapping, Sequence
from posixpath import basename

from cosmosctl.domain.project import Run
from cosmosctl.store import Snapshot
from cosmosctl.store.index import Entry, to_json

MOST = 6
"""So many differences stand beside a run; the rest is in `show`."""


def differences(snapshot: Snapshot, runs: Iterable[str], *, weights: bool = True) -> Mapping[str, str]:
    """Run -> what it has and another run of its prompt has not, as `0.3/0.4/-/0.1 seed=2 edge:low`.

    The weights are those of all controls, in their order. A run of which nothing differs is not in it, or has "".
    """
    of_prompt: dict[str, list[str]] = {}
    for run in runs:
        if run in snapshot.runs:
            of_prompt.setdefault(snapshot.prompt_of(run), []).append(run)
    found: dict[str, str] = {}
    for prompt, names in of_prompt.items():
        if len(names) > 1:
            found |= _remembered(snapshot, prompt, names, weights=weights)
    snapshot.index.save()
    return found


def _remembered(snapshot: Snapshot, prompt: str, runs: Sequence[str], *, weights: bool) -> Mapping[str, str]:
    """The same of the runs of one prompt, kept in the index while their files stay: `status` asks it each time."""
    index = snapshot.index
    keys = [index.run(run).key for run in runs]
    name, key = f"looks/{prompt}/{weights}", " ".join([*runs, *keys])
    known = index.known(name, key)
    if known is not None:
        found: Mapping[str, str] = json.loads(known.payload)
        return found
    found = _apart({run: _look(snapshot.runs[run], weights=weights) for run in runs})
    if all(keys):
        index.put(name, Entry(key, "", to_json(found)))
    return found


def _look(run: Run, *, weights: bool) -> Mapping[str, str]:
    return {name: words for name, words in look(run).items() if weights or name != "weights"}


def look(run: Run) -> dict[str, str]:
    """Key -> the words for it, as short as they can be, of all that makes a run's video what it is."""
    from cosmosctl import models

    found = {"weights": "/".join(_weight(run.weights.get(name)) for name in models.controls())}
    found |= {"model": run.model} if run.model is not None else {}
    found |= {key: f"{key}={_one_word(_short(value))}" for key, value in run.settings.items()}
    for control in run.controls:
        file = None if control.input is None else basename(control.input.rstrip("/"))
        for key, value in (("preset", control.preset), ("input", file), ("prompt", control.prompt)):
            if value is not None:
                found[f"{control.name} {key}"] = f"{control.name}:{_one_word(value)}"
    return found


def _apart(looks: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    keys = dict.fromkeys(key for one in looks.values() for key in one)
    differing = [key for key in keys if len({one.get(key) for one in looks.values()}) > 1]
    return {run: _words([one[key] for key in differing if key in one]) for run, one in looks.items()}


def _words(found: Sequence[str]) -> str:
    return " ".join([*found[:MOST], *(["…"] if len(found) > MOST else [])])


def _weight(weight: float | None) -> str:
    return "-" if weight is None else f"{weight:g}"


def _one_word(value: str) -> str:
    word = "_".join(value.split())
    return word if len(word) <= 24 else word[:23] + "…"


def _short(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)

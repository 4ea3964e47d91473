"""What tells the runs of one prompt apart: the weights, presets, files, settings and models in which they differ."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from cosmosctl import models
from cosmosctl.domain.project import Run
from cosmosctl.store import Snapshot

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
    for names in of_prompt.values():
        if len(names) > 1:
            found |= _apart({name: _remembered(snapshot, name, weights=weights) for name in names})
    snapshot.index.save()
    return found


def _remembered(snapshot: Snapshot, run: str, *, weights: bool) -> Mapping[str, str]:
    """`look` of a run, kept in the index while its file stays: `status` asks it of a thousand runs each time."""
    index = snapshot.index
    notes, key = index.notes(run), index.key(f"runs/{run}/run.yaml")
    known = notes.get("look")
    if known is None or known[0] != key:
        known = [key, look(snapshot.runs[run])]
        index.note(notes, "look", known if key else None)
    found: Mapping[str, str] = known[1]
    return found if weights else {name: words for name, words in found.items() if name != "weights"}


def look(run: Run) -> dict[str, str]:
    """Key -> the words for it, as short as they can be, of all that makes a run's video what it is."""
    found = {"weights": "/".join(_weight(run.weights.get(name)) for name in models.controls())}
    found |= {"model": run.model} if run.model is not None else {}
    found |= {key: f"{key}={_one_word(_short(value))}" for key, value in run.settings.items()}
    for control in run.controls:
        given = {"preset": control.preset, "input": control.input, "prompt": control.prompt}
        for key, value in given.items():
            if value is not None:
                found[f"{control.name} {key}"] = f"{control.name}:{_one_word(PurePosixPath(value).name)}"
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

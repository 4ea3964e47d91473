"""What tells the runs of one prompt apart: the weights, presets, files, settings and models in which they differ."""

from collections.abc import Iterable, Mapping

from cosmosctl.domain.project import Run
from cosmosctl.store import Snapshot

MOST = 6
"""So many differences stand beside a run; the rest is in `show`."""


def differences(snapshot: Snapshot, runs: Iterable[str], *, weights: bool = True) -> Mapping[str, str]:
    """Run -> what it has and another run of its prompt has not, as `edge=0.4 seed=2`; "" where nothing differs."""
    of_prompt: dict[str, list[str]] = {}
    for run in runs:
        if run in snapshot.runs:
            of_prompt.setdefault(snapshot.prompt_of(run), []).append(run)
    found: dict[str, str] = {}
    for names in of_prompt.values():
        if len(names) > 1:
            found |= _apart({name: look(snapshot.runs[name], weights=weights) for name in names})
    return found


def look(run: Run, *, weights: bool = True) -> dict[str, str]:
    """Key -> value, as short as it can be said, of all that makes a run's video what it is."""
    found = {} if run.model is None else {"model": run.model}
    for control in run.controls:
        if weights:
            found[control.name] = f"{control.weight:g}"
        for key, value in (("preset", control.preset), ("input", control.input), ("prompt", control.prompt)):
            if value is not None:
                found[f"{control.name}.{key}"] = value
    return found | {key: _short(value) for key, value in run.settings.items()}


def _apart(looks: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    keys = dict.fromkeys(key for one in looks.values() for key in one)
    differing = [key for key in keys if len({one.get(key) for one in looks.values()}) > 1]
    return {run: _words({key: one[key] for key in differing if key in one}) for run, one in looks.items()}


def _words(found: Mapping[str, str]) -> str:
    pairs = [f"{key}={_one_word(value)}" for key, value in found.items()]
    return " ".join([*pairs[:MOST], *(["…"] if len(pairs) > MOST else [])])


def _one_word(value: str) -> str:
    word = "_".join(value.split())
    return word if len(word) <= 24 else word[:23] + "…"


def _short(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)

"""What files name and is not there: the prompt of a run, the base and the prompts of a sweep."""

from collections.abc import Iterator, Mapping, Sequence

from cosmosctl.domain.ids import command
from cosmosctl.domain.project import Place
from cosmosctl.domain.sweep import Sweep
from cosmosctl.store.problem import Problem
from cosmosctl.store.reading import payload as payloads
from cosmosctl.store.reading.scan import Found

_COMPARED = 20_000
"""So many ids are looked at for one that was meant: nobody waits for more."""


def lost_runs(runs: Found, prompts: Found) -> Iterator[Problem]:
    """Runs whose prompt is not there at all; that a prompt is wrong is told once, at the prompt."""
    known = set(prompts.ids)
    lost = [(run, prompt) for run, prompt in runs.links.items() if prompt and prompt not in known]
    for number, (run, prompt) in enumerate(lost):
        near = _nearest(prompt, prompts.ids) if number * len(known) < _COMPARED else ""
        yield _no_prompt(run, runs.payloads.get(run) or runs.broken[run], prompt, near)


def _nearest(prompt: str, known: list[str]) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(prompt, known[:_COMPARED], n=1)), "")


def _no_prompt(run: str, payload: str, prompt: str, near: str) -> Problem:
    line, column = payloads.prompt_place_of(payload)
    words = f"there is no prompt '{prompt}'" + (f"; did you mean {near}?" if near else "")
    return Problem(f"runs/{run}", f"runs/{run}/run.yaml", line, column, words, "cosmosctl list prompts")


def lost_of_sweeps(sweeps: Mapping[str, Sweep], runs: Sequence[str], prompts: Sequence[str]) -> Iterator[Problem]:
    """Sweeps that name a run or a prompt which is not there."""
    known, known_prompts = set(runs), set(prompts)
    for sweep in sweeps.values():
        if sweep.base not in known:
            yield _not_there(sweep, "base", "run", sweep.base, runs)
        for key, prompt in _prompts_of(sweep):
            if prompt not in known_prompts:
                yield _not_there(sweep, key, "prompt", prompt, prompts)


def _prompts_of(sweep: Sweep) -> Iterator[tuple[str, str]]:
    """The key path of each prompt that a sweep names, and its id."""
    for kind, given in (("grid", sweep.grid), ("zip", sweep.zipped)):
        for number, prompt in enumerate(given.get("prompt", ())):
            yield f"{kind}.prompt[{number}]", str(prompt)
    for number, point in enumerate(sweep.points):
        if "prompt" in point:
            yield f"points[{number}].prompt", str(point["prompt"])


def _not_there(sweep: Sweep, key: str, what: str, name: str, known: Sequence[str]) -> Problem:
    place, near = sweep.places.get(key, Place(sweep.file, 0, 0)), _nearest(name, list(known))
    words = f"there is no {what} '{name}'" + (f"; did you mean {near}?" if near else "")
    return Problem(f"sweeps/{sweep.name}", sweep.file, place.line, place.column, words, command("list", f"{what}s"))

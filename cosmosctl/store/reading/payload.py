"""Runs, prompts, the project and mistakes as JSON for the index, and back. Exact: what comes back is equal."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cosmosctl.domain.places import Places, text_of
from cosmosctl.domain.project import Config, Control, Host, HostModel, Place, Prompt, Run, Setting
from cosmosctl.errors import MOST_SHOWN
from cosmosctl.store.index import to_json
from cosmosctl.store.problem import Problem

if TYPE_CHECKING:
    from cosmosctl.domain.sweep import Sweep
    from cosmosctl.yaml.messages import Mistake

_MISTAKES = '{"mistakes":'


def mistakes_payload(
    mistakes: Iterable["Mistake"],
    *,
    prompt_place: tuple[int, int] = (0, 0),
    seen: str = "",
    is_absent: bool = False,
) -> str:
    """What is remembered of a file that cannot be used, and where a run names its prompt.

    `seen`: the payload of what could be read all the same. `is_absent`: only its videos are not here.
    """
    facts = [[m.line, m.column, m.message, m.hint] for m in mistakes]
    more = len(facts) - MOST_SHOWN
    if more > 0:
        facts = [*facts[:MOST_SHOWN], [*facts[MOST_SHOWN][:2], f"and {more:,} more mistakes in this file", ""]]
    return to_json({"mistakes": facts, "prompt_place": prompt_place, "seen": seen, "absent": is_absent})


def seen_of(payload: str) -> str:
    """The payload of what could be read of a file, usable or not; "" when nothing could."""
    return str(json.loads(payload)["seen"]) if is_mistakes(payload) else payload


def is_absent(payload: str) -> bool:
    """Whether all that is wrong is that videos are not here."""
    return is_mistakes(payload) and bool(json.loads(payload)["absent"])


def is_mistakes(payload: str) -> bool:
    return payload.startswith(_MISTAKES)


def problems_of(payload: str, subject: str, file: str) -> list[Problem]:
    """The remembered mistakes of `file`."""
    return [Problem(subject, file, *mistake) for mistake in json.loads(payload)["mistakes"]]


def prompt_place_of(payload: str) -> tuple[int, int]:
    """Line and column of the prompt's id in a run file, usable or not."""
    facts = json.loads(payload)
    if isinstance(facts, dict):
        line, column = facts["prompt_place"]
        return line, column
    place = Places("", facts[-1])["prompt"]
    return place.line, place.column


def run_payload(run: Run) -> str:
    controls = [_without_end(c.name, c.weight, c.input, c.preset, c.prompt) for c in run.controls]
    places = _text_of(run.places)
    return to_json(
        [run.prompt, controls, run.model, dict(run.settings), run.tags, run.notes, run.quiet, run.sweep, places]
    )


def _text_of(places: Mapping[str, Place]) -> str:
    return places.text if isinstance(places, Places) else text_of((k, (p.line, p.column)) for k, p in places.items())


def _without_end(*facts: Setting | None) -> list[Setting | None]:
    """The facts without the nulls at their end: there are ten thousand of them."""
    last = max(position for position, fact in enumerate(facts) if fact is not None)
    return list(facts[: last + 1])


def run_from(payload: str, run_id: str, file: str) -> Run:
    prompt, controls, model, settings, tags, notes, quiet, sweep, places = json.loads(payload)
    return Run(
        id=run_id,
        prompt=prompt,
        controls=tuple(Control(*control) for control in controls),
        model=model,
        settings=settings,
        tags=tuple(tags),
        notes=notes,
        quiet=tuple(quiet),
        sweep=sweep,
        places=Places(file, places),
    )


def prompt_payload(prompt: Prompt) -> str:
    return to_json([prompt.text, dict(prompt.videos), prompt.negative_prompt, list(prompt.tags), prompt.notes])


def prompt_from(payload: str, prompt_id: str) -> Prompt:
    text, videos, negative_prompt, tags, notes = json.loads(payload)
    return Prompt(prompt_id, text, videos, negative_prompt, tuple(tags), notes)


def sweep_payload(sweep: "Sweep") -> str:
    places = _text_of({key: place for key, place in sweep.places.items() if " " not in key})
    exclude, points = ([dict(point) for point in several] for several in (sweep.exclude, sweep.points))
    return to_json([sweep.base, dict(sweep.grid), dict(sweep.zipped), exclude, points, sweep.most, places])


def sweep_from(payload: str, name: str) -> "Sweep":
    from cosmosctl.domain.sweep import Sweep

    base, grid, zipped, exclude, points, most, places = json.loads(payload)
    return Sweep(
        name=name,
        base=base,
        grid={axis: tuple(values) for axis, values in grid.items()},
        zipped={axis: tuple(values) for axis, values in zipped.items()},
        exclude=tuple(exclude),
        points=tuple(points),
        most=most,
        places=Places(f"sweeps/{name}.yaml", places),
    )


def config_payload(config: Config) -> str:
    return to_json(asdict(config))


def config_from(payload: str) -> Config:
    facts = json.loads(payload)
    return Config(
        **{
            **facts,
            "quiet": tuple(facts["quiet"]),
            "hosts": {name: _host(host) for name, host in facts["hosts"].items()},
        }
    )


def _host(facts: dict[str, Any]) -> Host:
    models = {name: HostModel(**_tuples(model)) for name, model in facts["models"].items()}
    return Host(**{**_tuples(facts), "models": models})


def _tuples(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}

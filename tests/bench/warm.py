"""A sweep served warm beside native starts, on a stand-in for the model's repository with a load : row of 3 : 2."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cosmosctl.domain.spec import Spec
from tests.support.waiting import PATIENCE_S
from tests.support.warm_batch import recorded, repo_batch, run_spec, served

UNIT_S = 0.2
LOAD_S, ROW_S = 3 * UNIT_S, 2 * UNIT_S
SEEDS, GUIDANCES = range(1, 9), (5.0, 7.0)


def measure(folder: Path) -> Iterator[Mapping[str, object]]:
    """Wall seconds of eight seeds by two guidances over one scene, both ways, and how often the model was loaded."""
    specs = [
        run_spec(f"rs_{seed}{guidance:g}", seed=seed, guidance=guidance) for seed in SEEDS for guidance in GUIDANCES
    ]
    warm_s, warm_loads = _taken(folder / "warm", served(specs, True))
    yield {
        "rows": len(specs),
        "warm_s": round(warm_s, 2),
        "warm_loads": warm_loads,
        "warm_over_load_and_rows (at most 1.1)": round(warm_s / (LOAD_S + len(specs) * ROW_S), 3),
    }
    native_s, native_loads = _taken(folder / "native", specs)
    yield {
        "native_s": round(native_s, 2),
        "native_loads": native_loads,
        "warm_over_native": round(warm_s / native_s, 3),
    }


def _taken(folder: Path, specs: Sequence[Spec]) -> tuple[float, int]:
    """(seconds from the first event to the last, loads) of a batch of these runs."""
    batch = repo_batch(folder, specs, STANDIN_LOAD_S=str(LOAD_S), STANDIN_ROW_S=str(ROW_S))
    if batch.start().wait(PATIENCE_S) != 0 or set(batch.ends().values()) != {"done"}:
        raise RuntimeError(f"the batch did not end well: {json.dumps(batch.ends())}")
    times = [event["t"] for event in batch.events()]
    return times[-1] - times[0], len(recorded(batch, "load"))

"""A sweep of 16 settings on one load of a real network with tiny random weights, and what is ours of it."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from cosmosctl.io.shipped import template
from tests.bench.timing import cosmosctl, once
from tests.support import network_batch, network_cost
from tests.support.tree import Tree, loads
from tests.support.waiting import PATIENCE_S

PYTHON = "COSMOSCTL_NETWORK_PYTHON"
FAMILY, MODEL = "transfer2.5-diffusers", "transfer25"
SETTINGS = list(product(range(1, 9), (3, 5)))
"""Seeds and guidances."""
ROWS_AGAIN = 5


def missing() -> Sequence[str]:
    """What this machine lacks for it."""
    return [] if os.environ.get(PYTHON) else [f"{PYTHON}, a Python with the packages of the -diffusers families"]


def measure(folder: Path) -> Iterator[Mapping[str, object]]:
    """Loads, start of the program and the client's CPU of a sweep; CPU of a row beside that of the pipeline's call."""
    python = Path(os.environ[PYTHON])
    tiny = network_batch.tiny_models(python, folder / "models")
    tree = _swept(folder, python, tiny / MODEL)
    taken = once(cosmosctl("batch"), cwd=tree.root, env=tree.environment())
    states, events = tree.states(), tree.events()
    if set(states.values()) != {"done"}:
        raise RuntimeError(f"the batch did not end well: {json.dumps(states)}")
    yield {
        "rows": len(states),
        "loads (at most 1)": loads(events),
        "start_of_the_program_s": round(_moment(events, "row_start") - _moment(events, "process_start"), 2),
        "client_cpu_s_a_row": round(taken.cpu_s / len(states), 3),
    }
    costs = _costs(python, tiny / MODEL, tree, folder / "rows")
    ours = [one["row_s"] - one["call_s"] for one in costs]
    yield {
        "pipeline_call_cpu_s_a_row": round(median(one["call_s"] for one in costs), 2),
        "decoding_and_encoding_cpu_s_a_row (at most 0.3)": round(median(ours), 3),
    }


def _swept(folder: Path, python: Path, model: Path) -> Tree:
    """A project of 16 runs that differ in seed and guidance."""
    tree = Tree(folder / "project", folder / "home")
    tree.root.mkdir(parents=True)
    network_batch.prepared(tree, python, {FAMILY: model})
    for seed, guidance in SETTINGS:
        more = f"{network_batch.SMALL}seed: {seed}\nguidance: {guidance}\n"
        tree.run(f"rs_{seed}_{guidance}", "ps_s", "{edge: 0.5, vis: 0.5}", more)
    return tree


def _moment(events: Sequence[Mapping[str, Any]], name: str) -> float:
    return next(float(event["t"]) for event in events if event["ev"] == name)


def _costs(python: Path, model: Path, tree: Tree, folder: Path) -> list[dict[str, float]]:
    """CPU seconds of rows of the batch, made again without a batch around it; the first one warms up."""
    folder.mkdir()
    batch = next((tree.home / "cosmosctl/batches").iterdir())
    lines = next(batch.glob("*/batch.jsonl")).read_text(encoding="utf-8").splitlines(keepends=True)
    rows = folder / "rows.jsonl"
    rows.write_text("".join(lines[: 1 + ROWS_AGAIN]), encoding="utf-8")
    program = (str(template("launch", "diffusers_rows")), "transfer2.5", str(model), str(rows), str(folder))
    argv = (str(python), "-B", network_cost.__file__, *program)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=4 * PATIENCE_S, env=env)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-500:])
    told = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in told[1:]]

"""A thousand runs into a bundle, the index warm: planning and writing alone, nothing is sent."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from cosmosctl.commands import prepare
from cosmosctl.commands.audience import unseen
from cosmosctl.commands.run.make_batches import put_in_place
from cosmosctl.plan import bundle
from cosmosctl.store import load_all
from tests.bench.timing import cosmosctl, once
from tests.bench.trees import grow

RUNS = 1_000
TRIES = 5


def measure(folder: Path) -> Iterator[Mapping[str, float]]:
    """Wall seconds from reading the files to the whole bundle, and of writing the same lines as bare JSON."""
    project = grow(folder / "project", runs=RUNS)
    once(cosmosctl("batch", "--dry-run"), cwd=project.root, env={"XDG_DATA_HOME": str(folder / "home")})
    taken, lines = [], []
    for number in range(TRIES):
        start = time.perf_counter()
        snapshot = load_all(project.root)
        checked = prepare.check(project, snapshot, snapshot.run_ids)
        host = snapshot.host()
        plan = prepare.plans(project, checked, host, progress=unseen)[0]
        moment = datetime.fromtimestamp(1_800_000_000 + number, tz=UTC)
        facts = {
            "project_id": "5f3a91c2",
            "title": "bench",
            "key": "00000000",
            "moment": moment,
            "number": number + 1,
            "parents": {},
        }
        half = bundle.write_bundle(project, plan, warnings=checked.warning_lines, **facts)  # type: ignore[arg-type]
        put_in_place(project, half)
        taken.append(time.perf_counter() - start)
        lines = [row.line for row in plan.rows]
    start = time.perf_counter()
    (folder / "plain.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    yield {
        f"{RUNS}_runs_to_bundle_s (at most 1.5)": round(median(taken), 3),
        "writing_the_lines_alone_s": round(time.perf_counter() - start, 4),
    }

"""One batch beside one start a run, with a stand-in whose load and video take 3 : 2 of a unit of time."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests import clips
from tests.bench.timing import cosmosctl, once

UNIT_S = 1.0
LOAD_S, VIDEO_S = 3 * UNIT_S, 2 * UNIT_S
GUIDE_UNITS = {3: (15, 9), 5: (25, 14), 10: (50, 28)}
"""Runs -> units of time one by one and as a batch, as the batch guide gives them."""


def measure(folder: Path) -> Iterator[Mapping[str, object]]:
    """Wall seconds of the jobs on the host, and the busy share of both ways."""
    for runs, (_, guide) in GUIDE_UNITS.items():
        together = _job_seconds(folder / f"batch{runs}", runs, one_by_one=False)
        apart = _job_seconds(folder / f"single{runs}", runs, one_by_one=True)
        figures: dict[str, object] = {}
        bare = LOAD_S + runs * VIDEO_S
        figures[f"{runs}_runs_batch_s"] = round(together, 2)
        figures[f"{runs}_runs_one_by_one_s"] = round(apart, 2)
        figures[f"{runs}_runs_saved"] = f"{100 * (1 - together / apart):.0f} %"
        figures[f"{runs}_runs_over_load_and_videos (at most 1.05)"] = round(together / bare, 3)
        figures[f"{runs}_runs_over_the_guides_{guide}_units (at most 1.05)"] = round(together / (guide * UNIT_S), 3)
        figures[f"{runs}_runs_busy_share_batch"] = round(runs * VIDEO_S / together, 2)
        figures[f"{runs}_runs_busy_share_one_by_one"] = round(runs * VIDEO_S / apart, 2)
        yield figures


def _job_seconds(root: Path, runs: int, *, one_by_one: bool) -> float:
    """Seconds from the start of the first job to the end of the last, by the events of their supervisors."""
    env = {
        "XDG_DATA_HOME": str(root / "home"),
        "COSMOSCTL_PREVIEW_LOAD_S": str(LOAD_S),
        "COSMOSCTL_PREVIEW_ROW_S": str(VIDEO_S),
    }
    project = root / "project"
    clips.scene(project / "inputs/videos/city")
    (project / "cosmosctl.yaml").write_text("project: 5f3a91c2\nmodel: transfer1\nhost: local\n", encoding="utf-8")
    (project / "prompts").mkdir()
    (project / "prompts/ps_a.yaml").write_text("text: a street\nvideo: inputs/videos/city\n", encoding="utf-8")
    for number in range(runs):
        folder = project / f"runs/rs_{number:03d}"
        folder.mkdir(parents=True)
        (folder / "run.yaml").write_text("prompt: ps_a\ncontrols: {edge: 0.5}\n", encoding="utf-8")
    names = [[f"rs_{number:03d}"] for number in range(runs)] if one_by_one else [[]]
    for name in names:
        once(cosmosctl("batch", *name, "--batch-name", f"b{name[0] if name else ''}"), cwd=project, env=env)
    return sum(_span(path) for path in (project / "batches").glob("*/events.jsonl"))


def _span(events: Path) -> float:
    times = [json.loads(line)["t"] for line in events.read_text(encoding="utf-8").splitlines()]
    return float(times[-1] - times[0])

"""Large projects for measuring: many runs over one scene, half of them with results."""

import os
from pathlib import Path

from cosmosctl.domain.batch import stamp_of
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import FORMAT
from cosmosctl.results.receipts import Receipt, receipt_text
from cosmosctl.state.current import Current
from cosmosctl.store import load_all
from tests import clips
from tests.support.waiting import take

PROMPTS = 100
CONFIG = "project: 5f3a91c2\nmodel: transfer1\nhost: local\n"


def grow(root: Path, *, runs: int, with_results: bool = False) -> ProjectPaths:
    """A project of `runs` runs; every other one has a result when `with_results`."""
    project = ProjectPaths(root)
    clips.scene(root / "inputs/videos/city")
    project.prompts.mkdir()
    project.config.write_text(CONFIG, encoding="utf-8")
    for number in range(PROMPTS):
        text = f"text: a street number {number}\nvideo: inputs/videos/city\n"
        project.prompt(f"ps_{number:04d}").write_text(text, encoding="utf-8")
    for number in range(runs):
        paths = project.run(f"rs_{number:06d}")
        paths.root.mkdir(parents=True)
        paths.spec.write_text(_run_text(number), encoding="utf-8")
    if with_results:
        _give_results(project)
    take(2.1)  # what was written within two seconds is not trusted to the index
    return project


def _run_text(number: int) -> str:
    return (
        "# yaml-language-server: $schema=../../.cosmosctl/schema/run.json\n"
        f"prompt: ps_{number % PROMPTS:04d}\n"
        "controls:\n"
        "  vis: {weight: 0.3, preset: low}       # computed here\n"
        "  edge: {weight: 0.4, preset: low}\n"
        f"  depth: {(number % 10) / 10}\n"
        "  seg: 0.1\n"
    )


def _give_results(project: ProjectPaths) -> None:
    snapshot = load_all(project.root)
    current = Current(project, snapshot)
    for run in snapshot.run_ids[::2]:
        facts = current.facts(run)
        receipt = Receipt(
            run=run,
            batch="urban_20260101_120000",
            batch_size=100,
            status="completed",
            primary_output="outputs/output.mp4",
            primary_bytes=4,
            model="transfer1",
            preview=True,
            host="local",
            ended=stamp_of(1_800_000_000),
            attempts=1,
            load_s=1.0,
            video_s=1.0,
            prompt_id=snapshot.prompt_of(run),
            prompt="a street",
            seed=1,
            spec=current.spec_hash(run),
            effective=facts,
            sources={},
            inputs={"color": "0" * 64},
            outputs={"output.mp4": "0" * 64},
            format=FORMAT,
        )
        preview = project.run(run).preview
        preview.outputs.mkdir(parents=True)
        (preview.outputs / "output.mp4").write_bytes(b"0000")
        preview.receipt.write_text(receipt_text(receipt), encoding="utf-8")
    os.sync()

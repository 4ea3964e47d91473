"""What the user wants to be run when a batch has ended: a notification, a line in a chat."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.host.context import feed
from cosmosctl.io.streams import json_text
from cosmosctl.log import say
from cosmosctl.results.batch_end import BatchEnd, read_end
from cosmosctl.state.rated import present_video
from cosmosctl.store.user_config import user_config

LIMIT_S = 60
"""A notification takes a moment; whatever takes longer is meant to go on by itself."""


def tell_end(project: ProjectPaths, batch: str) -> None:
    """Run the user's own command, if there is one, for a batch that has ended. What it says or does stops nothing."""
    argv, end = user_config().on_end, read_end(project.batch(batch).end)
    if not argv or end is None:
        return
    trouble = feed(argv, json_text(summary(project, end)), limit_s=LIMIT_S)
    if trouble:
        say(f"on_end: {trouble}")


def summary(project: ProjectPaths, end: BatchEnd) -> Mapping[str, Any]:
    """end.yaml of a batch, the project's folder, how many runs it had and has done, and where the videos are."""
    done = [run for run, word in end.runs.items() if word == "done"]
    videos = {run: present_video(project, run) for run in done}
    there = {run: str(project.root / video.path) for run, video in videos.items() if video is not None}
    counts = {"project": str(project.root), "total": len(end.runs), "done": len(done)}
    facts = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(end).items()}
    return {**counts, **facts, "videos": there}

"""Durations and counts in words, and what several verbs say of a batch."""

from cosmosctl.domain.words import counted, duration, some
from cosmosctl.events import Progress

__all__ = ["counted", "duration", "some", "unlocked_lines"]


def unlocked_lines(progress: Progress) -> list[str]:
    """That GPUs are used without a lock, and why."""
    return [f"goes on without a GPU lock, others may use the GPU too: {why}" for why in progress.unlocked]

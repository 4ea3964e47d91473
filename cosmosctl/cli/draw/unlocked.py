"""What several verbs say of GPUs that are used without a lock."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmosctl.events.progress import Progress


def unlocked_lines(progress: "Progress") -> list[str]:
    """That GPUs are used without a lock, and why."""
    return [f"goes on without a GPU lock, others may use the GPU too: {why}" for why in progress.unlocked]

"""What batches are expected to take of a queue: told, or asked about, before any of them is made."""

from collections.abc import Sequence

from cosmosctl.commands.audience import Audience
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Host
from cosmosctl.errors import UsageError
from cosmosctl.plan.planner import Plan
from cosmosctl.plan.widths import beyond_time, widths
from cosmosctl.state import estimates


def tell_or_ask(project: ProjectPaths, host: Host, plans: Sequence[Plan], audience: Audience, *, agreed: bool) -> None:
    """Say what does not fit into the time of a job, and ask above the GPU hours that the host's block lets pass.

    Raises: UsageError where nobody agrees. What is not known yet is neither told nor asked about.
    """
    if host.time is None and host.max_gpu_hours is None:
        return
    pasts = estimates.of_plans(project, plans)
    for words in filter(None, (beyond_time(plan, pasts.get(plan.model.NAME)) for plan in plans)):
        audience.note(f"warning: {words}")
    found = [(*widths(plan, pasts.get(plan.model.NAME)), None)[0] for plan in plans]
    hours = sum(one.gpu_hours or 0.0 for one in found if one is not None)
    if not agreed and host.max_gpu_hours is not None and hours > host.max_gpu_hours:
        _ask(f"this takes about {hours:.2f} GPU hours on {host.name}", host.max_gpu_hours, audience)


def _ask(words: str, most: float, audience: Audience) -> None:
    words = f"{words}, more than its max_gpu_hours of {most:g}"
    if not audience.agrees(f"{words}; go on?"):
        raise UsageError(words, hint="fewer runs, or --yes; batch --dry-run shows what other numbers of jobs cost")

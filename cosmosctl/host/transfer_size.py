"""How much of a plan's video the host lacks, asked of rsync without sending anything."""

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.host import trust
from cosmosctl.host.context import invoke_context
from cosmosctl.host.push import lacking
from cosmosctl.io import own
from cosmosctl.plan.planner import Plan


def bytes_to_send(project: ProjectPaths, plan: Plan) -> tuple[int, int]:
    """(bytes that would be sent, bytes of all videos of the plan).

    Raises: NotAllowed; HostError when the host is out of reach.
    """
    host = trust.allowed_host(project.root, plan.host)
    tree = project.staging / "dry-run"
    own.discard(tree)
    for video in plan.inputs:
        link = tree / "inputs" / video.pool_name
        own.make_folders(link.parent)
        link.symlink_to(video.file.resolve())
    missing = lacking(invoke_context(), host, tree)
    own.discard(tree)
    total = sum(video.bytes for video in plan.inputs)
    return sum(video.bytes for video in plan.inputs if f"inputs/{video.pool_name}" in missing), total

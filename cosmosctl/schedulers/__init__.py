"""Who starts the job of a batch on its host, looks it up and ends it: a module of pure functions each.

There is `none` alone: a job is started at once, by its engine or by itself. One that queues jobs is a module more, and
`of` asks the host which.
"""

from cosmosctl.domain.project import Host
from cosmosctl.schedulers import none
from cosmosctl.schedulers.protocol import Scheduler


def of(host: Host) -> Scheduler:
    """The scheduler of that host."""
    return none

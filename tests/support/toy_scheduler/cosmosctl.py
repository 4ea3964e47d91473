"""cosmosctl with one scheduler more: `python -m tests.support.toy_scheduler.cosmosctl ARGS`."""

from typing import cast

from cosmosctl import schedulers
from cosmosctl.schedulers.protocol import Queue
from tests.support import toy_scheduler

cast(dict[str, Queue], schedulers.REGISTRY)[toy_scheduler.NAME] = toy_scheduler

if __name__ == "__main__":
    from cosmosctl.cli.main import main

    main()

"""cosmosctl with one engine more: `python -m tests.support.toy_engine.cosmosctl ARGS`."""

from typing import cast

from cosmosctl import engines
from cosmosctl.engines.protocol import Engine
from tests.support import toy_engine

cast(dict[str, Engine], engines.REGISTRY)["toy"] = toy_engine

if __name__ == "__main__":
    from cosmosctl.cli.main import main

    main()

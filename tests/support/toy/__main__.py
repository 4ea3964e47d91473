"""`python -m tests.support.toy`: cosmosctl, which knows the toy family too."""

from cosmosctl import models
from tests.support import toy

models.REGISTRY[toy.NAME] = toy  # the line in the registry

if __name__ == "__main__":
    from cosmosctl.cli.main import main

    main()

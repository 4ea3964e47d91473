"""What tests and figures start in: nothing of the developer's counts, and nothing of theirs is left behind."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests.support.kept import KEPT


def own_surroundings() -> None:
    """Give this process, and all that it starts, configuration and state of their own.

    Every host is allowed. No look copies are made: nobody looks at most of the results.
    """
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="cosmosctl-tests-state-")
    os.environ["XDG_CONFIG_HOME"] = _without_look_copies()
    if KEPT not in os.environ:  # the workers of this run have ours
        os.environ[KEPT] = tempfile.mkdtemp(prefix="cosmosctl-tests-kept-")
        atexit.register(shutil.rmtree, os.environ[KEPT], ignore_errors=True)
    os.environ["COSMOSCTL_ALLOW_HOSTS"] = "*"
    for name in [name for name in os.environ if name.startswith("GIT_")]:  # as a hook has them
        del os.environ[name]
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}  # nobody's hooks, signatures


def _without_look_copies() -> str:
    folder = Path(tempfile.mkdtemp(prefix="cosmosctl-tests-config-"))
    folder.chmod(0o755)  # other users, whom some tests are, read it too
    (folder / "cosmosctl").mkdir()
    (folder / "cosmosctl/config.yaml").write_text("look_copies: false\n", encoding="utf-8")
    return str(folder)

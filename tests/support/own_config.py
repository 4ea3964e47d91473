"""A config.yaml of the user's own for tests and figures, in place of the developer's."""

import os
import tempfile
from pathlib import Path


def without_look_copies() -> None:
    """Commands that are started from here on make no look copies: nobody looks at most of their results."""
    folder = Path(tempfile.mkdtemp(prefix="cosmosctl-tests-config-"))
    folder.chmod(0o755)  # other users, whom some tests are, read it too
    (folder / "cosmosctl").mkdir()
    (folder / "cosmosctl/config.yaml").write_text("look_copies: false\n", encoding="utf-8")
    os.environ["XDG_CONFIG_HOME"] = str(folder)

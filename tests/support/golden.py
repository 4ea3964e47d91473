"""Writes the golden bundles of the examples anew: `python -m tests.support.golden`, after a change that is meant."""

import shutil
import tempfile
from pathlib import Path

from cosmosctl.domain.layout import ProjectPaths
from tests.end_to_end.test_examples import DEMO, golden


def main() -> None:
    """Replace examples/demo/expected/."""
    shutil.rmtree(DEMO / "expected", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        project = ProjectPaths(Path(shutil.copytree(DEMO, Path(folder, "demo"))))
        for path, text in golden(project).items():
            target = DEMO / "expected" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""cosmosctl as it was at another commit, to be run beside the one of today."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Version:
    """The files of a commit, and a Python that has cosmosctl as it was then with the packages that are tested now."""

    source: Path
    python: Path

    @property
    def argv(self) -> tuple[str, ...]:
        return (str(self.python), "-m", "cosmosctl")


def version_of(commit: str, folder: Path) -> Version:
    """That commit's version, installed in `folder`, which is made."""
    source = folder / "source"
    source.mkdir(parents=True)
    tar = subprocess.run(("git", "archive", commit), cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(("tar", "-x"), cwd=source, input=tar, check=True)
    python = folder / "venv/bin/python"
    subprocess.run((sys.executable, "-m", "venv", str(folder / "venv")), check=True)
    pip = (str(python), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), str(source))
    subprocess.run(pip, check=True, capture_output=True)
    return Version(source, python)

"""A host whose clock is wrong: python3 there has a `time.time` of its own; monotonic clocks cannot be set."""

import shlex
from pathlib import Path

from tests.support.aftermath import programs
from tests.support.tree import Tree

_SITE = """import pathlib, time
_real, _wrong = time.time, pathlib.Path({wrong!r})
time.time = lambda: _real() + (float(_wrong.read_text()) if _wrong.exists() else 0.0)
time.time_ns = lambda: int(time.time() * 1e9)
"""


class HostClock:
    """The clock of the built-in host of one project: right until it is set. `env` goes to the commands."""

    def __init__(self, tree: Tree) -> None:
        self._wrong = tree.home / "wrong-by"
        site = tree.home / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(_SITE.format(wrong=str(self._wrong)), encoding="utf-8")
        self.env = programs(tree, python3=f"export PYTHONPATH={shlex.quote(str(site))}")

    def set(self, wrong_by_s: float) -> None:
        """From now on it is ahead by so many seconds, or behind when negative."""
        half = Path(f"{self._wrong}.new")
        half.write_text(str(wrong_by_s), encoding="utf-8")
        half.replace(self._wrong)

    def correct(self) -> None:
        self.set(0)

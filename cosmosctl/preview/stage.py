"""What happens beside the work on rows: nothing, unless the project's own tests put something on.

An installed cosmosctl has nothing to put on. In a checkout, `tests/stage` makes rows fail, counts and shortens them.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from cosmosctl.domain.project import Host
from cosmosctl.preview.drawing.row_picture import Studio

_CHECKOUT = Path(__file__).resolve().parents[2]


class Stage(Protocol):
    """What a preview asks at each step. Rows count from 1 in each process; a `kind` is a word of `tests/stage`."""

    def load(self, checkpoint: str) -> None:
        """The model is being loaded, `checkpoint` for one. Raises: FileNotFoundError when that shall be missing."""

    def start(self, row: Mapping[str, Any]) -> None:
        """A row begins."""

    def interrupt(self, row: int, prompt: str) -> None:
        """In the midst of a row."""

    def done(self, row: Mapping[str, Any]) -> None:
        """A row is whole."""

    def of_process(self, kind: str) -> bool:
        """Whether this shall go wrong in the process."""

    def of_row(self, kind: str, row: int, prompt: str) -> bool:
        """Whether this shall go wrong with the row."""

    def studio(self) -> Studio | None:
        """What does the work on rows in place of the real one."""


class Empty:
    """Nothing happens."""

    def load(self, checkpoint: str) -> None:
        pass

    def start(self, row: Mapping[str, Any]) -> None:
        pass

    def interrupt(self, row: int, prompt: str) -> None:
        pass

    def done(self, row: Mapping[str, Any]) -> None:
        pass

    def of_process(self, kind: str) -> bool:
        return False

    def of_row(self, kind: str, row: int, prompt: str) -> bool:
        return False

    def studio(self) -> Studio | None:
        return None


def stage() -> Stage:
    """What the tests of the checkout put on, where cosmosctl runs from one. Raises: ValueError for a mistake in it."""
    return cast(Stage, _tests().put_on()) if _are_ours() else Empty()


def plan_facts(host: Host) -> Mapping[str, Any]:
    """What they add to a plan."""
    return cast(Mapping[str, Any], _tests().plan_facts(host)) if _are_ours() else {}


def _are_ours() -> bool:
    """Whether `tests` is that of the checkout: other projects have a folder of that name too."""
    package = _CHECKOUT / "tests/__init__.py"
    found = importlib.util.find_spec("tests") if (package.parent / "stage").is_dir() else None
    return found is not None and found.origin is not None and Path(found.origin).resolve() == package


def _tests() -> Any:
    return importlib.import_module("tests.stage")

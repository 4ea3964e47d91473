"""What tests count, summed up and said at the end of a run, of several processes too."""

from collections import Counter
from collections.abc import Callable, Iterable

import pytest

TellCount = Callable[[str, int], None]
_KEY = "count of "
"""Begins the names of the properties in which pytest-xdist hands the numbers on."""


@pytest.fixture
def tell_count(request: pytest.FixtureRequest) -> TellCount:
    """Add a number of what has that name."""

    def tell(what: str, number: int) -> None:
        request.node.user_properties.append((_KEY + what, number))

    return tell


def said(reports: Iterable[object]) -> str:
    """The sums over the reports of tests that ended; nothing where nothing was counted."""
    found: Counter[str] = Counter()
    for report in reports:
        if isinstance(report, pytest.TestReport) and report.when == "call":
            for name, value in report.user_properties:
                if name.startswith(_KEY) and isinstance(value, int):
                    found[name.removeprefix(_KEY)] += value
    return ", ".join(f"{number} {what}" for what, number in found.items())

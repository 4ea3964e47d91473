"""What does not fit into the time of a job of a queue, by what past batches took."""

from dataclasses import dataclass, replace

import pytest

from cosmosctl.domain.project import Host
from cosmosctl.plan.widths import beyond_time

HOST = Host("site", "bare", "/d", scheduler="slurm", nodes=2, time="02:00:00")


@dataclass(frozen=True)
class _Row:
    run: str
    frames: int = 100
    after: None = None


@dataclass(frozen=True)
class _Group:
    name: str
    rows: tuple[_Row, ...]


@dataclass(frozen=True)
class _Plan:
    host: Host
    groups: tuple[_Group, ...]

    @property
    def rows(self) -> tuple[_Row, ...]:
        return self.groups[0].rows


@dataclass(frozen=True)
class _Pace:
    load_s: float
    frame_s: float


def words(host: Host, pace: _Pace | None, count: int = 8) -> str:
    rows = tuple(_Row(f"rs_{number}") for number in range(count))
    return beyond_time(_Plan(host, (_Group("01", rows),)), pace)  # type: ignore[arg-type]


def test_a_job_that_outlasts_its_time_is_told_with_what_spares_it() -> None:
    told = words(HOST, _Pace(600, 20))
    assert told.startswith(
        "a job is expected to take 2 h 23 min and ends after 1 h 50 min: what is left goes on in the next"
    )
    assert "more nodes:" in told
    assert words(replace(HOST, nodes=4), _Pace(600, 20)) == ""


def test_a_run_that_no_job_has_time_for_is_told() -> None:
    assert "it would never be done; set time: of the host higher" in words(HOST, _Pace(600, 70))


@pytest.mark.parametrize("host", [replace(HOST, time=None), replace(HOST, scheduler=None)])
def test_where_no_time_is_known_nothing_is_told(host: Host) -> None:
    assert words(host, _Pace(600, 70)) == ""
    assert words(HOST, None) == ""

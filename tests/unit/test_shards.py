"""How the rows of a batch are shared out over jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from cosmosctl.plan.shards import shared_out


@dataclass(frozen=True)
class _Row:
    run: str
    frames: int = 121
    after: "_Row | None" = None


@dataclass(frozen=True)
class _Group:
    name: str
    rows: Sequence[_Row]


def shares(width: int, *groups: Sequence[_Row]) -> list[int]:
    found = shared_out([_Group(str(n), rows) for n, rows in enumerate(groups)], width)  # type: ignore[misc]
    assert [run for share in found for run in share] == sorted(row.run for rows in groups for row in rows)
    return [len(share) for share in found]


def rows(count: int, first: int = 0, frames: int = 121) -> list[_Row]:
    return [_Row(f"rs_{first + n:04d}", frames) for n in range(count)]


def test_shares_are_of_about_the_same_length() -> None:
    assert shares(4, rows(64)) == [16, 16, 16, 16]
    assert shares(4, rows(10)) == [3, 2, 3, 2]
    assert shares(100, rows(10_000)) == [100] * 100


def test_there_are_no_more_of_them_than_rows_and_never_none() -> None:
    assert shares(8, rows(3)) == [1, 1, 1]
    assert shares(1, rows(5)) == [5]


def test_long_rows_weigh_more_and_groups_are_parted_only_where_a_share_ends() -> None:
    assert shares(2, rows(8, frames=100), rows(2, first=8, frames=400)) == [8, 2]


def test_a_run_that_reads_the_result_of_another_is_in_the_share_of_that_one() -> None:
    source = rows(4)
    larger = [_Row(f"rs_{n}_large", after=source[n]) for n in range(4)]
    found = shared_out([_Group("a", source), _Group("b", larger)], 4)  # type: ignore[list-item]
    assert found == tuple((f"rs_{n:04d}", f"rs_{n}_large") for n in range(4))

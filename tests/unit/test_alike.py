"""What `make alike` takes for a difference, and what for the clock."""

import pytest

from tests.support.alike import unlike, without_clock


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("one_20261130_033437: 5 of 5 done in 14 s;", "one_20270101_000000-0a1b2c3d: 5 of 5 done in 1.5 s;"),
        ("load 0.4 s in 2 starts, busy 93 %", "load 12.0 s in 2 starts, busy 9 %"),
        ('"ended": "2026-11-30T03:34:37Z", "load_s": 0.4', '"ended": "2027-01-01T00:00:00.123Z", "load_s": 12'),
        ("a_20261130_033437: loading model\ngo", "go"),
        ("video_s:\n  rs_depths: 17.069", "video_s:\n  rs_depths: 5.2"),
        ("[11-30 03:34:37|INFO|preview/transfer1.py:251:_generate] go", "[12-30 03:00:00|INFO|x.py:2:main] go"),
    ],
)
def test_clocks_are_no_difference(then: str, now: str) -> None:
    assert unlike({"line": without_clock(then)}, {"line": without_clock(now)}) == []


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("exit 0", "exit 1"),
        ("rs_depths  0.2/0.2/0.4/0.2", "rs_depths  0.2/0.2/0.5/0.2"),
        ("5 of 5 done in 14 s", "4 of 5 done in 14 s"),
        ("error: no run rs_a", "error: no run rs_b"),
    ],
)
def test_words_and_numbers_are(then: str, now: str) -> None:
    (told,) = unlike({"line": without_clock(then)}, {"line": without_clock(now)})
    assert f"-{then.splitlines()[0][:4]}" in told

"""Frequent lines of events are taken in one step, and as the close look takes them, whatever a host wrote."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmosctl.events import lines
from cosmosctl.events.frequent import decoded
from cosmosctl.events.lines import parse_lines
from cosmosctl.io.checked import Unreadable, parse_json

ROW: Mapping[str, Any] = {"t": 1795970140.25, "up": 81.5, "boot": "a-b", "run": "rs_k3f9qz", "shard": 3, "gpu": 0}
LINES: Mapping[str, Mapping[str, Any]] = {
    "row_start": {"ev": "row_start", **ROW, "proc": "p0"},
    "progress": {"ev": "progress", **ROW, "done": 3, "total": 35},
    "run_done": {
        "ev": "run_done",
        **ROW,
        "seconds": 4.5,
        "attempts": 1,
        "outputs": [{"path": "output.mp4", "sha256": "a" * 64, "bytes": 100}, {"path": "prompt.txt"}],
        "log": {"file": "p0.log", "begin": 10, "end": 20},
    },
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.floats(),
    st.text(max_size=400),
    st.sampled_from(["", ".", "rs a", "rs_a\n", "é" * 300, "x" * 301, "\ud800", "\x00", "a" * 64, "a" * 65]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["path", "bytes", "file", "begin", "end"]), st.integers() | st.text(max_size=5)),
)
DEPTH = 1_000_000  # deeper than any Python goes: 3.11 goes 1,000 deep, 3.13 10,000, 3.14 as deep as its stack is
KEYS = sorted({key for line in LINES.values() for key in line} | {"reason", "detail", "gpus", "end", "é"})


def closely(line: bytes) -> Mapping[str, Any] | None:
    """The event by the look that takes one field after another."""
    return next(iter(lines._by_line([line])), None)


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", LINES)
def test_a_frequent_line_is_taken_at_once(name: str) -> None:
    line = compact({"shard": 1, "end": 200, **LINES[name]})
    assert decoded(line) == closely(line) is not None


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(LINES)),
    st.dictionaries(st.sampled_from(KEYS), ODD, max_size=3),
    st.sets(st.sampled_from(KEYS), max_size=2),
)
def test_what_is_taken_at_once_is_what_the_close_look_takes(name: str, odd: dict[str, Any], without: set[str]) -> None:
    values = {key: value for key, value in {**LINES[name], **odd}.items() if key not in without or key in odd}
    line = compact(values)
    at_once = decoded(line)
    if at_once is None or closely(line) == at_once:
        return
    with pytest.raises(Unreadable):  # a value that nobody uses is none that Python's reader takes
        parse_json(line)
    assert closely(compact(at_once)) == at_once


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x",
        b'{"ev":"row_start"',
        b'{"ev":"row_start","t":1,"run":"rs_a"} {}',
        b'{"ev":"row_start","t":1,"run":"rs_\xff"}',
        b'{"ev":"row_start","t":NaN,"run":"rs_a"}',
        b'{"ev":"row_start","t":true,"run":"rs_a"}',
        b'{"ev":"row_start","t":1,"run":"rs_a/b"}',
        b'{"ev":"row_start","t":1,"run":"rs_a","x":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
        b'{"ev":"run_done","x":{"ev":"row_start"},"t":1,"run":"rs_a"}',
        b'{"ev":"batch_start","x":{"ev":"row_start"},"t":1,"run":"rs_a"}',
    ],
)
def test_what_is_no_sound_line_is_left_to_the_close_look(line: bytes) -> None:
    assert decoded(line) is None


def test_of_many_lines_each_is_taken_once_and_in_order() -> None:
    told = [compact({**LINES["row_start"], "run": f"rs_{number}"}) for number in range(1200)]
    told[600:600] = [b"garbage", compact({"ev": "loaded", "t": 1, "load_s": 2})]
    found = list(parse_lines(told))
    assert [event.get("run", event["ev"]) for event in found] == [
        *(f"rs_{number}" for number in range(600)),
        "loaded",
        *(f"rs_{number}" for number in range(600, 1200)),
    ]

"""Lines of events.jsonl as events. A line is taken as far as it is one, whatever a host wrote."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from functools import partial
from itertools import chain, islice
from typing import Any

from cosmosctl.domain.batch import MOST_SHARDS
from cosmosctl.domain.ids import is_id
from cosmosctl.domain.reasons import REASONS
from cosmosctl.events.bounds import (
    MAX_TIME_S,
    MOST_ANSWER,
    MOST_COUNT,
    MOST_DETAIL,
    MOST_FILES,
    MOST_GPUS,
    MOST_NAMES,
    MOST_S,
    MOST_WORD,
)
from cosmosctl.io.checked import Unreadable, number, parse_json, text, whole

Event = Mapping[str, Any]
Take = Callable[[object], Any]
"""A value of JSON as far as it is sound; None where it is not."""

NUMBERS = (int, float)
_FREQUENT = "cosmosctl.events.frequent"
_FEW = 500
"""Lines that are decoded sooner than what decodes many of them is imported (15 ms)."""


def parse_lines(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events among `lines`, with what is used of them; garbage is passed over."""
    remaining = (line for line in lines if line.startswith(b"{"))  # else a million empty ones take seven seconds
    are_many = isinstance(lines, Sized) and len(lines) > _FEW
    if _FREQUENT not in sys.modules and not are_many:
        yield from _by_line(islice(remaining, _FEW))
    if (line := next(remaining, None)) is not None:
        from cosmosctl.events.frequent import decoded

        yield from _by_line(chain((line,), remaining), decoded)


def _by_line(lines: Iterable[bytes], decoded: Callable[[bytes], Event | None] = lambda line: None) -> Iterator[Event]:
    """`decoded` gives the event of a line at once, or nothing where it is to be looked at closely."""
    for line in lines:
        if (event := decoded(line)) is not None:
            yield event
            continue
        try:
            event = _checked(parse_json(line))
        except Unreadable:
            continue
        if event is not None:
            yield event


def shard_lines(shard: int, data: bytes) -> Iterator[bytes]:
    """The whole lines of the events of a shard as they stand in those of its batch: follow_shards.py writes them so."""
    end = 0
    for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
        end += len(line)
        if line.startswith(b'{"'):
            yield b'{"shard":%d,"end":%d,' % (shard, end) + line[1:]


def shards_line(count: int) -> bytes:
    """The line that says how many there are."""
    return b'{"ev":"shards","t":0,"count":%d}\n' % count


def _checked(said: object) -> Event | None:
    """The event that a line tells of: its name, a time that can be one, and all that is used of such an event."""
    if not isinstance(said, dict) or not isinstance(said.get("ev"), str):
        return None
    name, moment = said["ev"], number(said.get("t"), MAX_TIME_S)
    if moment is None:
        return None
    found: dict[str, Any] = {"ev": name, "t": moment} | _of_these(said, _USED.get(name, _MAYBE))
    if name in _FIELDS and not _FIELDS[name].keys() <= found.keys():
        return None
    return _with_known_reason(found) if name == "run_failed" else found


def _with_known_reason(event: dict[str, Any]) -> Event:
    """The list of reasons is closed: another word becomes part of the detail."""
    reason, detail = event.get("reason"), event.get("detail", "")
    if reason in REASONS:
        return event
    return {**event, "reason": "model-error", "detail": f"{reason}: {detail}" if detail else str(reason)}


_words, _detail, _answer = (partial(text, most_chars=most) for most in (MOST_WORD, MOST_DETAIL, MOST_ANSWER))
_seconds = partial(number, most=MOST_S)
_count = partial(whole, most=MOST_COUNT)
_shard = partial(whole, most=MOST_SHARDS)


def _number(value: object) -> float | None:
    """Any number: a clock that was set back counts below 0, and `bounded_s` makes nothing of it."""
    return float(value) if isinstance(value, NUMBERS) and not isinstance(value, bool) else None


def _names(value: object) -> list[str] | None:
    return [name for name in value[:MOST_NAMES] if isinstance(name, str)] if isinstance(value, list) else None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and is_id(value) else None


def _ids(value: object) -> list[str] | None:
    return [name for name in names if is_id(name)] if (names := _names(value)) is not None else None


_OUTPUT: Mapping[str, Take] = {"path": _words, "sha256": _words, "bytes": _count}
_GPU: Mapping[str, Take] = {"name": _words, "driver": _words}


def _mappings(value: object, keys: Mapping[str, Take], most: int) -> list[dict[str, Any]] | None:
    """Of a list of mappings these keys, where they are sound."""
    if not isinstance(value, list):
        return None
    return [_of_these(item, keys) if isinstance(item, dict) else {} for item in value[:most]]


def _of_these(item: Mapping[str, object], keys: Mapping[str, Take]) -> dict[str, Any]:
    """What is sound among what is used."""
    return {key: taken for key, value in item.items() if key in keys and (taken := keys[key](value)) is not None}


def _part(value: object) -> dict[str, Any] | None:
    """Which bytes of which log are a run's own."""
    found = value if isinstance(value, dict) else {}
    part = {"file": _words(found.get("file")), "begin": _count(found.get("begin")), "end": _count(found.get("end"))}
    return part if None not in part.values() else None


_RUN = {"run": _id}


_FIELDS: Mapping[str, Mapping[str, Take]] = {
    "batch_start": {},
    "process_start": {"proc": _words, "runs": _ids, "log": _words},
    "process_end": {"proc": _words},
    "loaded": {"load_s": _number},
    "waiting": {"lock": _words},
    "group_replaced": {"detail": _detail},
    "unlocked": {"detail": _detail},
    "row_start": _RUN,
    "progress": {**_RUN, "done": _seconds, "total": _seconds},
    "run_again": _RUN,
    "run_done": {
        **_RUN,
        "seconds": _number,
        "attempts": _count,
        "outputs": partial(_mappings, keys=_OUTPUT, most=MOST_FILES),
    },
    "run_failed": {**_RUN, "reason": _words, "detail": _detail, "kept": _names},
    "run_cancelled": _RUN,
    "batch_done": {"state": _words},
    "shards": {"count": _shard},
    "queue": {"by": _words, "code": _count, "text": _answer},
}
"""What is used of the events of templates/launch/supervise; an event without it is damaged."""


_MAYBE: Mapping[str, Take] = {
    "shard": _shard,
    "proc": _words,
    "log": lambda value: _part(value) if isinstance(value, dict) else _words(value),
    "gpu": _count,
    "gpus": partial(_mappings, keys=_GPU, most=MOST_GPUS),
    "image": _words,
    "commit": _words,
    "up": _seconds,
    "boot": _words,
    "reason": _words,
    "detail": _detail,
}
"""What is used of them where it is there."""


_USED = {name: {**_MAYBE, **fields} for name, fields in _FIELDS.items()}
"""All that is used of an event of that name."""

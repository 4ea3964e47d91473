"""The lines that a batch has most of, ten thousand rows and more of them, decoded and checked in one step by msgspec.

What is taken is what `lines` takes of such a line; one that is not sound in all that is used of it is left to it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec

from cosmosctl.domain.batch import MOST_SHARDS
from cosmosctl.domain.ids import ID_PATTERN
from cosmosctl.events.bounds import MAX_TIME_S, MOST_COUNT, MOST_DETAIL, MOST_FILES, MOST_GPUS, MOST_S, MOST_WORD
from cosmosctl.io.checked import MAX_WHOLE

_Words = Annotated[str, msgspec.Meta(max_length=MOST_WORD)]
_Detail = Annotated[str, msgspec.Meta(max_length=MOST_DETAIL)]
_Id = Annotated[str, msgspec.Meta(pattern=rf"\A(?:{ID_PATTERN})\Z")]
_Moment = Annotated[float, msgspec.Meta(ge=0, le=MAX_TIME_S)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=MOST_S)]
_Number = Annotated[float, msgspec.Meta(gt=-MAX_WHOLE, lt=MAX_WHOLE)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_COUNT)]
_Shard = Annotated[int, msgspec.Meta(ge=0, le=MOST_SHARDS)]


class _Part(TypedDict):
    file: _Words
    begin: _Count
    end: _Count


class _Output(TypedDict, total=False):
    path: _Words
    sha256: _Words
    bytes: _Count


class _Gpu(TypedDict, total=False):
    name: _Words
    driver: _Words


class _OfRow(TypedDict):
    """What is used of any event of a row."""

    t: _Moment
    run: _Id
    shard: NotRequired[_Shard]
    proc: NotRequired[_Words]
    gpu: NotRequired[_Count]
    log: NotRequired[_Part]
    up: NotRequired[_Seconds]
    boot: NotRequired[_Words]
    image: NotRequired[_Words]
    commit: NotRequired[_Words]
    gpus: NotRequired[Annotated[list[_Gpu], msgspec.Meta(max_length=MOST_GPUS)]]
    reason: NotRequired[_Words]
    detail: NotRequired[_Detail]


class _Started(_OfRow):
    ev: Literal["row_start"]


class _Going(_OfRow):
    ev: Literal["progress"]
    done: _Seconds
    total: _Seconds


class _Done(_OfRow):
    ev: Literal["run_done"]
    seconds: _Number
    attempts: _Count
    outputs: Annotated[list[_Output], msgspec.Meta(max_length=MOST_FILES)]


_DECODERS: Mapping[bytes, msgspec.json.Decoder[Any]] = {
    b'"ev":"row_start"': msgspec.json.Decoder(_Started),
    b'"ev":"run_done"': msgspec.json.Decoder(_Done),
    b'"ev":"progress"': msgspec.json.Decoder(_Going),
}


def decoded(line: bytes) -> Mapping[str, Any] | None:
    """The event that a frequent line tells of; None for any other line, and for one to be looked at closely."""
    for mark, decoder in _DECODERS.items():
        if mark in line:
            try:
                found: Mapping[str, Any] = decoder.decode(line)
            except (msgspec.DecodeError, ValueError, RecursionError):
                return None
            return found
    return None

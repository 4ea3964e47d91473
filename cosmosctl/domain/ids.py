"""Names of prompts, runs, batches and hosts: how they look, how new ones are drawn.

`Id` and its like are text and numbers with their rule. The reader of files that others may have written (io/checked.py)
holds every field of such a type to it, so that no value has a name that could lead anywhere or mean something to a
shell.
"""

import re
import shlex
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Annotated

from cosmosctl.errors import UsageError

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_ID = re.compile(ID_PATTERN)
_PLAIN_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"  # compiled when first used: start-up waits for none of them
_GROUP = r"[0-9]{2,6}-[a-z0-9.-]{1,100}"
_KEY, _SHA256 = r"[0-9a-f]{8}", r"[0-9a-f]{64}"
_POOL_NAME = r"[0-9a-f]{16}/video(\.[^/\x00-\x20]{1,32})?"
_OUTPUTS = "outputs/"
MOST_S = 1e9
"""No time that is told is longer: thirty years."""
LAST_NUMBER = 10**12
"""The number of a batch stays below it, whatever numbers a project brings."""
_LISTS = {"run": "cosmosctl list runs", "prompt": "cosmosctl list prompts", "batch": "cosmosctl list batches"}
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def is_id(text: str) -> bool:
    """Whether `text` may name a prompt, run, batch or host: 1 to 64 of letters, digits, `.`, `_`, `-`."""
    return _ID.fullmatch(text) is not None


def is_plain_name(text: str) -> bool:
    """Whether `text` may name a file that comes from elsewhere: no folder, nothing hidden, nothing that leads out."""
    return re.fullmatch(_PLAIN_NAME, text) is not None


def is_sha256(text: str) -> bool:
    """Whether it is a sha256 in hex."""
    return re.fullmatch(_SHA256, text) is not None


def _is_key(text: str) -> bool:
    return re.fullmatch(_KEY, text) is not None


def _is_group(text: str) -> bool:
    return re.fullmatch(_GROUP, text) is not None


def _is_pool_name(text: str) -> bool:
    return re.fullmatch(_POOL_NAME, text) is not None


def _is_output(text: str) -> bool:
    return text.startswith(_OUTPUTS) and is_plain_name(text.removeprefix(_OUTPUTS))


def _is_path(text: str) -> bool:
    return text != "" and "\0" not in text


def _is_seconds(value: float) -> bool:
    return 0 <= value <= MOST_S


def _is_count(value: int) -> bool:
    return 0 <= value <= 1 << 50


def _is_number(value: int) -> bool:
    return 0 <= value <= LAST_NUMBER


Id = Annotated[str, is_id]
PlainName = Annotated[str, is_plain_name]
Sha256 = Annotated[str, is_sha256]
Key = Annotated[str, _is_key]
"""What tells batches of one name apart on a host."""
GroupName = Annotated[str, _is_group]
PoolName = Annotated[str, _is_pool_name]
OutputPath = Annotated[str, _is_output]
"""A file of a result, below its folder."""
FilePath = Annotated[str, _is_path]
"""Where it may lead is for whoever opens it."""
Seconds = Annotated[float, _is_seconds]
Count = Annotated[int, _is_count]
BatchNumber = Annotated[int, _is_number]
FormatNumber = Annotated[int, _is_number]
"""The version of a file's format: 0 before there were any."""


def command(*words: str) -> str:
    """The line that somebody types to run `cosmosctl WORDS`: no word means anything else to a shell."""
    return shlex.join(("cosmosctl", *words))


def checked_id(text: str, *, what: str) -> str:
    """`text` itself. Raises: UsageError when it is no id, naming the rule."""
    if is_id(text):
        return text
    raise UsageError(
        f"{what} id {text!r} may hold letters, digits, '.', '_' and '-' only, "
        "at most 64 of them, and starts with a letter or digit"
    )


def new_id(prefix: str, taken: Container[str]) -> str:
    """A free id: `prefix`, an underscore and six random characters of [a-z0-9]."""
    import secrets

    while True:
        candidate = f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(6))
        if candidate not in taken:
            return candidate


def new_ids(prefix: str, taken: Collection[str]) -> Iterator[str]:
    """Free ids, none twice; there is no end."""
    drawn = set(taken)
    while True:
        drawn.add(candidate := new_id(prefix, drawn))
        yield candidate


def draft_ids(prefix: str, taken: Container[str]) -> Iterator[str]:
    """Placeholder ids for what is in no file yet: rs_new1, rs_new2, … but those that are taken; there is no end."""
    return (candidate for number in count(1) if (candidate := f"{prefix}_new{number}") not in taken)


@dataclass(frozen=True)
class Names:
    """Ids for prompts and runs that are made, in the order in which they are taken."""

    prompts: Iterator[str]
    runs: Iterator[str]


def resolve_id(text: str, known: Iterable[str], *, what: str) -> str:
    """The known id that `text` names: exactly, or as a prefix of just one. Raises: UsageError."""
    ids = sorted(known)
    if text in ids:
        return text
    matches = [candidate for candidate in ids if candidate.startswith(text)] if text else []
    if len(matches) == 1:
        return matches[0]
    if matches:
        shown = ", ".join(matches[:5]) + (", …" if len(matches) > 5 else "")
        raise UsageError(f"{what} {text!r} is not unique: {shown}")
    raise UsageError(f"there is no {what} {text!r}", hint=_LISTS.get(what, "cosmosctl status"))

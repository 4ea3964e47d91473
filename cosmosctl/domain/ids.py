"""Names of prompts, runs, batches and hosts: how they look, how new ones are drawn."""

import re
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import count

from cosmosctl.errors import UsageError

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_ID = re.compile(ID_PATTERN)
_LISTS = {"run": "cosmosctl list runs", "prompt": "cosmosctl list prompts", "batch": "cosmosctl list batches"}
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def is_id(text: str) -> bool:
    """Whether `text` may name a prompt, run, batch or host: 1 to 64 of letters, digits, `.`, `_`, `-`."""
    return _ID.fullmatch(text) is not None


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

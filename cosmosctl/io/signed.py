"""Caches that count only where this user made them: they are signed, and the signature is looked at before all else.

A project's caches can come from git. What nobody here signed is as good as not there, and never parsed.
"""

import json
import re
from pathlib import Path
from typing import Any

from cosmosctl.errors import FileError
from cosmosctl.io import own, user_state
from cosmosctl.io.checked import Unreadable, parse_json

MOST_BYTES = 64 << 20
"""What is known of half a million videos."""
_HEAD = re.compile(rb'{"signature":"([0-9a-f]{32})","known":\n')
_END = b"\n}\n"


def signature(name: str, body: bytes | memoryview) -> str:
    """What this user signs the cache of that name with; "" where no key can be kept."""
    return user_state.signature(name.encode(), b"\0", body)


def is_signed(name: str, body: bytes | memoryview, given: object) -> bool:
    """Whether this user signed the cache of that name."""
    return given == signature(name, body) != ""


def read_cache(path: Path) -> Any:
    """What was remembered there, as `write_cache` got it; None for what was not signed by this user."""
    try:
        data = own.read_bytes(path, most=MOST_BYTES)
        found = _HEAD.match(data)
        body = data[found.end() :].removesuffix(_END) if found else b""
        return parse_json(body) if found and is_signed(path.name, body, found[1].decode()) else None
    except (OSError, FileError, Unreadable):
        return None


def write_cache(path: Path, known: Any) -> None:
    """Remember what JSON can hold, in a file that is JSON itself. Without a key nothing is. Raises: FileError."""
    body = json.dumps(known, indent=0, sort_keys=True).encode()
    signed = signature(path.name, body)
    if signed:
        own.write_bytes(path, b'{"signature":"%b","known":\n' % signed.encode() + body + _END, durable=False)

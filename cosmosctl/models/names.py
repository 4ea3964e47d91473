"""Names of rows for programs that name their files after them."""

import hashlib


def opaque_name(run: str) -> str:
    """A name for the row of `run`: a letter and twelve hex digits, safe in any path, nothing of the user's in it."""
    return "r" + hashlib.sha256(run.encode()).hexdigest()[:12]

"""Words that leave this machine: of paths the last part alone, of logins and addresses nothing.

What people wrote themselves (prompts, notes, tags) goes as it is.
"""

import re

_ADDRESS = re.compile(r"[\w.+-]+@[\w.\[\]:-]+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b")
_PATH = re.compile(r"(?<![\w.:/~-])~?(?:/[^\s/'\"`:,;()<>]+)+/?")
AWAY = "…"


def discreet(text: str) -> str:
    """`text` without absolute paths, logins and addresses."""
    return _PATH.sub(_last_part, _ADDRESS.sub(AWAY, text))


def author_words(author: str) -> str:
    """A person's name without an address: "Ann <ann@lab>" is Ann."""
    return author.partition("<")[0].partition("@")[0].strip()


def _last_part(found: re.Match[str]) -> str:
    parts = found[0].rstrip("/").rsplit("/", 1)
    return f"{AWAY}/{parts[-1]}"

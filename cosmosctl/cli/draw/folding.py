"""Lines that fit a terminal."""

import re


def folded(line: str, width: int, *, indent: str = "  ") -> list[str]:
    """`line` in as many lines as it takes: between clauses, as a command is best whole; where one is longer, words."""
    import textwrap

    wrap = textwrap.TextWrapper(width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    clauses = wrap.wrap(re.sub(r"(?<=[^\s,;]) (?=\S)", "\0", line))
    return [part for clause in clauses for part in wrap.wrap(clause.replace("\0", " "))]

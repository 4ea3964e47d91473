"""What a YAML parser complains of, in the words of somebody who writes prompts."""

import re
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError


@dataclass(frozen=True)
class Mistake:
    """Something wrong in a file: line and column count from 1."""

    line: int
    column: int
    message: str
    hint: str = ""


def syntax_mistake(error: YAMLError, text: str) -> Mistake:
    """Where and what, from an error of ruamel.yaml's C parser (libyaml 0.2.5, scanner.c and parser.c) over `text`."""
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Mistake(1, 1, f"this is not YAML: {error}")
    lines = _LINE_BREAK.split(text)
    tab = _tab_in_indentation(lines, error)
    if tab is not None:
        return tab
    problem, context = error.problem or "", error.context or ""
    for start, in_context, words, at_context in _WORDS:
        if problem.startswith(start) and in_context in context:
            mark = error.context_mark if at_context and error.context_mark is not None else error.problem_mark
            return _mistake(mark, lines, words)
    return _mistake(error.problem_mark, lines, f"this is not YAML: {problem}")


_TEXT_IN_QUOTES = "; put the text in quotes"

_WORDS = (
    (
        "mapping values are not allowed",
        "",
        "a ': ' cannot stand here: quote the text, or mend the indentation",
        False,
    ),
    ("found character that cannot start any token", "", "text cannot start with {char}" + _TEXT_IN_QUOTES, False),
    ("found unexpected end of stream", "quoted scalar", "the quote that opens here is never closed", True),
    ("found unexpected document indicator", "quoted scalar", "the quote that opens here is never closed", True),
    ("found unexpected ':'", "", "inside {…} and […], text with ':' has to stand in quotes", False),
    ("did not find expected node content", "", "a value is missing before this {char}", False),
    ("did not find expected ',' or ']'", "", "the list that opens here is not closed with ']'", True),
    ("did not find expected ',' or '}'", "", "the mapping that opens here is not closed with '}'", True),
    ("did not find expected key", "", "this does not fit the lines above: mend the indentation or the quotes", False),
    ("did not find expected '-' indicator", "", "a list goes on here, so '- ' is expected, or less indentation", False),
    ("could not find expected ':'", "", "a key without ': ' and a value", True),
    (
        "found unknown escape character",
        "",
        "{escape} means nothing in double quotes: write \\\\ or use single quotes",
        False,
    ),
    ("did not find expected hexdecimal number", "", "an escape like \\x41 or \\u00e9 needs all its digits", False),
    ("found invalid Unicode character escape code", "", "this escape is no character", False),
    (
        "did not find expected comment or line break",
        "block scalar",
        "the text starts below | or >, not beside it",
        False,
    ),
    (
        "did not find expected alphabetic",
        "",
        "text cannot start with {char}" + _TEXT_IN_QUOTES,
        True,
    ),
    ("block sequence entries are not allowed", "", "a list item cannot stand here: put it in a line of its own", False),
    ("mapping keys are not allowed", "", "a '? ' cannot stand here" + _TEXT_IN_QUOTES, False),
    ("block collections are not allowed", "", "a list cannot start in this line: put it below the key", False),
    ("did not find expected <document start>", "", "the file goes on after its end: one file holds one mapping", False),
    ("found incompatible YAML document", "", "this file says that it is of another YAML version than 1.2", False),
    ("found unknown directive name", "", "text cannot start with '%'" + _TEXT_IN_QUOTES, True),
    ("found undefined tag handle", "", "text cannot start with '!'" + _TEXT_IN_QUOTES, True),
    ("did not find URI escaped octet", "", "text cannot start with '!'" + _TEXT_IN_QUOTES, True),
    ("did not find expected whitespace or line break", "tag", "text cannot start with '!'" + _TEXT_IN_QUOTES, True),
)
"""Beginning of the parser's problem, part of its context, our words, and whether they stand where the context began."""

_LINE_BREAK = re.compile("\r\n|\n|\r")


def _tab_in_indentation(lines: list[str], error: MarkedYAMLError) -> Mistake | None:
    for mark in (error.problem_mark, error.context_mark):
        line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
        indentation = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in indentation:
            return Mistake(
                mark.line + 1, indentation.index("\t") + 1, "a tab in the indentation: YAML takes spaces only"
            )
    return None


def _mistake(mark: Any, lines: list[str], words: str) -> Mistake:
    line = lines[mark.line] if mark.line < len(lines) else ""
    message = words.replace("{char}", f"'{line[mark.column : mark.column + 1]}'")
    message = message.replace("{escape}", line[mark.column : mark.column + 2])
    return Mistake(mark.line + 1, mark.column + 1, message)

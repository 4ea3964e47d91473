"""A plain word of a YAML file as a value, by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).

`no` is a word, `010` is ten, `1_000`, `12:30` and `2026-11-21` are text.
"""

import re

from cosmosctl.io.yaml_value import YamlValue

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,4000}")
_RADIX = re.compile(r"0(?:o[0-7]{1,4000}|x[0-9a-fA-F]{1,4000})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INF = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))
_MAY_BE_MORE_THAN_TEXT = frozenset("0123456789+-.~nNtTfF")


def plain_value(text: str) -> YamlValue:
    """null, a truth value, a number, or `text` itself. Numbers of more than 4000 digits are text."""
    if text in _NULL:
        return None
    if text[0] not in _MAY_BE_MORE_THAN_TEXT:
        return text
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return _resolve_rare(text)


def _resolve_rare(text: str) -> YamlValue:
    if _RADIX.fullmatch(text):
        return int(text, 0)
    if _INF.fullmatch(text):
        return float(text.replace(".", ""))
    if text in _NAN:
        return float("nan")
    return text

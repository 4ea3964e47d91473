"""What an editor is told of one family, from its own rules: its settings with their ranges and defaults, its controls.

Each value has one schema and no `oneOf`: editors then show what it is about, and complain of the key that is wrong.
"""

from collections.abc import Mapping
from typing import Any

from cosmosctl.domain.project import PRESETS
from cosmosctl.domain.settings import SettingRule
from cosmosctl.models.catalog import ControlRule
from cosmosctl.models.protocol import Model
from cosmosctl.schema.keys import NOT_EMPTY

JsonSchema = dict[str, Any]

_WEIGHT: JsonSchema = {"minimum": 0, "maximum": 1}

AUTO = "auto"


def described(about: str, *facts: str) -> JsonSchema:
    """`about` and what else is to be known, for a tooltip: once as text, once as Markdown."""
    known = [fact for fact in facts if fact]
    return {"description": " ".join([about, *known]), "markdownDescription": "\n\n".join([about, *known])}


def settings_schema(family: Model) -> JsonSchema:
    """Setting -> its schema."""
    return {name: setting_schema(family.NAME, rule) for name, rule in family.SETTINGS.items()}


def setting_schema(family: str, rule: SettingRule) -> JsonSchema:
    """What one setting of a family may hold. A default that depends on more than the family is told in words alone."""
    facts = (f"{_sentence(rule.values_words)}", f"Default: {rule.default_words}." if rule.default_words else "")
    found = {**described(rule.about, *facts, f"({family})"), **_type(rule)}
    if rule.default is not None and not rule.varies:
        found["default"] = rule.default
    return {**found, **({"examples": list(rule.examples)} if rule.examples else {})}


def _type(rule: SettingRule) -> JsonSchema:
    """A text that is a whole number may be written as one; so may a choice."""
    if rule.kind is str and rule.choices:
        numbers = [int(word) for word in rule.choices if word.isdecimal()]
        return {"type": ["string", "integer"], "enum": [*numbers, *rule.choices]}
    if rule.kind is str:
        return {"type": ["string", "integer"], "pattern": NOT_EMPTY}
    if rule.kind is bool:
        return {"type": ["boolean", "string"], "enum": [True, False, *rule.choices]} if rule.choices else _BOOLEAN
    limits = {"minimum": rule.low, "maximum": rule.high}
    kind = "integer" if rule.kind is int else "number"
    return {"type": kind, **{word: limit for word, limit in limits.items() if limit is not None}}


_BOOLEAN: JsonSchema = {"type": "boolean"}


def controls_schema(family: Model, about: str, *, outside: bool) -> JsonSchema:
    """The set of controls of a run: at least one, and not all of weight 0. `outside`: videos may lie anywhere."""
    nothing = {
        "anyOf": [{"const": 0}, {"type": "object", "properties": {"weight": {"const": 0}}, "required": ["weight"]}]
    }
    return {
        **described(about, f"({family.NAME})"),
        "type": "object",
        "minProperties": 1,
        "properties": {
            name: control_schema(family.NAME, rule, outside=outside) for name, rule in family.CONTROLS.items()
        },
        "additionalProperties": False,
        "not": {"additionalProperties": nothing},
    }


def control_schema(family: str, rule: ControlRule, *, outside: bool) -> JsonSchema:
    """One control: its weight alone, or a mapping."""
    usual = "Usual weights: {:g} to {:g}.".format(*rule.usual) if rule.usual else ""
    wants = f"{family} does not make it: it needs a file." if rule.needs_file else ""
    facts = ("A weight from 0 to 1, or a mapping.", usual, wants, f"({family})")
    return {
        **described(rule.about, *facts),
        "type": ["number", "object"],
        **_WEIGHT,
        "properties": _control_keys(rule, usual, outside),
        "required": ["weight"],
        "additionalProperties": False,
        **_forbidden(rule),
        "examples": [0.3],
    }


def _control_keys(rule: ControlRule, usual: str, outside: bool) -> JsonSchema:
    about = "How strongly the control holds the video."
    keys = {
        "weight": {**described(about, "From 0 to 1.", usual), "type": "number", **_WEIGHT, "examples": [0.3, 0.4, 0.2]}
    }
    left_out = "Left out: the prompt's file." if rule.needs_file else "Left out: the prompt's file, else auto."
    made = "A path, relative to the project: this video file."
    ways = (made, left_out) if rule.needs_file else ("`auto`: the model makes the control itself.", made, left_out)
    example = f"inputs/videos/city1/{rule.stems[0]}.mp4"
    keys["input"] = {
        **described("The control's video.", *ways),
        "type": "string",
        "pattern": NOT_EMPTY if outside else RELATIVE,
        "examples": [example] if rule.needs_file else [AUTO, example],
    }
    if rule.has_preset:
        about = "Strength of a control that is made from the colour video, the same each time."
        keys["preset"] = {**described(about, "Not together with `input`."), "enum": list(PRESETS)}
    if rule.has_prompt:
        about = "What to look for when the model makes the control itself."
        text = {"type": "string", "pattern": NOT_EMPTY, "examples": ["car. building. road"]}
        keys["prompt"] = {**described(about, "Left out: the prompt's text."), **text}
    return keys


RELATIVE = r"^(?!/|\.\.(/|$))[\s\S]*\S"
"""A path that is not empty, and neither absolute nor up from the project."""


def _forbidden(rule: ControlRule) -> JsonSchema:
    """What must not stand together."""
    if rule.has_preset:
        return {"not": {"type": "object", "required": ["preset", "input"]}}
    if not rule.needs_file:
        return {}
    counts = {"weight": {"exclusiveMinimum": 0}, "input": {"const": AUTO}}
    return {"not": {"type": "object", "properties": counts, "required": ["weight", "input"]}}


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def any_of(branches: Mapping[str, JsonSchema], default: str, key: str) -> JsonSchema:
    """The branch that `key` names, else the default one, as a chain of if, then, else."""
    found = branches[default]
    for name in reversed([name for name in branches if name != default]):
        named = {"properties": {key: {"const": name}}, "required": [key]}
        found = {"if": named, "then": branches[name], "else": found}
    return found

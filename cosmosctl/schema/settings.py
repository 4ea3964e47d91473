"""The settings of the families as keys of the user's files, made from the families' own rules.

A run file may leave its family to the project, so it is checked here against what any family takes; `models/` checks
it against its own. Under `defaults:` the family is known, so there its own rules hold.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WrapValidator

from cosmosctl import models
from cosmosctl.domain.settings import SettingRule
from cosmosctl.domain.surprises import RANDOM, RSYNC, VIDEO
from cosmosctl.schema.keys import UNSET, Keys, as_written, keys_of, no_items, one_of


def setting_fields(rules: Mapping[str, SettingRule]) -> dict[str, Any]:
    """A field for each setting: its type and what holds for it."""
    return {name: (_type(rule), Field(default=UNSET, ge=rule.low, le=rule.high)) for name, rule in rules.items()}


def _type(rule: SettingRule) -> Any:
    if rule.kind is int:
        return Annotated[int, BeforeValidator(_whole)]
    if rule.kind is float:
        return Annotated[float, WrapValidator(as_written)]
    if rule.kind is str:
        text = one_of(rule.choices) if rule.choices else str
        return Annotated[text, BeforeValidator(_number_as_text)]
    words = rule.choices
    return Annotated[bool, WrapValidator(lambda value, check: value if value in words else check(value))]


def _whole(value: Any) -> Any:
    """1.0 and 1e3 are whole numbers, to JSON Schema too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number_as_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


SETTING_NAMES = tuple(models.setting_rules())

ANY_SETTINGS = models.widest_rules()
"""What any family takes."""

OF_FAMILY: Mapping[str, type[Keys]] = {
    name: keys_of(f"Settings of {name}", "", setting_fields(family.SETTINGS), Keys)
    for name, family in models.REGISTRY.items()
}
"""Family -> its settings under `defaults:`."""

DefaultsKeys = keys_of(
    "DefaultsKeys",
    "Settings for every run of a family that does not say otherwise.",
    {name: (keys, Field(default=UNSET, alias=name)) for name, keys in OF_FAMILY.items()},
    Keys,
)

QUIET_WORDS = (RANDOM, VIDEO, "controls", *SETTING_NAMES)
"""What warnings are about: the keys, `video` for clips, `random` for controls that the model makes by chance."""

_QUIET = (
    "Warnings that are not to be told: the keys that they are about, `video` for those about clips, "
    "`random` for controls that the model makes differently each time"
)


def _quiet(words: tuple[str, ...], about: str) -> Any:
    known: Any = list[one_of(words)]  # type: ignore[misc]
    extra: Any = {"type": ["array", "null"]}
    field = Field(description=about, examples=[["video"]], json_schema_extra=extra)
    return Annotated[known, BeforeValidator(no_items), field]


Quiet = _quiet(QUIET_WORDS, f"{_QUIET}.")
ProjectQuiet = _quiet((*QUIET_WORDS, RSYNC), f"{_QUIET}, `rsync` for that about an old rsync of this machine.")

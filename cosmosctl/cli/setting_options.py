"""An option for each setting of the model families, made from their rules: a new setting has its option by itself."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from cosmosctl.domain.project import Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.models import REGISTRY

F = TypeVar("F", bound=Callable[..., Any])


class Number(click.ParamType):  # type: ignore[type-arg]  # generic in click's newest release only
    """A number that stays whole when it is written whole: 4 is not 4.0 to a model that takes whole numbers."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        if isinstance(value, int | float):
            return value
        try:
            return int(value) if re.fullmatch(r"[-+]?[0-9]{1,4000}", value) else float(value)
        except ValueError:
            self.fail(f"{value!r} is not a valid number.", param, ctx)


class SettingOption(click.Option):
    """Its help is the description of the key in the file's format and its default, looked up when it is printed."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from cosmosctl.schema.files import Settings  # pydantic, for --help alone

        key = Settings.model_fields[str(self.name)]
        self.help = f"{key.description}{_default_words(key.description or '', key.json_schema_extra)}"
        return super().get_help_record(ctx)


def _default_words(description: str, extra: object) -> str:
    """What the description leaves to the schema: the value where nothing is said."""
    if "Default:" in description or not isinstance(extra, Mapping) or "default" not in extra:
        return ""
    default = extra["default"]
    yes_or_no = "yes" if default else "no"
    return f" Default: {yes_or_no if isinstance(default, bool) else default}."


class SettingsCommand(click.Command):
    """A command whose help lists its settings below its other options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        own = [one for one in options if not isinstance(one, SettingOption)]
        settings = [one for one in options if isinstance(one, SettingOption)]
        for title, params in (("Options", own), ("Settings", settings)):
            with formatter.section(title):
                formatter.write_dl([record for one in params if (record := one.get_help_record(ctx)) is not None])


def setting_options(command: F) -> F:
    """`command` with an option for each setting; it gets them as keyword arguments, None where none is given."""
    for name in reversed(list(_rules())):
        command = _option(name, _rules()[name])(command)
    return command


def given_settings(values: Mapping[str, Setting | None]) -> dict[str, Setting]:
    """Of the keyword arguments those that were given, words for truth values as truth values."""
    words: Mapping[Setting, Setting] = {"true": True, "false": False}
    mixed = {name for name, rules in _rules().items() if any(rule.kind is bool and rule.choices for rule in rules)}
    return {
        name: words.get(value, value) if name in mixed else value for name, value in values.items() if value is not None
    }


def _rules() -> dict[str, list[SettingRule]]:
    """Setting -> its rule in each family that has it."""
    found: dict[str, list[SettingRule]] = {}
    for family in REGISTRY.values():
        for name, rule in family.SETTINGS.items():
            found.setdefault(name, []).append(rule)
    return found


def _option(name: str, rules: list[SettingRule]) -> Callable[[F], F]:
    word = name.replace("_", "-")
    kinds = {rule.kind for rule in rules}
    choices = [choice for rule in rules if rule.kind is bool for choice in rule.choices]
    if kinds == {bool} and not choices:
        return click.option(f"--{word}/--no-{word}", name, cls=SettingOption, default=None)
    kind: Any = click.Choice(["true", "false", *choices]) if bool in kinds else _TYPES.get(_widest(kinds), click.STRING)
    return click.option(f"--{word}", name, cls=SettingOption, type=kind, default=None)


_TYPES: Mapping[type, Any] = {int: click.INT, float: Number(), str: click.STRING}


def _widest(kinds: set[type]) -> type:
    return next(kind for kind in (str, float, int) if kind in kinds)

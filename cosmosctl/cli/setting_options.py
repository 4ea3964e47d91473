"""An option for each setting of the model families, made from their rules: a new setting has its option by itself."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from cosmosctl.domain.project import Setting
from cosmosctl.domain.settings import SettingRule
from cosmosctl.models import REGISTRY, setting_rules

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
    """Its help is what the families say of the setting and its default, put together when it is printed."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = _help(setting_rules()[str(self.name)])
        return super().get_help_record(ctx)


def _help(rules: Mapping[str, SettingRule]) -> str:
    """What a setting does, in each family that has it where they differ."""
    everywhere = len(rules) == len(REGISTRY)
    abouts = {name: rule.about for name, rule in rules.items()}
    defaults = {name: _default(rule) for name, rule in rules.items()}
    about = " ".join(_by_family(abouts, everywhere=everywhere))
    default = ", ".join(_by_family({name: word for name, word in defaults.items() if word}, everywhere=True))
    return about + (f" Default: {default}." if default else "")


def _by_family(words: Mapping[str, str], *, everywhere: bool) -> list[str]:
    """Each text once, with the families that it is of unless those are all there are."""
    found: dict[str, list[str]] = {}
    for family, text in words.items():
        found.setdefault(text, []).append(family)
    if len(found) == 1 and everywhere:
        return list(found)
    return [_with(text, ", ".join(families)) for text, families in found.items()]


def _with(text: str, families: str) -> str:
    return f"{text[:-1]} ({families})." if text.endswith(".") else f"{text} ({families})"


def _default(rule: SettingRule) -> str:
    yes_or_no = {"true": "yes", "false": "no"}
    return "; ".join(yes_or_no.get(word, word) for word in rule.default_words.split("; ") if word)


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
    for name, rules in reversed(list(setting_rules().items())):
        command = _option(name, list(rules.values()))(command)
    return command


def given_settings(values: Mapping[str, Setting | None]) -> dict[str, Setting]:
    """Of the keyword arguments those that were given, words for truth values as truth values."""
    words: Mapping[Setting, Setting] = {"true": True, "false": False}
    mixed = {
        name
        for name, rules in setting_rules().items()
        if any(rule.kind is bool and rule.choices for rule in rules.values())
    }
    return {
        name: words.get(value, value) if name in mixed else value for name, value in values.items() if value is not None
    }


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

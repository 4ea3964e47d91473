"""What a model's setting may hold: its kind, default, range and where that is written."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cosmosctl.domain.project import Setting


def is_finite(value: float) -> bool:
    """Whether it is no infinity and no NaN. Whole numbers are finite, also those that no float can hold."""
    return isinstance(value, int) or math.isfinite(value)


@dataclass(frozen=True)
class SettingRule:
    """One setting of one model. `low` and `high` are inclusive; `choices`, where there are any, are all texts it takes.
    A `bool` with `choices` takes these words beside true and false.

    `default` None leaves the model's own. `about`: what it does, for somebody who edits a file. `otherwise`: what holds
    where `default` does not, in words. `varies`: there the default depends on more than the family.
    """

    kind: type[bool] | type[int] | type[float] | type[str]
    default: Setting | None
    source: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    about: str = ""
    otherwise: str = ""
    varies: bool = False
    examples: tuple[Setting, ...] = ()

    def normal(self, value: Setting) -> Setting:
        """The same value; where whole numbers belong 24.0 is 24."""
        return int(value) if self.kind is int and isinstance(value, float) and value.is_integer() else value

    def mistake(self, value: Setting) -> str:
        """What is wrong with `value`, as the end of a sentence that starts with the key; empty when all is well."""
        if not self._is_of_kind(value):
            return f"must be {self._kind_words()}, got {value!r}"
        if isinstance(value, str):
            return self._mistake_of_text(value)
        if not is_finite(value):
            return f"must be a finite number, got {value}"
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            return f"must be {self._range_words()}, got {value}"
        return ""

    @property
    def values_words(self) -> str:
        """What it takes, as somebody would be told: "a whole number between 0 and 7"."""
        if self.kind is str and self.choices:
            return f"one of {', '.join(self.choices)}"
        bounded = self.low is not None or self.high is not None
        return f"{self._kind_words()} {self._range_words()}" if bounded else self._kind_words()

    @property
    def default_words(self) -> str:
        """What holds where nothing is said; "" when that cannot be told."""
        default = "" if self.default is None else shown(self.default)
        return "; ".join(filter(None, (default, self.otherwise)))

    def _mistake_of_text(self, value: str) -> str:
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}, got {value!r}"
        return "must not be empty" if not value.strip() else ""

    def _is_of_kind(self, value: Setting) -> bool:
        if self.kind is float:
            return isinstance(value, int | float) and not isinstance(value, bool)
        if self.kind is int:
            return isinstance(value, int) and not isinstance(value, bool)
        if self.kind is bool and value in self.choices:
            return True
        return isinstance(value, self.kind)

    def _kind_words(self) -> str:
        words = _KIND_WORDS[self.kind]
        return f"{words} or {', '.join(self.choices)}" if self.kind is bool and self.choices else words

    def _range_words(self) -> str:
        if self.low is None:
            return f"at most {_shown(self.high)}"
        if self.high is None:
            return f"at least {_shown(self.low)}"
        return f"between {_shown(self.low)} and {_shown(self.high)}"


def widest(rules: Mapping[str, SettingRule]) -> SettingRule:
    """What any of these families takes, as one rule."""
    several = list(rules.values())
    kinds = {rule.kind for rule in several}
    lows, highs = [rule.low for rule in several], [rule.high for rule in several]
    return replace(
        several[0],
        kind=next(kind for kind in (str, float, int, bool) if kind in kinds),
        low=None if None in lows else min(low for low in lows if low is not None),
        high=None if None in highs else max(high for high in highs if high is not None),
        choices=tuple(dict.fromkeys(word for rule in several if rule.kind is bool for word in rule.choices)),
    )


def _shown(limit: float | None) -> str:
    """A limit as somebody would write it: every digit of a whole number."""
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def shown(value: Setting) -> str:
    """A setting's value as a file has it."""
    return str(value).lower() if isinstance(value, bool) else _shown(value) if isinstance(value, float) else str(value)


_KIND_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}

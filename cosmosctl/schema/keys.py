"""What the keys of all files are made of: texts, ids, paths on hosts, lists of words; and what a mapping may be."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from cosmosctl.domain.ids import ID_PATTERN

UNSET: Any = None
"""Stands for a key that is not in the file; `model_fields_set` tells. A key without a value is a mistake."""

NOT_EMPTY = r"\S"
ID = f"^{ID_PATTERN}$"
ABSOLUTE = "^/"
ADDRESS = r"^[^-\s]\S*$"
VARIABLE = "^[A-Za-z_][A-Za-z0-9_]*$"
OPTION = "^-"
TIME_LIMIT = r"^([0-9]+-)?[0-9]+(:[0-9]{1,2}){0,2}$"
"""Patterns of text; `messages` has a sentence for each."""

Owner = TypeVar("Owner", bound=BaseModel)

MAPPING, SHORT = "<mapping>", "<short>"
"""Tags of the two ways to write a control or the videos; `messages` leaves them out of names."""


class Keys(BaseModel):
    """A mapping in a file: no other keys, no conversion of types, no NaN."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=(), defer_build=True
    )


def keys_of(name: str, about: str, fields: Mapping[str, Any], base: type[Owner]) -> type[Owner]:
    """A mapping with these fields, by the key as a file has it, and those of `base`."""
    fields = {field_name(key): field for key, field in fields.items()}
    return create_model(name, __base__=base, __doc__=about, **fields)


def field_name(key: str) -> str:
    """The name of a model's field for a key of a file, which may hold dots and dashes."""
    return key.replace(".", "_").replace("-", "_")


def by_key(owner: type[BaseModel], keys: BaseModel | None) -> Mapping[str, Any]:
    """Key as written -> what the file says, of the keys that are in the file and have a value."""
    if keys is None:
        return {}
    given = keys.model_fields_set
    found = {field.alias or name: getattr(keys, name) for name, field in owner.model_fields.items() if name in given}
    return {key: value for key, value in found.items() if value is not None}


def one_of(words: tuple[str, ...]) -> Any:
    """The type of a text that is one of these words."""
    return cast(Any, Literal)[words]


def shape(value: Any) -> str:
    """Which of the two ways it is written."""
    return MAPPING if isinstance(value, dict) else SHORT


def as_written(value: Any, check: Callable[[Any], Any]) -> Any:
    """The value itself, once it was checked."""
    check(value)
    return value


def no_items(value: Any) -> Any:
    """A key without a value is an empty list."""
    return [] if value is None else value


def no_keys(value: Any) -> Any:
    """A key without a value is an empty mapping."""
    return {} if value is None else value


def _no_text(value: Any) -> Any:
    return "" if value is None else value


Text = Annotated[str, Field(pattern=NOT_EMPTY)]
Id = Annotated[str, Field(pattern=ID)]
HostPath = Annotated[str, Field(pattern=ABSOLUTE)]
Words = Annotated[list[Text], Field(min_length=1)]
Tags = Annotated[
    list[Text],
    BeforeValidator(no_items),
    Field(
        description="Words to find it by; they change nothing in the result.",
        examples=[["night", "rain"]],
        json_schema_extra={"type": ["array", "null"]},
    ),
]
Notes = Annotated[
    str,
    BeforeValidator(_no_text),
    Field(
        description="Anything worth remembering; it changes nothing in the result.",
        examples=["for the review"],
        json_schema_extra={"type": ["string", "null"]},
    ),
]

"""The controls of the families as keys of run files, and their videos as keys of prompts."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from cosmosctl import models
from cosmosctl.domain.project import COLOR, PRESETS, VIDEO_SUFFIXES
from cosmosctl.models.catalog import ControlRule
from cosmosctl.schema.keys import MAPPING, SHORT, UNSET, Keys, Text, keys_of, one_of, shape

Weight = Annotated[
    float,
    Field(ge=0, le=1, description="How strongly the control holds the video, from 0 to 1.", examples=[0.3, 0.4, 0.2]),
]
Source = Annotated[
    Text,
    Field(
        description="`auto`: the model makes the control itself. A path, relative to the project: this video file. "
        "Left out: the prompt's file, else auto.",
        examples=["auto", "inputs/videos/city1/depth.mp4"],
    ),
]
_Preset = one_of(PRESETS)
Preset = Annotated[
    _Preset,  # type: ignore[valid-type]
    Field(
        description="Strength of a control that is made from the colour video, the same each time. "
        "Not together with `input`.",
        examples=["low"],
    ),
]


class ControlKeys(Keys):
    """A control in full: its weight and where it comes from."""

    weight: Weight
    input: Source = UNSET


PRESET = (Preset, UNSET)
PROMPT = (
    Text,
    Field(
        default=UNSET,
        description="What to look for when the model makes the control itself; left out: the prompt's text.",
        examples=["car. building. road"],
    ),
)


def control_keys(rule: ControlRule) -> type[ControlKeys]:
    """The keys of such a control in full."""
    more: dict[str, Any] = {}
    more |= {"preset": PRESET} if rule.has_preset else {}
    more |= {"prompt": PROMPT} if rule.has_prompt else {}
    return keys_of("ControlInFull", str(ControlKeys.__doc__), more, ControlKeys)


def _short_or_full(rule: ControlRule) -> Any:
    full: Any = control_keys(rule)
    return Annotated[Annotated[Weight, Tag(SHORT)] | Annotated[full, Tag(MAPPING)], Discriminator(shape)]


ABOUT_CONTROLS = (
    "The set of controls. An explicit weight 0 stays in the set; leaving the line out takes the control out."
)

Controls = keys_of(
    "Controls",
    ABOUT_CONTROLS,
    {name: (_short_or_full(rule), UNSET) for name, rule in models.controls().items()},
    Keys,
)
"""Of any family."""


def _video(role: str, what: str) -> Any:
    example = f"inputs/videos/city1/{models.video_stems()[role][0]}{VIDEO_SUFFIXES[0]}"
    text = f"{what}, a path relative to the project."
    return (Text, Field(description=text, examples=[example], **({} if role == COLOR else {"default": UNSET})))


VideoFiles = keys_of(
    "VideoFiles",
    "The videos of a prompt, one by one.",
    {
        COLOR: _video(COLOR, "The colour video that is transformed"),
        **{name: _video(name, f"{rule.video}, for the control {name}") for name, rule in models.controls().items()},
    },
    Keys,
)

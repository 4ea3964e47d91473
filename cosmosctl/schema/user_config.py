"""What the user's own config.yaml may say: settings of this machine, for every project."""

from typing import Annotated, Any

from pydantic import Field

from cosmosctl.schema.keys import UNSET, Keys, Text, Words
from cosmosctl.schema.settings import ProjectQuiet
from cosmosctl.schema.values import checked_keys, in_order
from cosmosctl.yaml.messages import Mistake
from cosmosctl.yaml.reader import parse_bytes

_Quiet: Any = ProjectQuiet


class UserFile(Keys):
    """The user's own settings on this machine. No project has a say in them."""

    on_end: Words = Field(
        default=UNSET,
        description="A command that is run when a batch has ended, with its summary as JSON on stdin.",
        examples=[["notify-send", "cosmosctl"]],
    )
    look_copies: bool = Field(
        default=True, description="Make small copies of results as they come home, for pages.", examples=[False]
    )
    folders: list[Annotated[str, Field(pattern="^/")]] = Field(
        default=UNSET,
        description="Folders outside of projects that links to videos may end in.",
        examples=[["/data/clips"]],
    )
    quiet: _Quiet = UNSET
    author: Text = Field(default=UNSET, description="The name that ratings are given in.", examples=["Ada"])


def user_config_of(data: bytes) -> tuple[UserFile | None, tuple[Mistake, ...]]:
    """What a config.yaml with these bytes says, or its mistakes; an empty file says nothing."""
    document = parse_bytes(data)
    if document.value is None and not document.mistakes:
        return UserFile(), ()
    keys, found = checked_keys(document, UserFile, "on_end: [notify-send, cosmosctl]")
    return (None, in_order(found)) if keys is None or found else (keys, ())

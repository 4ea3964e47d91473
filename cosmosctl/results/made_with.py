"""What the program that made a video says of itself: the file made_with.json among a run's outputs.

Written on a host, so its words are a stranger's: nothing here believes how many, how long or of which kind they are.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosmosctl.domain.ids import is_plain_name
from cosmosctl.io.checked import Unreadable, mapping, parse_json, read_bounded, text

FILE = "made_with.json"
MOST_BYTES, MOST_FACTS, MOST_CHARS = 1 << 16, 16, 200
"""Many times what the programs write that travel with batches."""


def made_with(outputs: Path) -> dict[str, str]:
    """Name -> words, sorted: versions, revisions and the GPU; nothing where there is no such file or it is none."""
    try:
        facts = mapping(parse_json(read_bounded(outputs / FILE, MOST_BYTES)))
    except (FileNotFoundError, Unreadable):
        return {}
    return dict(sorted(_told(facts).items())[:MOST_FACTS])


def _told(facts: Mapping[str, Any]) -> dict[str, str]:
    found = {name: text(value, MOST_CHARS) for name, value in facts.items() if is_plain_name(name)}
    return {name: words for name, words in found.items() if words and words.isprintable()}

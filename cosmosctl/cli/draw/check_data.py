"""What `check` found, for programs: one JSON object, or annotations of GitHub's."""

from collections.abc import Mapping

from cosmosctl.commands.start.check import CheckedProject
from cosmosctl.domain.mistake import Mistake
from cosmosctl.domain.plurals import counted
from cosmosctl.io.streams import json_text
from cosmosctl.io.visible import visible


def as_json(found: CheckedProject) -> str:
    """Every key is always there; docs/format.md lists them."""
    return json_text(
        {
            "runs": found.runs,
            "videos": found.videos,
            "sweeps": found.sweeps,
            "mistakes": [_facts(mistake) for mistake in found.mistakes],
            "warnings": [{"kind": one.kind, "text": one.text, "runs": list(one.runs)} for one in found.warnings],
            "notes": list(found.notes),
        }
    )


def as_annotations(found: CheckedProject) -> str:
    """A line for each mistake and warning, as GitHub's runners read them (workflow commands: `::error file=…::`)."""
    lines = [_annotation(mistake) for mistake in found.mistakes]
    told = [f"{one.text} ({counted(len(one.runs), 'run')})" for one in found.warnings]
    lines += [f"::warning ::{_data(text)}" for text in told]
    return "\n".join(lines) or found.words


def _facts(mistake: Mistake) -> Mapping[str, str | int]:
    return {"file": mistake.file, "line": mistake.line, "column": mistake.column, "message": mistake.message}


def _annotation(mistake: Mistake) -> str:
    place = {"file": mistake.file, "line": str(mistake.line or ""), "col": str(mistake.column or "")}
    parts = ",".join(f"{key}={_property(value)}" for key, value in place.items() if value)
    return f"::error {parts}::{_data(mistake.message)}"


def _data(text: str) -> str:
    """Escaped as @actions/core does the message of a command: a line break would start another command."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

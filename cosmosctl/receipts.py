"""result.yaml and failure.yaml: what an attempt left in a run's folder, as values and as text.

The tool's files: written whole, read back exactly. Anything unreadable counts as not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmosctl.domain.project import Setting

_HEAD = "# Written by cosmosctl; do not edit.\n"


@dataclass(frozen=True)
class Receipt:
    """The newest result of a run. `effective` is the fingerprint it was made from.

    `sources` says where each setting came from; `load_s` and `video_s` are seconds; `inputs` and `outputs` map roles
    and file names to sha256.
    """

    run: str
    batch: str
    batch_size: int
    status: str
    primary_output: str
    primary_bytes: int
    model: str
    preview: bool
    host: str
    ended: str
    attempts: int
    load_s: float
    video_s: float
    prompt_id: str
    prompt: str
    seed: Setting | None
    spec: str
    effective: Mapping[str, Setting]
    sources: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Failure:
    """An attempt without a video: `state` is failed or cancelled, `reason` a word of domain/reasons.py or empty."""

    run: str
    batch: str
    state: str
    reason: str
    detail: str
    spec: str
    ended: str


def receipt_text(receipt: Receipt) -> str:
    """result.yaml of a result."""
    return _text(receipt)


def failure_text(failure: Failure) -> str:
    """failure.yaml of an attempt."""
    return _text(failure)


def read_receipt(path: Path) -> Receipt | None:
    """The result that `path` tells of; None when there is none or it is not readable."""
    facts = _read(path)
    try:
        return Receipt(**{**facts, "warnings": tuple(facts.get("warnings", ()))}) if facts else None
    except TypeError:
        return None


def read_failure(path: Path) -> Failure | None:
    """The attempt that `path` tells of; None when there is none or it is not readable."""
    facts = _read(path)
    try:
        return Failure(**facts) if facts else None
    except TypeError:
        return None


def _text(value: Receipt | Failure) -> str:
    from cosmosctl.io.yaml_file import dump_tool

    facts = {key: list(item) if isinstance(item, tuple) else item for key, item in vars(value).items()}
    return _HEAD + dump_tool(facts)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    from cosmosctl.io.yaml_file import load_tool

    facts = load_tool(text)
    return facts if isinstance(facts, dict) else {}

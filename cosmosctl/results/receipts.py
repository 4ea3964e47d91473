"""result.yaml and failure.yaml: what an attempt left in a run's folder, as values and as text.

The tool's files: written whole, read back exactly. What cannot be read is told by `trouble`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cosmosctl.domain.ids import BatchNumber, Count, Id, OutputPath, PlainName, Seconds, Sha256
from cosmosctl.domain.project import Setting
from cosmosctl.domain.reasons import REASONS
from cosmosctl.domain.spec import OFFLOAD, spec_hash
from cosmosctl.io.checked import Unreadable, read_bounded, text_of
from cosmosctl.io.conflict import marks_line
from cosmosctl.io.own import RECEIPT_BYTES
from cosmosctl.yaml.facts import facts_in, facts_text, read_facts


@dataclass(frozen=True)
class Receipt:
    """The newest result of a run. `effective` is the fingerprint it was made from.

    `sources` says where each setting came from; `load_s` and `video_s` are seconds; `inputs` and `outputs` map roles
    and file names to sha256. What the host could not tell of image (its digest), commit (of the model's repository),
    gpu and driver is "". `number` is the batch's, `parents` are the batches that this result comes after, by
    domain/order.py.
    """

    run: Id
    batch: Id
    batch_size: Count
    status: str
    primary_output: OutputPath
    primary_bytes: Count
    model: str
    preview: bool
    host: Id
    ended: str
    attempts: Count
    load_s: Seconds
    video_s: Seconds
    prompt_id: Id
    prompt: str
    seed: Setting | None
    spec: str
    effective: Mapping[str, Setting]
    sources: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[PlainName, Sha256]
    warnings: tuple[str, ...] = ()
    number: BatchNumber = 0
    parents: tuple[Id, ...] = ()
    image: str = ""
    commit: str = ""
    gpu: str = ""
    driver: str = ""


@dataclass(frozen=True)
class Failure:
    """An attempt without a video: `state` is failed or cancelled, `reason` a word of domain/reasons.py or empty.

    `preview`: it was a CPU preview that failed, which says nothing about the model.
    """

    run: Id
    batch: Id
    state: str
    reason: str
    detail: str
    spec: str
    ended: str
    preview: bool = False
    number: BatchNumber = 0
    parents: tuple[Id, ...] = ()


def receipt_text(receipt: Receipt) -> str:
    """result.yaml of a result."""
    return facts_text(receipt)


def failure_text(failure: Failure) -> str:
    """failure.yaml of an attempt."""
    return facts_text(failure)


def read_receipt(path: Path) -> Receipt | None:
    """The result that `path` tells of; None when there is none or it is not readable."""
    return _as_today(read_facts(Receipt, path, most_bytes=RECEIPT_BYTES))


def _as_today(receipt: Receipt | None) -> Receipt | None:
    """`spec` of one whose `effective` still holds what is no fact any more is what it would be today."""
    if receipt is None or OFFLOAD not in receipt.effective:
        return receipt
    return replace(receipt, spec=spec_hash(receipt.effective))


def read_failure(path: Path) -> Failure | None:
    """The attempt that `path` tells of; None when there is none or it is not readable."""
    return _with_known_reason(read_facts(Failure, path, most_bytes=RECEIPT_BYTES))


def _with_known_reason(failure: Failure | None) -> Failure | None:
    """The list of reasons is closed: another word becomes part of the detail."""
    if failure is None or not failure.reason or failure.reason in REASONS:
        return failure
    return replace(failure, reason="model-error", detail=f"{failure.reason}: {failure.detail}")


def receipt_of(text: str) -> Receipt | None:
    """The result that this text of a result.yaml tells of; None when it is none."""
    return _as_today(facts_in(Receipt, text))


def failure_of(text: str) -> Failure | None:
    """The attempt that this text of a failure.yaml tells of; None when it is none."""
    return _with_known_reason(facts_in(Failure, text))


def trouble(path: Path) -> str:
    """Why a receipt that is there cannot be read; "" when it can, or there is none."""
    try:
        text = text_of(read_bounded(path, RECEIPT_BYTES))
    except FileNotFoundError:
        return ""
    except Unreadable as e:
        return f"cannot be read: {e}"
    if receipt_of(text) is not None or failure_of(text) is not None:
        return ""
    line = marks_line(text)
    return f"has the marks of a merge conflict in line {line}" if line else "is damaged: it is no receipt of cosmosctl"

"""result.yaml and failure.yaml: what an attempt left in a run's folder, as values and as text.

The tool's files: written whole, read back exactly. What cannot be read is told by `trouble`. Of a result in the run's
own folder there are two: the receipt, which is of the video beside it, and the report, its copy that git versions.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from cosmosctl.domain.ids import BatchNumber, Count, FormatNumber, Id, OutputPath, PlainName, Seconds, Sha256
from cosmosctl.domain.layout import ResultPaths
from cosmosctl.domain.project import FORMAT, Setting
from cosmosctl.domain.reasons import REASONS
from cosmosctl.domain.spec import spec_hash
from cosmosctl.git.conflict import marks_line
from cosmosctl.io.checked import Unreadable, read_bounded, text_of
from cosmosctl.io.own import RECEIPT_BYTES, write_text
from cosmosctl.yaml.facts import facts_in, facts_text, read_facts

NEWER = "was written by a newer cosmosctl: install that one"
_FORMAT = re.compile(r"^format: ([0-9]{1,9})$", re.MULTILINE)
_HERE = "# So on this machine alone:\n"
_LOCAL = re.compile(r'video_mtime_ns: ([0-9]{1,20})\nbranch: ("(?:[^"\\]|\\.)*")\n')


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A result of a run. `effective` is the fingerprint it was made from.

    `sources` says where each setting came from; `load_s` and `video_s` are seconds; `inputs` and `outputs` map roles
    and file names to sha256. What the host could not tell of image (its digest), commit (of the model's repository),
    gpu and driver is "". `made_with` is what the program itself told, see results/made_with.py: nothing that the result
    depends on by its files, so it is in no hash. `number` is the batch's, `parents` are the batches that this result
    comes after, by domain/order.py.
    """

    format: FormatNumber = 0
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
    made_with: Mapping[PlainName, str] = field(default_factory=dict)

    @property
    def video_sha256(self) -> str:
        """Of the primary output."""
        return self.outputs.get(self.primary_output.rpartition("/")[2], "")


@dataclass(frozen=True, kw_only=True)
class LocalReceipt(Receipt):
    """A receipt that lies beside its video, which git does not see.

    `video_mtime_ns`: of the video when it was last looked at whole; 0 before. `branch`: the one whose report it is, by
    git/state.py.
    """

    video_mtime_ns: int = 0
    branch: str = ""


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
    format: FormatNumber = 0


def receipt_text(receipt: Receipt) -> str:
    """result.yaml of a result: the same on every machine. `made_with` stands there where a program told anything."""
    report = Receipt(**{one.name: getattr(receipt, one.name) for one in fields(Receipt)})
    return facts_text(report, without=() if receipt.made_with else ("made_with",))


def local_text(report: str, video: Path, branch: str) -> str:
    """The receipt of the video whose report that text is."""
    return f"{report}{_HERE}video_mtime_ns: {video.stat().st_mtime_ns}\nbranch: {json.dumps(branch)}\n"


def write_receipt(place: ResultPaths, receipt: Receipt, branch: str) -> None:
    """Have the receipt of the result that lies in `place`. Its report, if git versions one, is not touched."""
    write_text(place.receipt, local_text(receipt_text(receipt), place.root / receipt.primary_output, branch))


def failure_text(failure: Failure) -> str:
    """failure.yaml of an attempt."""
    return facts_text(failure)


def read_receipt(path: Path) -> LocalReceipt | None:
    """The result that `path` tells of, a report too; None when there is none or it is not readable."""
    try:
        return receipt_of(text_of(read_bounded(path, RECEIPT_BYTES)))
    except (FileNotFoundError, Unreadable):
        return None


def _as_today(receipt: LocalReceipt | None) -> LocalReceipt | None:
    """One of a later format is none that can be read; one of an earlier version is what it would be today."""
    if receipt is None or receipt.format > FORMAT:
        return None
    return replace(receipt, format=FORMAT, spec=spec_hash(receipt.effective)) if receipt.format == 0 else receipt


def read_failure(path: Path) -> Failure | None:
    """The attempt that `path` tells of; None when there is none or it is not readable."""
    return _with_known_reason(read_facts(Failure, path, most_bytes=RECEIPT_BYTES))


def _with_known_reason(failure: Failure | None) -> Failure | None:
    """The list of reasons is closed: another word becomes part of the detail."""
    if failure is None or failure.format > FORMAT:
        return None
    if not failure.reason or failure.reason in REASONS:
        return failure
    return replace(failure, reason="model-error", detail=f"{failure.reason}: {failure.detail}")


def receipt_of(text: str) -> LocalReceipt | None:
    """The result that this text of a result.yaml tells of; None when it is none."""
    report, _, here = text.partition(_HERE)
    receipt, found = facts_in(LocalReceipt, report), _LOCAL.fullmatch(here)
    if receipt is not None and found is not None:  # not parsed as YAML: ten thousand are read at once
        receipt = replace(receipt, video_mtime_ns=int(found[1]), branch=_branch(found[2]))
    return _as_today(receipt)


def _branch(word: str) -> str:
    try:
        return str(json.loads(word))
    except ValueError:
        return ""


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
    if is_newer(text):
        return NEWER
    line = marks_line(text)
    return f"has the marks of a merge conflict in line {line}" if line else "is damaged: it is no receipt of cosmosctl"


def is_newer(text: str) -> bool:
    """Whether a text says that it is of a format which this version does not know."""
    found = _FORMAT.search(text)
    return found is not None and int(found[1]) > FORMAT

"""What changed in a run since its newest result: values, the words of its prompt, its videos."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.ids import command, resolve_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.order import newest
from cosmosctl.domain.project import Setting
from cosmosctl.domain.spec import changed_keys
from cosmosctl.errors import FilesError, UsageError
from cosmosctl.opening.project import opened
from cosmosctl.results.receipts import Receipt
from cosmosctl.state.attempts import own_receipt
from cosmosctl.state.current import Current
from cosmosctl.store import load_all

DIGITS = 12
"""Of a video's sha256, for people."""


@dataclass(frozen=True)
class Change:
    """One value then and now, as people read it; `key` is that of the run's file, `prompt` or `video`."""

    key: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """A run's newest result and what is not as it was then; `words` is the prompt with [-old-] and {+new+} words."""

    run: str
    batch: str
    ended: str
    changes: tuple[Change, ...]
    words: str = ""


def difference(folder: Path, word: str) -> Difference:
    """What changed since the newest result of the run that `word` names. Raises: UsageError when it has none."""
    project = opened(folder)
    snapshot = load_all(project.root)
    run = resolve_id(word, snapshot.run_ids, what="run")
    receipt = newest_receipt(project, run)
    if run not in snapshot.runs:
        raise FilesError([problem.words for problem in snapshot.problems_of([run])], hint="cosmosctl check")
    now = Current(project, snapshot).facts(run)
    text = snapshot.prompts[snapshot.runs[run].prompt].text
    changes = tuple(_change(key, receipt.effective, now) for key in changed_keys(receipt.effective, now))
    words = word_diff(receipt.prompt, text) if receipt.prompt != text else ""
    return Difference(run, receipt.batch, receipt.ended, tuple(c for c in changes if c.key != "prompt"), words)


def newest_receipt(project: ProjectPaths, run: str) -> Receipt:
    """The receipt of a run's newest result, a preview's too. Raises: UsageError when there is none."""
    places = (project.run(run).result, project.run(run).preview)
    found = [receipt for place in places if (receipt := own_receipt(project, run, place)) is not None]
    if not found:
        raise UsageError(f"run {run} has no result to compare with", hint=command("batch", run))
    return newest(found) or found[0]


def word_diff(before: str, after: str) -> str:
    """`after` with what was taken out of `before` as [-these words-] and what was put in as {+these+}."""
    old, new = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (before, after))
    parts = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append("".join(old[i:j]))
            continue
        taken, put = "".join(old[i:j]), "".join(new[k:m])
        parts += [f"[-{taken}-]" if taken else "", f"{{+{put}+}}" if put else ""]
    return "".join(parts)


def _change(key: str, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> Change:
    return Change(key, _shown(key, before.get(key)), _shown(key, after.get(key)))


def _shown(key: str, value: Setting | None) -> str:
    if value is None:
        return "not set"
    if key == "video" or key.endswith(".file"):
        return f"content {str(value)[:DIGITS]}"
    return str(value)

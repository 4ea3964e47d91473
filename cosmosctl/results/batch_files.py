"""The tool's files of a batch that cannot be read: told in words with what mends them, written anew from the others.

batch.yaml is in git: a merge may leave its marks there, a checkout or a clean take it away, another branch or clone
bring its own. batch.local.yaml beside it holds the same text. What plan.json says is nowhere else.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import BatchPaths
from cosmosctl.git import state as git_state
from cosmosctl.git.conflict import marks_line, sides
from cosmosctl.io.checked import Unreadable, read_bounded, text_of
from cosmosctl.io.own import write_text
from cosmosctl.plan import bundle, bundle_reader
from cosmosctl.results.batch_end import is_ended, read_end

_KEY = re.compile(r"^key: ['\"]?([0-9a-f]{8})['\"]?$", re.MULTILINE)
_SHARED_NOT = ("model", "prompt", "video")
"""Facts that are no settings of a group, whatever its rows have in common."""


def troubles(paths: BatchPaths) -> tuple[str, ...]:
    """What is wrong with the files of a batch, and the command that mends each."""
    is_end_damaged = paths.end.exists() and read_end(paths.end) is None
    return told(paths, head_trouble(paths), is_end_damaged=is_end_damaged)


def told(paths: BatchPaths, head: str, *, is_end_damaged: bool) -> tuple[str, ...]:
    """The same where it is known what `head_trouble` says, and whether end.yaml cannot be read."""
    plan = bundle_reader.cut_off(paths) if paths.plan.exists() else ""
    has_plan, found, name = paths.plan.exists() and not plan, [], f"batches/{paths.name}"
    anew = f"{command('attach', paths.name)} writes it anew"
    if head:
        git = (
            f"git checkout --theirs {name}/batch.yaml, or --ours"
            if "merge" in head
            else f"git checkout {name}/batch.yaml"
        )
        found.append(f"{name}/batch.yaml: {head}; {anew if has_plan else git}")
    if plan:
        nothing = "its results are home, nothing needs it any more"
        found.append(f"{plan}; {nothing if is_ended(paths) else bundle_reader.way_out(paths)}")
    if is_end_damaged:
        found.append(f"{name}/end.yaml: cannot be read; {anew}")
    return tuple(found)


def mend(root: Path, paths: BatchPaths, batch: Batch) -> None:
    """Have batch.local.yaml and batch.yaml as they were written; one that git may bring back by itself is left to it.

    A batch of an earlier version has no batch.local.yaml: the side of a merge that is this batch's, else plan.json.
    """
    mark(root, paths, batch)
    if not paths.report.exists():
        if not git_state.may_bring_back(root, bundle_reader.read_branch(paths), paths.whole):
            write_text(paths.report, bundle_reader.report_in(_text(paths.whole)))
    elif _trouble_with(paths.report, paths.name, batch.key):
        write_text(paths.report, bundle_reader.report_in(_text(paths.whole)))


def mark(root: Path, paths: BatchPaths, batch: Batch) -> None:
    """Have batch.local.yaml as it was written."""
    if _trouble_with(paths.whole, paths.name, batch.key):
        own = [side for side in sides(_text(paths.report)) if not _trouble_of(side, paths.name, batch.key)]
        branch = git_state.branch(root) if paths.report.exists() else ""
        write_text(paths.whole, bundle.local_text(own[0] if own else _made_again(paths), branch))


def _text(file: Path) -> str:
    try:
        return read_bounded(file, bundle_reader.HEAD_BYTES).decode(errors="replace").replace("\r\n", "\n")
    except (OSError, Unreadable):
        return ""


def head_trouble(paths: BatchPaths) -> str:
    """Why batch.yaml cannot be read; asked of every batch by `status`, so that YAML is not parsed.

    Where what git ignores is here, git may have taken it away.
    """
    if not paths.report.exists() and bundle_reader.is_whole(paths):
        return ""
    found = _KEY.search(_text(paths.whole))
    return _trouble_with(paths.report, paths.name, found[1] if found else "")


def _trouble_with(file: Path, name: str, key: str) -> str:
    try:
        return _trouble_of(text_of(read_bounded(file, bundle_reader.HEAD_BYTES)), name, key)
    except (OSError, Unreadable) as e:
        return f"cannot be read: {e}"


def _trouble_of(text: str, name: str, key: str) -> str:
    """`key` is "" where nothing here says which one it has to be."""
    text = text.replace("\r\n", "\n")  # git may write it so: core.autocrlf
    line = marks_line(text)
    if line:
        return f"has the marks of a merge conflict in line {line}"
    has_name = re.search(rf"^batch: ['\"]?{re.escape(name)}['\"]?$", text, re.MULTILINE)
    if not (has_name and "\ngroups:" in text and text.endswith("\n")):
        return "is damaged: it is not as cosmosctl wrote it"
    found = _KEY.search(text)
    return "is that of another batch of this name" if key and (found is None or found[1] != key) else ""


def _made_again(paths: BatchPaths) -> str:
    """batch.yaml by plan.json, which can be read."""
    plan = json.loads(bundle_reader.plan_bytes(paths))
    head = {key: plan[key] for key in bundle.HEAD if key in plan}
    return bundle.head_text(head, [_group(group) for group in plan["groups"]])


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    """A group as batch.yaml tells of it. Its settings are what all its rows have in common."""
    rows = group["rows"]
    common = {
        key: value
        for key, value in rows[0]["facts"].items()
        if key not in _SHARED_NOT and "." not in key and all(row["facts"].get(key) == value for row in rows)
    }
    return {"name": group["name"], "settings": common, "runs": {row["run"]: _row(row) for row in rows}}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    weights = {
        key.split(".")[1]: value for key, value in row["facts"].items() if re.fullmatch(r"controls\.\w+\.weight", key)
    }
    parents = {"parents": row["parents"]} if "parents" in row else {}
    return {"prompt": row["prompt_id"], "spec": row["spec"], "weights": weights, **parents}

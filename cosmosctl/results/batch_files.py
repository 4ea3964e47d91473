"""The tool's files of a batch that cannot be read: told in words with what mends them, written anew from the others.

batch.yaml is in git, so a merge may leave its marks there; plan.json beside it says the same and more. What plan.json
says is nowhere else.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from cosmosctl.domain.batch import Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import BatchPaths
from cosmosctl.io.checked import Unreadable, read_bounded, text_of
from cosmosctl.io.conflict import marks_line, sides
from cosmosctl.io.own import write_text
from cosmosctl.plan import bundle
from cosmosctl.results.batch_end import is_ended, read_end

_SHARED_NOT = ("model", "prompt", "video")
"""Facts that are no settings of a group, whatever its rows have in common."""


def troubles(paths: BatchPaths) -> tuple[str, ...]:
    """What is wrong with the files of a batch, and the command that mends each."""
    plan = bundle.cut_off(paths) if paths.plan.exists() else ""
    has_plan, found, name = paths.plan.exists() and not plan, [], f"batches/{paths.name}"
    anew = f"{command('attach', paths.name)} writes it anew"
    if head := _head_trouble(paths):
        git = (
            f"git checkout --theirs {name}/batch.yaml, or --ours"
            if "merge" in head
            else f"git checkout {name}/batch.yaml"
        )
        found.append(f"{name}/batch.yaml: {head}; {anew if has_plan else git}")
    if plan:
        nothing = "its results are home, nothing needs it any more"
        found.append(f"{plan}; {nothing if is_ended(paths) else bundle.way_out(paths)}")
    if paths.end.exists() and read_end(paths.end) is None:
        found.append(f"{name}/end.yaml: cannot be read; {anew}")
    return tuple(found)


def mend(paths: BatchPaths, batch: Batch) -> None:
    """Write batch.yaml anew where it cannot be read: the side of a merge that is this batch's, else by plan.json."""
    if not _head_trouble(paths):
        return
    text = _as_written(read_bounded(paths.whole, bundle.PLAN_BYTES).decode(errors="replace"))
    key = re.compile(rf"^key: ['\"]?{re.escape(batch.key)}['\"]?$", re.MULTILINE)  # one like 76e58096 is quoted
    own = [side for side in sides(text) if not _trouble_of(side, paths.name) and key.search(side)]
    write_text(paths.whole, own[0] if own else _made_again(paths))


def _head_trouble(paths: BatchPaths) -> str:
    """Why batch.yaml cannot be read; asked of every batch by `status`, so that YAML is not parsed."""
    try:
        text = text_of(read_bounded(paths.whole, bundle.PLAN_BYTES))
        return _trouble_of(_as_written(text), paths.name)
    except (OSError, Unreadable) as e:
        return f"cannot be read: {e}"


def _as_written(text: str) -> str:
    """The text with our own line ends: git writes others where core.autocrlf says so."""
    return text.replace("\r\n", "\n")


def _trouble_of(text: str, name: str) -> str:
    line = marks_line(text)
    if line:
        return f"has the marks of a merge conflict in line {line}"
    has_name = re.search(rf"^batch: ['\"]?{re.escape(name)}['\"]?$", text, re.MULTILINE)
    is_whole = has_name and "\ngroups:" in text and text.endswith("\n")
    return "" if is_whole else "is damaged: it is not as cosmosctl wrote it"


def _made_again(paths: BatchPaths) -> str:
    """batch.yaml by plan.json, which can be read."""
    plan = json.loads(read_bounded(paths.plan, bundle.PLAN_BYTES))
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

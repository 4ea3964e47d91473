"""The folders of prompts and runs: what each file says by the index, or read anew where the index no longer fits."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import some
from cosmosctl.domain.project import Run
from cosmosctl.io import links
from cosmosctl.io.os_error import os_words
from cosmosctl.io.visible import one_line
from cosmosctl.store.index import Entry, Index
from cosmosctl.store.problem import Problem
from cosmosctl.store.reading import payload as payloads
from cosmosctl.store.reading.left import left_of, links_in, strange_in_history
from cosmosctl.store.reading.stamps import file_key, scene_key, split_link

if TYPE_CHECKING:
    from cosmosctl.store.reading.parsing import Scenes

_NAME_RULE = "is no id: letters, digits, '.', '_' and '-', at most 64, a letter or digit first"

_DERIVED = (
    "index",
    "hashes.json",
    "videos.json",
    "controls.json",
    "controls",
    "looks.json",
    "looks",
    "shown.json",
    "shown-with-logs.json",
    "staging",
    "locks",
    "lock",
    "schema",
    "trash",
)
_MEANT = ("run", "run.yaml", "run.yml", "run.yaml.txt", "runs.yaml", "run.json")
"""In small letters, what people call a run's file who mean run.yaml."""


_LINK = "is a symbolic link; what cosmosctl writes and moves there would be outside of the run"
_LINK_HINT = "remove the link; what it leads to stays"


@dataclass
class Found:
    """What a folder of prompts or runs holds: all ids, what their files say or what is wrong with them, their links.

    `leftovers`: folders below runs/ that are no runs (any more). `linked`: runs whose results would go through a link.
    `left`: what attempts left in the folder of a run, as `left_in` tells it. `runs`: those that were read anew.
    """

    ids: list[str] = field(default_factory=list)
    payloads: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    linked: set[str] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)


def known_entry(index: Index, name: str, path: str, *, outside: bool) -> Entry | None:
    """What the index still rightly knows of a file."""
    try:
        return index.known(name, file_key(os.lstat(path), outside=outside))
    except OSError:
        return None


def noted(index: Index, name: str, entry: Entry, *, keep: bool) -> Entry:
    if keep:
        index.put(name, entry)
    else:
        index.forget(name)
    return entry


def scan_prompts(root: Path, index: Index, *, outside: bool) -> Found:
    found = Found()
    scenes: dict[str, str] = {}
    seen: Scenes = {}
    for name, is_link in _listed(root, "prompts", found):
        prompt, _, ending = name.rpartition(".")
        if ending in ("yml", "YAML", "YML"):
            found.problems.append(_problem(f"prompts/{name}", "a prompt file ends in .yaml", f"prompts/{prompt}"))
        if ending != "yaml":
            continue
        file = f"prompts/{name}"
        if not is_id(prompt) or is_link:
            words = "is a symbolic link; the project's own files have to be files" if is_link else _NAME_RULE
            found.ids += [prompt] if is_id(prompt) else []
            found.problems.append(_problem(file, f"'{one_line(prompt)}' {words}", f"prompts/{prompt}"))
            continue
        entry = _known_prompt(root, index, file, scenes, outside=outside)
        if entry is None:
            from cosmosctl.store.reading import parsing

            reading = parsing.read_prompt(root, prompt, outside=outside, scenes=seen)
            entry = noted(index, file, reading.entry, keep=reading.may_be_kept)
        _add(found, prompt, file, f"prompts/{prompt}", entry.link, entry.payload)
    return found


def scan_sweeps(root: Path, index: Index) -> Found:
    found = Found()
    for name, is_link in _listed(root, "sweeps", found):
        sweep, _, ending = name.rpartition(".")
        file = f"sweeps/{name}"
        if ending in ("yml", "YAML", "YML"):
            found.problems.append(_problem(file, "a sweep's file ends in .yaml", f"sweeps/{sweep}"))
        if ending != "yaml":
            continue
        if not is_id(sweep) or is_link:
            words = "is a symbolic link; the project's own files have to be files" if is_link else _NAME_RULE
            found.problems.append(_problem(file, f"'{one_line(sweep)}' {words}", f"sweeps/{sweep}"))
            continue
        entry = known_entry(index, file, f"{root}/{file}", outside=False)
        if entry is None:
            from cosmosctl.store.reading import parsing

            reading = parsing.read_sweep(root, sweep)
            entry = noted(index, file, reading.entry, keep=reading.may_be_kept)
        _add(found, sweep, file, f"sweeps/{sweep}", entry.link, entry.payload)
    return found


def _known_prompt(root: Path, index: Index, file: str, scenes: dict[str, str], *, outside: bool) -> Entry | None:
    """What the index still rightly knows of a prompt, its scene folder included."""
    entry = index.get(file)
    if entry is None:
        return None
    if entry.link not in scenes:
        scenes[entry.link] = scene_key(root, split_link(entry.link))
    try:
        key = file_key(os.lstat(f"{root}/{file}"), outside=outside) + scenes[entry.link]
    except OSError:
        return None
    return entry if entry.key == key else None


def scan_runs(root: Path, index: Index, *, outside: bool) -> Found:
    found = Found()
    base, lstat = f"{root}/runs", os.lstat
    for run, is_link in _listed(root, "runs", found):
        file = f"runs/{run}/run.yaml"
        try:
            key = "" if is_link else file_key(lstat(f"{base}/{run}/run.yaml"), outside=outside)
        except OSError as error:
            _no_run(found, root, run, error)
            continue
        line = index.run(run)
        link, payload = line.link, line.payload
        if line.key != key or not key:
            problem = _folder_problem(run, is_link)
            if problem:
                found.ids += [run] if is_id(run) else []
                found.problems.append(problem)
                continue
            _, link, payload = _read_run(root, index, run, found, outside=outside)
        _add(found, run, file, f"runs/{run}", link, payload)
        left = found.left[run] = left_of(index, line, f"{base}/{run}")
        linked = links_in(index, line, f"{base}/{run}", left) if left else ()
        if linked:
            found.linked.add(run)
            found.problems += [_problem(f"runs/{run}/{name}", _LINK, f"runs/{run}", hint=_LINK_HINT) for name in linked]
        if "history" in left:
            found.problems += _of_history(root, run, *strange_in_history(index, line, f"{base}/{run}"))
    return found


def _of_history(root: Path, run: str, linked: list[str], others: list[str]) -> Iterator[Problem]:
    """What nobody looks at in history/, a line for each kind; it keeps no run from anything."""
    place = f"runs/{run}/history"
    strange = [name for name in linked if links.is_strange_link(root / place / name)]
    if strange:
        more = f"; and {len(strange) - 1} more here" if len(strange) > 1 else ""
        hint = links.link_hint(root / place / strange[0])
        yield _problem(f"{place}/{strange[0]}", f"{links.LINK_WORDS}{more}", place, hint=hint)
    if others:
        names = some([ascii(name) for name in others], "name")
        yield _problem(f"{place}/", f"{names}; no batch has such a name, so it is passed over", place)


def _read_run(root: Path, index: Index, run: str, found: Found, *, outside: bool) -> Entry:
    from cosmosctl.store.reading import parsing

    reading = parsing.read_run(root, run, outside=outside)
    if reading.run is not None:
        found.runs[run] = reading.run
    index.put_run(run, reading.entry, keep=reading.may_be_kept)
    return reading.entry


def _folder_problem(run: str, is_link: bool) -> Problem | None:
    folder = f"runs/{run}"
    if is_link:
        return _problem(folder, "is a symbolic link; the project's own folders have to be folders", folder)
    return None if is_id(run) else _problem(folder, f"'{one_line(run)}' {_NAME_RULE}", folder)


def _no_run(found: Found, root: Path, run: str, error: OSError) -> None:
    """What has no run.yaml: left over from a run of another branch, unless somebody wrote it under another name."""
    folder = f"runs/{run}"
    if isinstance(error, NotADirectoryError) or not os.path.isdir(f"{root}/{folder}"):  # noqa: PTH112  # of thousands
        if run.endswith((".yaml", ".yml")):
            words = f"a run is a folder: runs/{one_line(Path(run).stem)}/run.yaml"
            found.problems.append(_problem(folder, words, folder))
        return
    if not isinstance(error, FileNotFoundError):
        words, hint = (
            f"cannot be read: {os_words(error)}",
            f"chmod u+rwx {shlex.quote(one_line(folder))}, or remove the folder",
        )
    elif misnamed := _misnamed(f"{root}/{folder}"):
        way = shlex.join(("mv", f"{folder}/{misnamed}", f"{folder}/run.yaml"))
        words, hint = f"has no run.yaml, but {misnamed}", way if is_id(run) else ""
    else:
        found.leftovers.append(run)
        return
    found.ids += [run] if is_id(run) else []
    found.problems.append(_problem(folder, words, folder, hint=hint))


def _misnamed(folder: str) -> str:
    """The file in a folder without run.yaml that was meant to be it; a copy or an editor's backup is not."""
    try:
        names = os.listdir(folder)  # noqa: PTH208  # of thousands of folders
    except OSError:
        return ""
    meant = sorted(name for name in names if name.lower() in _MEANT)
    return next((name for name in meant if Path(folder, name).is_file()), "")


def strange_links(root: Path) -> Iterator[Problem]:
    """The links in place of the tool's own folders and caches that nobody allowed on this machine."""
    project = ProjectPaths(root)
    for path in (project.derived, project.batches, *(project.derived / name for name in _DERIVED)):
        if links.is_strange_link(path):
            name = path.relative_to(root).as_posix()
            yield _problem(name, links.LINK_WORDS, name, hint=links.link_hint(path))
            if path == project.derived:
                return


def _listed(root: Path, folder: str, found: Found) -> list[tuple[str, bool]]:
    """The names in `folder`, sorted, hidden ones left out, and whether each is a symbolic link."""
    try:
        if (root / folder).is_symlink():
            found.problems.append(_problem(folder, "is a symbolic link; it has to be a folder", ""))
            return []
        with os.scandir(f"{root}/{folder}") as entries:
            return sorted([(entry.name, entry.is_symlink()) for entry in entries if entry.name[0] != "."])
    except FileNotFoundError:
        return []
    except OSError as error:
        found.problems.append(_problem(folder, f"cannot be read: {os_words(error)}", ""))
        return []


def _add(found: Found, key: str, file: str, subject: str, link: str, payload: str) -> None:
    found.ids.append(key)
    found.links[key] = link
    if payloads.is_mistakes(payload):
        found.problems += payloads.problems_of(payload, subject, file)
        found.broken[key] = payload
    else:
        found.payloads[key] = payload


def _problem(file: str, message: str, subject: str, *, hint: str = "") -> Problem:
    return Problem(subject, file, 0, 0, message, hint)

"""The folders of prompts and runs: what each file says by the index, or read anew where the index no longer fits."""

import os
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cosmosctl.domain.ids import is_id
from cosmosctl.domain.layout import LOCAL_RESULT, RESULT, ProjectPaths
from cosmosctl.io import links
from cosmosctl.io.os_error import os_words
from cosmosctl.io.visible import one_line
from cosmosctl.store import payload as payloads
from cosmosctl.store.index import Entry, Index, Notes
from cosmosctl.store.problem import Problem
from cosmosctl.store.stamps import file_key, scene_key, split_link

_NAME_RULE = "is no id: letters, digits, '.', '_' and '-', at most 64, a letter or digit first"

_DERIVED = (
    "index",
    "hashes.json",
    "videos.json",
    "controls.json",
    "controls",
    "staging",
    "locks",
    "lock",
    "schema",
    "trash",
)
_MEANT = ("run", "run.yaml", "run.yml", "run.yaml.txt", "runs.yaml", "run.json")
"""In small letters, what people call a run's file who mean run.yaml."""

LINK_MARK = "@"
"""Marks the name of a symbolic link among what lies in a run's folder."""

_LEFT = (RESULT, LOCAL_RESULT, "preview", "logs", "history", "outputs")
"""What attempts leave in a run's folder."""

MANIFEST = "manifest.txt"

_TOOLS = ("outputs", "logs", "preview")
"""Of these none may be a link; history/ may be one: people keep it on another disk."""

_LINK = "is a symbolic link; what cosmosctl writes and moves there would be outside of the run"
_LINK_HINT = "remove the link; what it leads to stays"


@dataclass
class Found:
    """What a folder of prompts or runs holds: all ids, what their files say or what is wrong with them, their links.

    `leftovers`: folders below runs/ that are no runs (any more). `linked`: runs whose results would go through a link.
    `left`: what attempts left in the folder of a run, as `left_in` tells it.
    """

    ids: list[str] = field(default_factory=list)
    payloads: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    linked: set[str] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)


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
    for name, is_link in _listed(root, "prompts", found):
        prompt, ending = Path(name).stem, Path(name).suffix
        if ending in (".yml", ".YAML", ".YML"):
            found.problems.append(_problem(f"prompts/{name}", "a prompt file ends in .yaml", f"prompts/{prompt}"))
        if ending != ".yaml":
            continue
        file = f"prompts/{name}"
        if not is_id(prompt) or is_link:
            words = "is a symbolic link; the project's own files have to be files" if is_link else _NAME_RULE
            found.ids += [prompt] if is_id(prompt) else []
            found.problems.append(_problem(file, f"'{one_line(prompt)}' {words}", f"prompts/{prompt}"))
            continue
        entry = _known_prompt(root, index, file, scenes, outside=outside)
        if entry is None:
            from cosmosctl.store import parsing

            reading = parsing.read_prompt(root, prompt, outside=outside)
            entry = noted(index, file, reading.entry, keep=reading.may_be_kept)
        _add(found, prompt, file, f"prompts/{prompt}", entry)
    return found


def scan_sweeps(root: Path, index: Index) -> Found:
    found = Found()
    for name, is_link in _listed(root, "sweeps", found):
        sweep, ending = Path(name).stem, Path(name).suffix
        file = f"sweeps/{name}"
        if ending in (".yml", ".YAML", ".YML"):
            found.problems.append(_problem(file, "a sweep's file ends in .yaml", f"sweeps/{sweep}"))
        if ending != ".yaml":
            continue
        if not is_id(sweep) or is_link:
            words = "is a symbolic link; the project's own files have to be files" if is_link else _NAME_RULE
            found.problems.append(_problem(file, f"'{one_line(sweep)}' {words}", f"sweeps/{sweep}"))
            continue
        entry = known_entry(index, file, f"{root}/{file}", outside=False)
        if entry is None:
            from cosmosctl.store import parsing

            reading = parsing.read_sweep(root, sweep)
            entry = noted(index, file, reading.entry, keep=reading.may_be_kept)
        _add(found, sweep, file, f"sweeps/{sweep}", entry)
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
        entry = index.known(file, key)
        if entry is None:
            problem = _folder_problem(run, is_link)
            if problem:
                found.ids += [run] if is_id(run) else []
                found.problems.append(problem)
                continue
            entry = _read_run(root, index, run, outside=outside)
        _add(found, run, file, f"runs/{run}", entry)
        notes = index.notes(run)
        left = found.left[run] = left_of(index, notes, base, run)
        links = _links(index, notes, base, run, left) if left else ()
        if links:
            found.linked.add(run)
            found.problems += [_problem(f"runs/{run}/{name}", _LINK, f"runs/{run}", hint=_LINK_HINT) for name in links]
    return found


def left_of(index: Index, notes: Notes, base: str, run: str) -> str:
    """The names of those things in a run's folder that an attempt leaves there, links with a mark."""
    return index.fact(notes, "left", f"{base}/{run}", _left_in) or ""


def _left_in(folder: str) -> str:
    return _named_in(folder, _LEFT)


def _previewed_in(folder: str) -> str:
    return _named_in(folder, (*_LEFT, MANIFEST))


def previewed(index: Index, notes: Notes, base: str, run: str) -> str:
    """What `left_of` tells of the preview's folder, and whether its manifest is there."""
    return index.fact(notes, "previewed", f"{base}/{run}/preview", _previewed_in) or ""


def _named_in(folder: str, wanted: Collection[str]) -> str:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  # asked for ten thousand folders at a time
    except OSError:
        return ""
    return " ".join(_marked(folder, name) for name in names if name in wanted)


def _marked(folder: str, name: str) -> str:
    return name + LINK_MARK if os.path.islink(f"{folder}/{name}") else name  # noqa: PTH114  # Path's raises: no leave


def _links(index: Index, notes: Notes, base: str, run: str, left: str) -> list[str]:
    """The links where the tool keeps results: what is moved or written there would be so wherever they lead."""
    if LINK_MARK in left and (links := _links_among(left.split())):
        return [name if name != "preview" else "preview/" for name in links]
    if "preview" not in left:
        return []
    inside = previewed(index, notes, base, run)
    return [f"preview/{name}" for name in _links_among(inside.split())] if LINK_MARK in inside else []


def _links_among(names: list[str]) -> list[str]:
    return [name for name in _TOOLS if name + LINK_MARK in names]


def _read_run(root: Path, index: Index, run: str, *, outside: bool) -> Entry:
    from cosmosctl.store import parsing

    reading = parsing.read_run(root, run, outside=outside)
    return noted(index, f"runs/{run}/run.yaml", reading.entry, keep=reading.may_be_kept)


def _folder_problem(run: str, is_link: bool) -> Problem | None:
    folder = f"runs/{run}"
    if is_link:
        return _problem(folder, "is a symbolic link; the project's own folders have to be folders", folder)
    return None if is_id(run) else _problem(folder, f"'{one_line(run)}' {_NAME_RULE}", folder)


def _no_run(found: Found, root: Path, run: str, error: OSError) -> None:
    """What has no run.yaml: left over from a run of another branch, unless somebody wrote it under another name."""
    folder = f"runs/{run}"
    if isinstance(error, NotADirectoryError) or not (root / folder).is_dir():
        if run.endswith((".yaml", ".yml")):
            words = f"a run is a folder: runs/{one_line(Path(run).stem)}/run.yaml"
            found.problems.append(_problem(folder, words, folder))
        return
    if not isinstance(error, FileNotFoundError):
        words, hint = (
            f"cannot be read: {os_words(error)}",
            f"chmod u+rwx {shlex.quote(one_line(folder))}, or remove the folder",
        )
    elif misnamed := _misnamed(root / folder):
        way = shlex.join(("mv", f"{folder}/{misnamed}", f"{folder}/run.yaml"))
        words, hint = f"has no run.yaml, but {misnamed}", way if is_id(run) else ""
    else:
        found.leftovers.append(run)
        return
    found.ids += [run] if is_id(run) else []
    found.problems.append(_problem(folder, words, folder, hint=hint))


def _misnamed(folder: Path) -> str:
    """The file in a folder without run.yaml that was meant to be it; a copy or an editor's backup is not."""
    names = (path.name for path in sorted(folder.iterdir()) if path.is_file())
    return next((name for name in names if name.lower() in _MEANT), "")


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


def _add(found: Found, key: str, file: str, subject: str, entry: Entry) -> None:
    found.ids.append(key)
    found.links[key] = entry.link
    if payloads.is_mistakes(entry.payload):
        found.problems += payloads.problems_of(entry.payload, subject, file)
        found.broken[key] = entry.payload
    else:
        found.payloads[key] = entry.payload


def _problem(file: str, message: str, subject: str, *, hint: str = "") -> Problem:
    return Problem(subject, file, 0, 0, message, hint)

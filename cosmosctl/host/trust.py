"""What may run on this machine: what was made here, and what its user saw and allowed.

A project comes with host blocks, frozen hosts and plans that name programs. None of them counts before it was allowed
once on this machine; `user_state` remembers that, no project can. Nothing here starts a process. Only this module makes
an AllowedHost or an AllowedBatch, and the steps on a host take nothing else.
"""

import json
import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosmosctl.domain.batch import AllowedBatch, Batch
from cosmosctl.domain.ids import command
from cosmosctl.domain.layout import BatchPaths
from cosmosctl.domain.project import BUILT_IN_HOST, AllowedHost, Host
from cosmosctl.errors import CosmosctlError, FileError, HostError
from cosmosctl.git.work_tree import holds_a_home
from cosmosctl.io import links, own, user_state
from cosmosctl.io.user_state import FOLDERS, HOSTS, INPUTS, LINKS, MADE, OUTSIDE, digest_of
from cosmosctl.plan.bundle import host_facts
from cosmosctl.plan.bundle_reader import (
    HEAD_BYTES,
    PLAN_BYTES,
    commands_in,
    plan_bytes,
    read_batch,
    read_whereabouts,
    reading_plan,
)
from cosmosctl.plan.bundle_reader import is_believed as is_believed  # others find it here
from cosmosctl.store import local_dir
from cosmosctl.store.root import OUTSIDE_COMMAND, folder_digest

NAMED_FILES, NAMED_BYTES = 2000, 64 << 20
"""Most files inside the project that a block may name, and their bytes: more cannot be looked through by anybody."""

_BETWEEN = re.compile(r"[\s=:,;'\"]+")


@dataclass(frozen=True)
class Leave:
    """Something that needs leave on this machine: `digest` stands for it, `text` is what a person has to see.

    `what` names it in a sentence, `command` allows it, `kind` is the kind of note that says so. `host` is the name by
    which a script may allow it; "" when none does.
    """

    kind: str
    digest: str
    what: str
    text: str
    command: str
    host: str = ""


class NotAllowed(HostError):
    """A host, a batch or a folder that has to be allowed on this machine first: `leave` says which and how."""

    def __init__(self, leave: Leave) -> None:
        message = f"{leave.what} was not allowed on this machine yet:\n{leave.text}"
        super().__init__(message, hint=f"look at it, then: {leave.command}")
        self.leave = leave


def leave_wanted(error: CosmosctlError) -> Leave | None:
    """What has to be allowed for the command that failed to go on; None when no leave mends it."""
    if isinstance(error, own.NotOwn) and error.link is not None:
        return link_leave(error.link)
    return error.leave if isinstance(error, NotAllowed) else None


def allow(leave: Leave) -> None:
    """Remember that the user saw it and said yes. Raises: FileError."""
    user_state.note(leave.kind, leave.digest, f"{leave.what}\n{leave.text}")


def is_allowed(leave: Leave) -> bool:
    """Whether the user said yes on this machine, or a script did for a host by COSMOSCTL_ALLOW_HOSTS."""
    names = user_state.script_allows()
    by_script = ("*" in names and leave.kind in (HOSTS, OUTSIDE, LINKS)) or leave.host in names
    return by_script or user_state.is_noted(leave.kind, leave.digest)


def require(leave: Leave) -> None:
    """Nothing, when it is allowed. Raises: NotAllowed."""
    if not is_allowed(leave):
        raise NotAllowed(leave)


def allowed_host(root: Path, host: Host) -> AllowedHost:
    """The host, to be used. Raises: NotAllowed, FileError when its block names too much to be looked at."""
    if not is_built_in(host):
        require(host_leave(root, host))
    return AllowedHost(host)


def typed_host(host: Host) -> AllowedHost:
    """A host that the user named on the command line just now, every part of it."""
    return AllowedHost(host)


def is_built_in(host: Host) -> bool:
    """Whether it is the preview on this machine that every project has; a plan may call anything by its name."""
    return host == Host(BUILT_IN_HOST, "preview", local_dir())


def host_leave(root: Path, host: Host) -> Leave:
    """A host as it has to be allowed: the whole block and every file inside the project that it names."""
    facts = host_facts(host)
    files = dict(_named_files(root, {key: value for key, value in facts.items() if key != "dir"}))
    canonical = json.dumps(facts, ensure_ascii=True, sort_keys=True).encode()
    parts = [part for name in sorted(files) for part in (os.fsencode(name), files[name].encode())]
    lines = [f"  {key}: {_plain(value)}" for key, value in facts.items() if key != "name"]
    lines += [f"  with the file {_plain(name)} of the project" for name in sorted(files)]
    return Leave(
        HOSTS,
        digest_of(canonical, *parts),
        f"host {host.name}, which says what is run here and there,",
        "\n".join(lines),
        command("host", "allow", host.name),
        host.name,
    )


def note_made(paths: BatchPaths) -> None:
    """Remember that the batch was made here, by its plan: the project may be moved or renamed. Raises: FileError.

    By the other files of it, too, that name its runs: `was_made_here`.
    """
    user_state.note(MADE, own.digest(paths.plan, most=PLAN_BYTES), str(paths.root))
    for file in (paths.rows_list, paths.report):
        user_state.note(MADE, _digest_of_other(file), str(paths.root))


def was_made_here(paths: BatchPaths) -> bool:
    """Whether the batch in that folder is one of this machine, also while its plan is damaged: it goes on holding
    its runs, and is not run.
    """
    return is_believed(paths) or any(_is_noted(file) for file in (paths.rows_list, paths.report))


def _is_noted(file: Path) -> bool:
    try:
        return user_state.is_noted(MADE, _digest_of_other(file))
    except (OSError, FileError):
        return False


def _digest_of_other(file: Path) -> str:
    return own.digest(file, file.name.encode(), b"\0", most=HEAD_BYTES)


def allowed_batch(paths: BatchPaths) -> AllowedBatch:
    """The batch in that folder, to be sent, followed, fetched or removed: made here, or allowed with its commands.

    Raises: NotAllowed; FileError when its plan cannot be read.
    """
    batch = read_batch(paths)
    if not is_believed(paths):
        raise NotAllowed(batch_leave(paths, batch))
    return AllowedBatch(batch)


def allowed_whereabouts(root: Path, paths: BatchPaths) -> AllowedBatch:
    """The batch as far as it is known here, to be fetched from; of a batch of another clone its host has to be allowed.

    Raises: NotAllowed, FileError.
    """
    if paths.plan.exists():
        return allowed_batch(paths)
    batch = read_whereabouts(paths)
    if not is_built_in(batch.host):
        require(replace(host_leave(root, batch.host), command=allow_batch_command(paths)))
    return AllowedBatch(batch)


def batch_leave(paths: BatchPaths, batch: Batch) -> Leave:
    """A batch as it has to be allowed: its frozen host and every command in its plan."""
    facts = {key: value for key, value in host_facts(batch.host).items() if key != "name"}
    with reading_plan(paths):
        plan = plan_bytes(paths)
        commands = dict.fromkeys(_plain(argv) for argv in commands_in(plan))
    lines = [f"  on host {batch.host.name}: {_plain(facts)}", *(f"  runs {words}" for words in commands)]
    what = f"batch {paths.name}, which was not made here and brings its own commands,"
    return Leave(MADE, digest_of(plan), what, "\n".join(lines), allow_batch_command(paths))


def outside_leave(root: Path) -> Leave:
    """`allow_outside_inputs` of the project in that folder."""
    text = "  videos from anywhere on this machine can be sent to the project's hosts"
    return Leave(OUTSIDE, folder_digest(root), f"allow_outside_inputs of {root}", text, OUTSIDE_COMMAND)


def folder_leave(root: Path) -> Leave:
    """The folder of a project that belongs to another user."""
    way = command("host", "allow", "--folder", str(root))
    what = f"the folder {root} of user number {root.lstat().st_uid}"
    return Leave(FOLDERS, folder_digest(root), what, "  its files say what runs as you", way)


def inputs_leave(folder: Path) -> Leave:
    """A folder that links of projects may lead to. Raises: FileError when it is none, or holds more than videos."""
    if not folder.is_dir():
        raise FileError(f"{folder}: there is no such folder")
    if holds_a_home(folder):
        raise FileError(f"{folder}: your home folder lies in it, and more than videos; name the folder of the videos")
    way = command("host", "allow", "--folder", str(folder))
    text = "  links in inputs/ that lead into it count as inside: its videos can be sent to the hosts of your projects"
    return Leave(INPUTS, folder_digest(folder), f"the folder {folder}", text, way)


def link_leave(link: Path) -> Leave:
    """A link below a project that leads to another disk. Raises: FileError when it is no link, or none that may be."""
    if not link.is_symlink():
        raise FileError(f"{link}: is no symbolic link")
    if not links.may_be_allowed(link):
        words = "this link cannot be allowed: here has to be a folder or file of the project itself"
        raise FileError(f"{link}: {words}", hint=shlex.join(("rm", str(link))))
    text = f"  it leads to {os.path.realpath(link)}: results are written, moved and removed there"
    way = command("host", "allow", "--link", str(link))
    return Leave(LINKS, links.link_digest(link), f"the link {link}", text, way)


def allow_batch_command(paths: BatchPaths) -> str:
    """What allows a batch of another clone."""
    return command("host", "allow", "--batch", paths.name)


def _plain(value: Any) -> str:
    """A value in one line of ASCII: nothing in it moves a cursor or hides."""
    return json.dumps(value, ensure_ascii=True)


def _named_files(root: Path, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path below the project, sha256) of every file there that a word of the block names, folders walked."""
    seen: dict[Path, int] = {}
    for word in _words(facts):
        place = Path(os.path.normpath(root / word))
        if place == root or not place.is_relative_to(root):
            continue
        for file in _files_at(place):
            if file in seen:
                continue
            seen[file] = file.stat().st_size
            if len(seen) > NAMED_FILES or sum(seen.values()) > NAMED_BYTES:
                raise FileError(f"the host's block names {word}: more than anybody can look at; name the file itself")
            yield file.relative_to(root).as_posix(), digest_of(file.read_bytes())


def _files_at(place: Path) -> Iterator[Path]:
    try:
        mode = place.stat().st_mode
    except (OSError, ValueError):  # most words name nothing
        return
    if stat.S_ISREG(mode):
        yield place
    elif stat.S_ISDIR(mode):
        yield from (path for path in sorted(place.rglob("*")) if path.is_file())


def _words(value: Any) -> Iterator[str]:
    """Every text in a block, whole and in the parts between separators."""
    if isinstance(value, str):
        yield from (value, *_BETWEEN.split(value))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _words(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _words(one)

"""The user's own config.yaml on this machine: $XDG_CONFIG_HOME/cosmosctl/config.yaml. Never from a project.

It may name a command that is run, so it has to be the user's alone to write.
"""

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.errors import FileError, FilesError, with_hint
from cosmosctl.io.os_error import file_error

MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class UserConfig:
    """`on_end`: argv of what is run when a batch has ended; () for nothing. `author` "" for the name that git knows."""

    on_end: tuple[str, ...] = ()
    look_copies: bool = True
    folders: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    author: str = ""


def config_file() -> Path | None:
    """Where it would lie, by the XDG Base Directory Specification 0.8; None for a user without a home."""
    named = os.environ.get("XDG_CONFIG_HOME", "")
    if named.startswith("/"):
        return Path(named, "cosmosctl", "config.yaml")
    try:
        return Path.home() / ".config" / "cosmosctl" / "config.yaml"
    except RuntimeError:
        return None


def user_config() -> UserConfig:
    """What it says; nothing when there is none. Raises: FilesError with every mistake, FileError."""
    file = config_file()
    data = None if file is None else _read(file)
    if file is None or data is None:
        return UserConfig()
    from cosmosctl.schema.user_config import user_config_of

    keys, mistakes = user_config_of(data)
    if keys is None:
        raise FilesError([with_hint(f"{file}:{m.line}:{m.column}: {m.message}", m.hint) for m in mistakes])
    return UserConfig(
        tuple(keys.on_end or ()),
        keys.look_copies,
        tuple(keys.folders or ()),
        tuple(keys.quiet or ()),
        keys.author or "",
    )


def _read(file: Path) -> bytes | None:
    """Its bytes; None when it is not there. Raises: FileError for one that others can write."""
    try:
        with file.open("rb") as stream:
            status = os.fstat(stream.fileno())
            is_ours = status.st_uid in (0, os.geteuid())
            is_shared = status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid()  # its own group: umask 002
            if not is_ours or is_shared or status.st_mode & stat.S_IWOTH:
                words = "others can write it, and it may name a command that is run"
                raise FileError(f"{file}: {words}", hint=shlex.join(("chmod", "go-w", str(file))))
            return stream.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        raise file_error(file, e, doing="read") from e

"""Videos out of a host's pool, where each lies under its content."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cosmosctl import transport
from cosmosctl.domain.inputs import POOL_DIGITS
from cosmosctl.domain.project import AllowedHost
from cosmosctl.errors import HostError
from cosmosctl.host.process import answer_of, one_line
from cosmosctl.host.streams import told_of_full_disk
from cosmosctl.io import own

if TYPE_CHECKING:
    from invoke import Context

POOL = "inputs"
"""Of a host's folder."""
MOST_BYTES = 64 << 30
"""Of one video: what is larger is left there."""


def pool_folder(sha256: str) -> str:
    """The folder of a video in the pool."""
    return sha256[:POOL_DIGITS]


def fetch_from_pool(c: "Context", host: AllowedHost, digests: Sequence[str], target: Path) -> Path:
    """The folder below `target` with the folders of these videos, as far as they are there: one rsync, no devices.

    On the host the pool may be a link to a larger disk; there may be none.

    What is in them is a stranger's until its sha256 was looked at. Raises: FileError, HostError.
    """
    own.make_folders(target)
    reach = transport.of(host)
    folders = [pool_folder(digest) for digest in dict.fromkeys(digests)]
    wanted = target.with_name(f"{target.name}.wanted")
    own.write_text(wanted, "".join(_filters(folders)), durable=False)
    options = (
        "-r",
        "-s",
        "--ignore-missing-args",
        "--copy-dirlinks",
        "--no-links",
        "--no-devices",
        "--no-specials",
        f"--max-size={MOST_BYTES}",
    )
    filters = (f"--include-from={wanted}", "--exclude=*", "--prune-empty-dirs", *reach.rsync_options(host))
    source = reach.rsync_source(host, f"{host.dir}/{POOL}")
    with told_of_full_disk(target):
        answer = answer_of(c, shlex.join(("rsync", *options, *filters, "--", source, f"{target}/")), timeout_s=None)
        if answer.code != 0:
            trouble = reach.trouble(host, answer.stderr)
            words, hint = (trouble.words, trouble.hint) if trouble else (one_line(answer.stderr), "")
            raise HostError(f"host {host.name}: {words}", hint=hint)
    own.discard(wanted)
    return target / POOL


def _filters(folders: Sequence[str]) -> Iterator[str]:
    yield f"/{POOL}/\n"
    for folder in folders:
        yield f"/{POOL}/{folder}/\n/{POOL}/{folder}/video.*\n"

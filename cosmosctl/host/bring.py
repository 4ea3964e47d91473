"""Files from an rsync address that somebody typed: HOST:FOLDER, USER@HOST:FOLDER, rsync://HOST/MODULE."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from cosmosctl.errors import HostError
from cosmosctl.host.context import invoke_context
from cosmosctl.host.process import answer_of, one_line
from cosmosctl.host.pull import with_folders
from cosmosctl.host.streams import told_of_full_disk
from cosmosctl.io import own

_ADDRESS = re.compile(r"(rsync://[^/]|[^-/:][^/:]*::?)")


def is_address(text: str) -> bool:
    """Whether rsync would take `text` for a folder of another machine; what is here is none."""
    return _ADDRESS.match(text) is not None and not Path(text).exists()


def last_part(address: str) -> str:
    """The name of the folder that an address leads to; "there" where it names none."""
    return re.split(r"[/:]", address.rstrip("/"))[-1] or "there"


def bring(address: str, target: Path, files: Sequence[str], *, most_bytes: int) -> None:
    """Fetch these files below the address into `target`: one rsync. What is missing, a link, or larger is left out.

    Raises: FileError, HostError.
    """
    own.make_folders(target)
    wanted = target.with_name(f"{target.name}.wanted")
    own.write_text(wanted, "".join(f"/{path}\n" for path in with_folders(files)), durable=False)
    options = ("-r", "-s", "--no-links", "--no-devices", "--no-specials", f"--max-size={most_bytes}")
    filters = (f"--include-from={wanted}", "--exclude=*", "--prune-empty-dirs")
    argv = ("rsync", *options, *filters, "--", f"{address.rstrip('/')}/", f"{target}/")
    with told_of_full_disk(target):
        answer = answer_of(invoke_context(), shlex.join(argv), timeout_s=None)
    own.discard(wanted)
    if answer.code != 0:
        raise HostError(f"{address}: {one_line(answer.stderr) or f'rsync ended with {answer.code}'}")

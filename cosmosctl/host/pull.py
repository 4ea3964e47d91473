"""Files of a batch's folder on the host, brought here."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cosmosctl import transport
from cosmosctl.domain.batch import AllowedBatch
from cosmosctl.host.process import rsync
from cosmosctl.host.streams import PROGRESS, told_of_full_disk
from cosmosctl.io import own

if TYPE_CHECKING:
    from invoke import Context


def pull(c: "Context", batch: AllowedBatch, files: Sequence[str], target: Path, *, most_bytes: int) -> None:
    """Fetch these files of the batch's folder on the host into `target`: one rsync. Missing ones are left out.

    What is there already is not sent again; a torn copy goes on with its tail. Links and devices are not copied, nor
    what is larger than `most_bytes`. Folders are walked, not named (--files-from): rsync would go through a folder
    that is a link (tried with 3.5.0). Raises: FileError, HostError.
    """
    own.make_folders(target)
    own.remove_strange(target)
    wanted = target.with_name(f"{target.name}.wanted")
    own.write_text(wanted, "".join(f"/{path}\n" for path in with_folders(files)), durable=False)
    options = ("-r", "-s", "--append", "--no-links", "--no-devices", "--no-specials", f"--max-size={most_bytes}")
    source = transport.of(batch.host).rsync_source(batch.host, f"{batch.there.batch}/")
    filters = (f"--include-from={wanted}", "--exclude=*", "--prune-empty-dirs", *PROGRESS)
    with told_of_full_disk(target):
        rsync(c, batch, (*options, *filters, "--", source, f"{target}/"), target, what="pull")
    own.discard(wanted)


def with_folders(files: Sequence[str]) -> Sequence[str]:
    """The files and every folder on the way to them, which end in a slash; none twice."""
    folders = [f"{parent}/" for file in files for parent in reversed(PurePosixPath(file).parents[:-1])]
    return tuple(dict.fromkeys((*folders, *files)))

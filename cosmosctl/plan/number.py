"""The number of a batch, which says what it comes after; every command asks it of every batch."""

import os
import re

from cosmosctl.domain.layout import BatchPaths
from cosmosctl.errors import FileError
from cosmosctl.io import own

_HEAD_BYTES = 1024
_NUMBER = re.compile(rb'^(?:number| "number"): (\d{1,15}),?$', re.MULTILINE)
"""The line of batch.local.yaml; the file is not parsed for it."""


def read_number(paths: BatchPaths) -> int:
    """The number of a batch, from the first lines of what tells of it; 0 when it has none (an earlier version's)."""
    for file in (paths.whole, paths.plan, paths.report):
        try:
            with own.opened(file, os.O_RDONLY) as descriptor:
                found = _NUMBER.search(os.read(descriptor, _HEAD_BYTES))
        except (OSError, FileError):
            continue
        return int(found[1]) if found else 0
    return 0

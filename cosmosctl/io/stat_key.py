"""Whether a file is still the one that was read, told without reading it."""

import os

SETTLE_NS = 2_000_000_000
"""A file changed less than this before it was read may be changed again within one tick of its time stamp.

Two seconds: the coarsest tick of a file system in use (FAT; ext3 and HFS+ have one second).
"""


def stat_key(status: os.stat_result) -> str:
    """Size, mtime, ctime and inode as one short word: equal as long as nobody touched the file.

    The hash of whole numbers is the same in every process; tens of thousands of keys are made and compared at a time.
    """
    return str(hash((status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)))


def is_settled(status: os.stat_result, read_at_ns: int) -> bool:
    """Whether what was read at `read_at_ns` (`time.time_ns()` before reading) may be remembered under its key.

    The change time decides, it cannot be set by hand; one in the future (another machine's clock) is not trusted.
    """
    changed_ago = read_at_ns - status.st_ctime_ns
    written_ago = read_at_ns - status.st_mtime_ns
    return changed_ago >= SETTLE_NS and not 0 <= written_ago < SETTLE_NS

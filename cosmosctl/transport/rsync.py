"""Which rsync will do, told from what `rsync --version` prints."""

import re

NEEDED = (3, 1)
"""--append with --compare-dest over protected arguments; older ones and openrsync lack parts of it."""


def rsync_complaint(version_text: str) -> str:
    """What is wrong with an rsync by its first line, "" for nothing."""
    first = version_text.strip().split("\n", 1)[0]
    if "openrsync" in first:
        return "its rsync is openrsync, which lacks what a push needs"
    found = re.match(r"rsync\s+version\s+v?([0-9]{1,9})\.([0-9]{1,9})\S*", first)
    if found and (int(found[1]), int(found[2])) < NEEDED:
        return f"its rsync {found[0].split()[-1]} is too old, {NEEDED[0]}.{NEEDED[1]} is needed"
    return ""

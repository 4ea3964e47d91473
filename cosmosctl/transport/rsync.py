"""Which rsync will do, told from what `rsync --version` prints."""

import re

NEEDED = (3, 1)
"""--append with --compare-dest over protected arguments; older ones and openrsync lack parts of it."""

SAFE = (3, 4)
"""Before it a server can make a client write outside of the target (CVE-2024-12086 to 12088, mended in 3.4.0)."""


def rsync_complaint(version_text: str) -> str:
    """What is wrong with an rsync by its first line, "" for nothing."""
    first = version_text.strip().split("\n", 1)[0]
    if "openrsync" in first:
        return "its rsync is openrsync, which lacks what a push needs"
    found = re.match(r"rsync\s+version\s+v?([0-9]{1,9})\.([0-9]{1,9})\S*", first)
    if found and (int(found[1]), int(found[2])) < NEEDED:
        return f"its rsync {found[0].split()[-1]} is too old, {NEEDED[0]}.{NEEDED[1]} is needed"
    return ""


def rsync_warning(version_text: str) -> str:
    """What is risky about the rsync of this machine by its first line, "" for nothing."""
    found = re.match(r"rsync\s+version\s+v?(\d+)\.(\d+)\S*", version_text.strip())
    if found and (int(found[1]), int(found[2])) < SAFE:
        version, risk = found[0].split()[-1], "with it a hostile host can write outside of the project"
        return f"rsync {version} of this machine is older than 3.4: {risk}"
    return ""

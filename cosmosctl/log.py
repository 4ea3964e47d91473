"""Messages to people on stderr; debug lines only under COSMOSCTL_LOG_LEVEL=DEBUG.

Where there is no stderr, or nobody reads it, nothing is said: no reason to end what is being done.
"""

import contextlib
import os
import sys
import time

from cosmosctl.io.visible import visible

_DEBUG = os.environ.get("COSMOSCTL_LOG_LEVEL", "").upper() == "DEBUG"


def say(text: str) -> None:
    """One message on stderr."""
    with contextlib.suppress(OSError, ValueError):  # closed, full, or without a reader
        print(f"{visible(text)}\n", end="", file=sys.stderr, flush=True)  # one write: threads say things too


def debug(text: str) -> None:
    """One debug line on stderr with the time, if debugging is on."""
    if _DEBUG:
        say(f"debug {time.strftime('%H:%M:%S')} {text}")

"""Messages to people on stderr; debug lines only under COSMOSCTL_LOG_LEVEL=DEBUG."""

import os
import sys
import time

_DEBUG = os.environ.get("COSMOSCTL_LOG_LEVEL", "").upper() == "DEBUG"


def say(text: str) -> None:
    """One message on stderr."""
    print(text, file=sys.stderr, flush=True)


def debug(text: str) -> None:
    """One debug line on stderr with the time, if debugging is on."""
    if _DEBUG:
        print(f"debug {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

"""Fetches parts of the Hub into its cache: arguments REPOSITORY or REPOSITORY@REVISION.

How much is to come and how much room there is stands before the first byte. What is whole is not fetched again. The
Hub's own client checks what came by its hash, and goes on with what was cut off.
Exit code 3: the last line on descriptor 3 says why not all weights are there, and what to do.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

REASON = 3
try:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.utils import disable_progress_bars, enable_progress_bars
except ImportError:
    with open(REASON, "w", encoding="utf-8", closefd=False) as told:
        told.write(f"{sys.executable} has no huggingface_hub: install it there, or take `python` out of the block\n")
    sys.exit(REASON)

GIB = 1 << 30


def main(parts: "list[str]") -> int:
    """The exit code of fetching all of them."""
    try:
        disable_progress_bars()  # of looking at what is there
        sizes = [_to_come(part) for part in parts]
        enable_progress_bars()
        _tell_room(sum(sizes))
        for number, (part, size) in enumerate(zip(parts, sizes, strict=True), start=1):
            print(f"weights {number}/{len(parts)}: {part}, {_gib(size) if size else 'whole'}", flush=True)
            if size:
                _fetched(part)
    except NotThere as error:
        with open(REASON, "w", encoding="utf-8", closefd=False) as said:
            said.write(f"{error}; what came is kept\n")
        return REASON
    print("all weights are there; HF_HUB_OFFLINE: '1' under the host's env keeps the network out from now on")
    return 0


class NotThere(Exception):
    """Why a part is not there, in a sentence."""


def _to_come(part: str) -> int:
    """Bytes of a part that are not here yet."""
    return sum(one.file_size or 0 for one in _fetched(part, dry_run=True) if one.will_download)


def _tell_room(size: int) -> None:
    place = Path(constants.HF_HUB_CACHE)
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free
    print(f"{_gib(size)} are to come into {place}, where {_gib(free)} are free", flush=True)
    if size > free:
        raise NotThere(f"{_gib(size)} do not fit into {place}: make room there, or set another cache")


def _fetched(part: str, **more: bool) -> Any:
    """What the Hub's client gives. Raises: NotThere."""
    repository, _, revision = part.partition("@")
    try:
        return snapshot_download(repository, revision=revision or None, **more)
    except Exception as error:
        said = str(error).strip().splitlines() or ["no words"]
        words = refused(repository, error) or f"{type(error).__name__}: {said[0]}"
        raise NotThere(f"{part} cannot be fetched: {words}") from error


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size * 10 >= GIB else f"{size / (1 << 20):.1f} MiB"


# Why the Hub gave nothing: the same stands in diffusers_rows/hub.py.
def refused(repository: str, error: BaseException) -> str:
    """In words, and what to do: why the Hub, or the disk, did not give parts of a repository; "" for another reason."""
    from huggingface_hub import get_token

    page, token = f"https://huggingface.co/{repository}", "HF_TOKEN=... into the host's env_file"
    chain = [error]
    while len(chain) < 10 and (before := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(before)
    kinds = {name.__name__ for one in chain for name in type(one).__mro__}
    codes = {getattr(getattr(one, "response", None), "status_code", None) for one in chain}
    if any(isinstance(one, OSError) and one.errno == 28 for one in chain):
        return "the disk is full: make room where the host's `cache` is, or name another place"
    if "GatedRepoError" in kinds and not get_token():
        return f"it is gated and there is no HF_TOKEN: accept its licence on {page}, put {token}"
    if "GatedRepoError" in kinds:
        return f"it is gated and whose HF_TOKEN it is did not accept its licence: do that on {page}"
    if 401 in codes and get_token():
        return (
            f"the Hub does not know this HF_TOKEN: make one on https://huggingface.co/settings/tokens and put {token}"
        )
    if "RevisionNotFoundError" in kinds:
        return "the Hub has no such revision"
    if "RepositoryNotFoundError" in kinds:
        return f"the Hub has no {repository}, or shows it only to those whom HF_TOKEN names: put {token}"
    if "OfflineModeIsEnabled" in kinds:
        return "it is not in the cache, and this machine is to stay offline: HF_HUB_OFFLINE"
    if busy := [code for code in codes if isinstance(code, int) and code >= 429]:
        return f"the Hub answers {max(busy)}: try again later"
    if kinds & {"LocalEntryNotFoundError", "ConnectError", "ConnectTimeout", "ReadTimeout", "ConnectionError"}:
        return "it is not in the cache, and the Hub is not reached from there"
    return ""


# end of what stands in diffusers_rows/hub.py too


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

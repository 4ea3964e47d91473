"""Weights: from a folder of this machine, or from the Hub's own cache; which commits they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Mapping

import fit

LONGEST_WORDS = 60
"""Of a library's own message, so that the command behind it is not cut off."""


def loaded(kind: Any, checkpoint: str, part: str, **more: Any) -> Any:
    """`kind.from_pretrained` of a part of a checkpoint: a folder in it, or a revision of it on the Hub.

    Raises: Unfit in a sentence and a command when it is not whole or cannot be had.
    """
    if is_folder(checkpoint):
        place = f"{checkpoint}/{part}" if part else checkpoint
        if not Path(place).is_dir():
            raise fit.Unfit(f"there is no {place}", _anew())
        return tried(place, lambda: kind.from_pretrained(place, local_files_only=True, **more))
    revision = {"revision": part} if part else {}
    return tried(
        f"{checkpoint} at {part}" if part else checkpoint, lambda: kind.from_pretrained(checkpoint, **revision, **more)
    )


def is_folder(checkpoint: str) -> bool:
    """Whether it is one of this machine."""
    return checkpoint.startswith("/")


def tried(place: str, load: Callable[[], Any]) -> Any:
    """What `load` gives. Raises: Unfit when it gives nothing."""
    try:
        return load()
    except Exception as error:
        repository = place.partition(" ")[0]  # its page has its name; a longer line would be cut off
        words = "" if is_folder(place) else refused(repository, error)
        told = f"{repository} cannot be loaded: {words}" if words else f"{place} cannot be loaded: {_own_words(error)}"
        raise fit.Unfit(told, _anew() if is_folder(place) else fit.fetch) from error


def _anew() -> str:
    """What to do about a folder of weights, which nobody but its owner fetches."""
    return f"fetch that folder anew, or use the Hub's: {fit.fetch}"


def commits(checkpoint: str, parts: Mapping[str, str]) -> Dict[str, str]:
    """Name -> commit of each of these parts on the Hub, by this machine's cache; of a folder nothing is known."""
    if is_folder(checkpoint):
        return {}
    try:
        from huggingface_hub import scan_cache_dir

        revisions = [one for repo in scan_cache_dir().repos if repo.repo_id == checkpoint for one in repo.revisions]
    except Exception:  # whatever the cache is like: the video is made all the same
        return {}
    found = {ref: one.commit_hash for one in revisions for ref in one.refs}
    return {name: found[part] for name, part in parts.items() if part in found}


def _own_words(error: BaseException) -> str:
    words = str(error).strip().splitlines()[:1] or ["no words"]
    return f"{type(error).__name__}: {words[0][:LONGEST_WORDS]}"


# Why the Hub gave nothing: the same stands in fetch_weights.py.
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


# end of what stands in fetch_weights.py too

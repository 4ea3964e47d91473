"""Weights: from a folder of this machine, or from the Hub's own cache; which commit they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import fit

LONGEST_WORDS = 100
"""Of a library's own message, so that the command behind it is not cut off."""


def loaded(kind: Any, checkpoint: str, part: str, **more: Any) -> Any:
    """`kind.from_pretrained` of a part of a checkpoint: a folder in it, or a revision of it on the Hub.

    Raises: Unfit in a sentence and a command when it is not whole or cannot be had.
    """
    if is_folder(checkpoint):
        place = f"{checkpoint}/{part}" if part else checkpoint
        if not Path(place).is_dir():
            raise fit.Unfit(f"there is no {place}", f"{fit.mend} --weights")
        return tried(place, lambda: kind.from_pretrained(place, local_files_only=True, **more))
    revision = {"revision": part} if part else {}
    place = f"{checkpoint} at {part}" if part else checkpoint
    return tried(place, lambda: kind.from_pretrained(checkpoint, **revision, **more))


def is_folder(checkpoint: str) -> bool:
    """Whether it is one of this machine."""
    return checkpoint.startswith("/")


def tried(place: str, load: Callable[[], Any]) -> Any:
    """What `load` gives. Raises: Unfit when it gives nothing."""
    try:
        return load()
    except Exception as error:
        raise fit.Unfit(f"{place} cannot be loaded: {_why(error)}", f"{fit.mend} --weights") from error


def commit_of(checkpoint: str, part: str) -> str:
    """The commit of a part on the Hub in this machine's cache; "" for a folder of this machine."""
    if is_folder(checkpoint):
        return ""
    try:
        from huggingface_hub import scan_cache_dir

        repos = [repo for repo in scan_cache_dir().repos if repo.repo_id == checkpoint]
        return next((one.commit_hash for repo in repos for one in repo.revisions if part in one.refs), "")
    except Exception:  # whatever the cache is like: the video is made all the same
        return ""


def _why(error: BaseException) -> str:
    name = type(error).__name__
    if "Gated" in name or "401" in str(error) or "403" in str(error):
        return "the model is gated: accept its licence on huggingface.co and put HF_TOKEN into the host's env_file"
    if "LocalEntryNotFound" in name or "Offline" in name:
        return "it is not in the cache, and this machine is offline"
    words = str(error).strip().splitlines()[:1] or ["no words"]
    return f"{name}: {words[0][:LONGEST_WORDS]}"

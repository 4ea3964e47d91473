"""Weights: from a folder of this machine, or from the Hub's own cache; which commit they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fit


def loaded(kind: Any, checkpoint: str, part: str, **more: Any) -> Any:
    """`kind.from_pretrained` of a part of a checkpoint: a folder in it, or a revision of it on the Hub.

    Raises: Unfit in a sentence and a command when it is not whole or cannot be had.
    """
    is_folder = checkpoint.startswith("/")
    place = f"{checkpoint}/{part}" if is_folder else f"{checkpoint} at {part}"
    if is_folder and not Path(checkpoint, part).is_dir():
        raise fit.Unfit(f"there is no {place}", f"{fit.mend} --weights")
    try:
        if is_folder:
            return kind.from_pretrained(f"{checkpoint}/{part}", local_files_only=True, **more)
        return kind.from_pretrained(checkpoint, revision=part, **more)
    except Exception as error:
        raise fit.Unfit(f"{place} cannot be loaded: {_why(error)}", f"{fit.mend} --weights") from error


def commit_of(pipeline: Any, checkpoint: str, part: str) -> str:
    """The commit on the Hub that a pipeline was loaded from; "" for a folder of this machine."""
    if checkpoint.startswith("/"):
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
    return f"{name}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no words'}"

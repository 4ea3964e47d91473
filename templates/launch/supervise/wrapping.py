"""What a process is given beside its command: variables, secrets, those of a container, and what its image is."""

from __future__ import annotations

import codecs
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Dict, List

from files import sha256
from plan import Plan, Wrapping

GPUS = "CUDA_VISIBLE_DEVICES"
NO_DIGEST = "a folder, which has no digest"


class Unfit(OSError):
    """A file of secrets that cannot be read or has lines that are none."""


def environment(wrapping: Wrapping, own: Dict[str, str]) -> Dict[str, str]:
    """Ours without what is for inside of containers, and for inside the secrets and `own`, which count more."""
    if not wrapping.prefixes:
        return {**os.environ, **secrets(wrapping), **own}
    outside = {name: value for name, value in os.environ.items() if not name.startswith(tuple(wrapping.prefixes))}
    chosen = {name: os.environ[name] for name in (GPUS,) if name in os.environ}  # by a queue, for the job that we are
    inside = {**chosen, **secrets(wrapping), **own}
    return {**outside, **{wrapping.prefixes[0] + name: value for name, value in inside.items()}}


def require_secrets(plan: Plan) -> None:
    """Raises: Unfit where a process of the plan could not be given its secrets."""
    for group in plan.groups:
        if group.wrapping:
            secrets(group.wrapping)


def secrets(wrapping: Wrapping) -> Dict[str, str]:
    """The variables of the env_file: `NAME=value` as it stands, without quotes or a shell; `NAME` alone is ours.

    Raises: Unfit, which quotes nothing of it.
    """
    if not wrapping.env_file:
        return {}
    try:
        whole = Path(wrapping.env_file).read_bytes()
    except OSError as error:
        raise Unfit(f"the env_file cannot be read: {error.strerror}: {wrapping.env_file}") from None
    text = os.fsdecode(whole[len(codecs.BOM_UTF8) :] if whole.startswith(codecs.BOM_UTF8) else whole)
    lines = [line.lstrip(" \t").rstrip("\r") for line in text.split("\n")]
    found, strange = {}, []
    for number, line in enumerate(lines, start=1):
        name, given, value = line.partition("=")
        if not line or line.startswith("#"):
            continue
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or "\0" in value:
            strange.append(str(number))
        elif given or name in os.environ:
            found[name] = value if given else os.environ[name]
    if strange:
        raise Unfit(f"line {', '.join(strange)} of the env_file is not NAME=value: {wrapping.env_file}")
    return found


def identity(wrapping: Wrapping) -> str:
    """The digest of the image; "" where it cannot be read."""
    image = Path(wrapping.image)
    if image.is_dir():
        return NO_DIGEST
    with suppress(OSError):
        stat = image.stat()
        key = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        known = _known(Path(wrapping.digests))
        kept = known.get(str(image))
        if isinstance(kept, list) and kept[:-1] == key and isinstance(kept[-1], str):
            return kept[-1]
        digest = f"sha256:{sha256(image)}"
        _keep(Path(wrapping.digests), {**known, str(image): [*key, digest]})
        return digest
    return ""


def _known(path: Path) -> Dict[str, List[object]]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def _keep(path: Path, digests: Dict[str, List[object]]) -> None:
    """Whole or not at all; without it the next start reads the image once more."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        fresh.write_text(json.dumps(digests), encoding="utf-8")
        os.replace(fresh, path)

"""manifest.txt: a line for each output of a result, for people. result.yaml says the same for programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosmosctl.domain.layout import ResultPaths
from cosmosctl.io.checked import Unreadable, read_bounded
from cosmosctl.io.own import RECEIPT_BYTES, write_text
from cosmosctl.results.receipts import Receipt

_HEAD = b"# sha256, bytes, time, file\n"


def manifest_text(outputs: Mapping[str, Mapping[str, Any]]) -> str:
    """One line a file: sha256, bytes, time it was finished on the host, path."""
    lines = [f"{o['sha256']}  {o['bytes']:>12}  {o['time']}  outputs/{name}\n" for name, o in sorted(outputs.items())]
    return _HEAD.decode() + "".join(lines)


def trouble(place: ResultPaths) -> str:
    """Why a manifest that is there is not as it was written; "" when it is."""
    return trouble_of(place.manifest)


def trouble_of(manifest: Path) -> str:
    """The same of the file itself."""
    try:
        data = read_bounded(manifest, RECEIPT_BYTES).replace(b"\r\n", b"\n")  # git's, with core.autocrlf
    except FileNotFoundError:
        return ""
    except Unreadable as e:
        return f"cannot be read: {e}"
    lines = data.removeprefix(_HEAD).split(b"\n")
    is_whole = data.startswith(_HEAD) and lines.pop() == b"" and lines and all(len(line.split()) == 4 for line in lines)
    return "" if is_whole else "is damaged: it is not as cosmosctl wrote it"


def mend(place: ResultPaths, receipt: Receipt) -> None:
    """Write a manifest that cannot be read anew, of the outputs that are here."""
    if trouble(place) and all((place.outputs / name).is_file() for name in receipt.outputs):
        write(place, receipt)


def write(place: ResultPaths, receipt: Receipt) -> None:
    """Have the manifest of the outputs of a result, as far as they are here."""
    there = {name: place.outputs / name for name in receipt.outputs if (place.outputs / name).is_file()}
    facts = {
        name: {"sha256": receipt.outputs[name], "bytes": file.stat().st_size, "time": receipt.ended}
        for name, file in there.items()
    }
    write_text(place.manifest, manifest_text(facts))

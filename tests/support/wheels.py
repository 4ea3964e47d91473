"""Wheels of the tests' own in place of PyPI, and programs of theirs in place of a machine's."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipFile


def empty_wheels(folder: Path, packages: Iterable[str]) -> dict[str, str]:
    """Variables by which pip and uv find an empty wheel of each of these, NAME==VERSION, and nothing else."""
    folder.mkdir()
    for package in packages:
        name, _, version = package.partition("==")
        _wheel(folder, name.replace("-", "_"), version)
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_EXTRA_INDEX_URL": ""}
    return {**pip, "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(folder), "UV_OFFLINE": "1"}


def program_in_path(folder: Path, name: str, line: str) -> str:
    """A PATH with that program, a line for a shell, in front."""
    place = folder / "programs"
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/sh\n{line}\n")
    (place / name).chmod(0o755)
    return f"{place}:{Path(sys.executable).parent}:{os.environ['PATH']}"


def _wheel(folder: Path, name: str, version: str) -> None:
    facts = f"{name}-{version}.dist-info"
    with ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{facts}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{facts}/RECORD", "")

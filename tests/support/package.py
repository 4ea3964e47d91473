"""The sources of the package, parsed once a process."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import cosmosctl

PACKAGE = Path(cosmosctl.__file__).parent


@cache
def sources() -> Mapping[str, ast.Module]:
    """Path below the package, `/` between its parts -> its syntax tree."""
    return parsed(PACKAGE)


def parsed(package: Path) -> Mapping[str, ast.Module]:
    """The same of a package in that folder."""
    paths = sorted(package.rglob("*.py"))
    return {path.relative_to(package).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}

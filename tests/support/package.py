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
    paths = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}

"""The imports of the package point one way, and start-up stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import cosmosctl

PACKAGE = Path(cosmosctl.__file__).parent

FLOORS = (
    ("errors",),
    ("domain",),
    ("io", "log"),
    ("yaml",),
    ("models", "engines", "transport", "media"),
    ("preview",),
    ("schema",),
    ("store",),
    ("plan",),
    ("host",),
    ("results",),
    ("state",),
    ("tasks",),
    ("following",),
    ("commands",),
    ("cli", "api"),
)
"""Every room and every module outside one, lowest first: a module imports from its own floor or from lower ones."""

HEAVY = {"av", "cv2", "numpy", "pydantic", "rich", "ruamel", "invoke", "watchdog", "jsonlines", "filelock"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(("cosmosctl", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        if name not in ("cosmosctl", "cosmosctl.__main__"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """The modules of the package that `tree` imports, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("cosmosctl."))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cosmosctl"):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in names else str(node.module)


def layer(module: str) -> int:
    part = module.split(".")[1]
    return next(number for number, names in enumerate(FLOORS) if part in names)


def test_imports_point_down_the_layers() -> None:
    found = dict(modules())
    wrong = [
        f"{name} imports {other}"
        for name, tree in found.items()
        for other in imports_of(tree, set(found))
        if other != "cosmosctl" and layer(other) > layer(name)
    ]
    assert wrong == []


def test_no_module_imports_itself_through_others() -> None:
    found = dict(modules())
    graph = {name: set(imports_of(_without_late_imports(tree), set(found))) - {name} for name, tree in found.items()}
    order = list(TopologicalSorter(graph).static_order())
    assert set(found) <= set(order)


def test_listing_the_commands_imports_nothing_heavy() -> None:
    code = "import sys; from cosmosctl.cli.main import exit_code; exit_code(['--help']); print(sorted(sys.modules))"
    loaded = subprocess.run((sys.executable, "-c", code), check=True, capture_output=True, text=True).stdout
    imported = {name.strip("'").split(".")[0] for name in loaded.splitlines()[-1].strip("[]").split(", ")}
    assert imported & HEAVY == set()


def _without_late_imports(tree: ast.Module) -> ast.Module:
    """The statements that run when the module is imported: no function bodies, no TYPE_CHECKING blocks."""
    kept = [
        node
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    return ast.Module(body=kept, type_ignores=[])

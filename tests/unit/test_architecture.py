"""The imports of the package point one way, and start-up stays light."""

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from cosmosctl.cli.main import VERBS
from tests.support.package import PACKAGE, parsed, sources

FLOORS = (
    ("errors",),
    ("domain",),
    ("io", "log"),
    ("git",),
    ("yaml",),
    ("models", "engines", "schedulers", "transport", "media"),
    ("preview",),
    ("schema",),
    ("store",),
    ("plan",),
    ("host",),
    ("events",),
    ("results",),
    ("state",),
    ("opening",),
    ("tasks",),
    ("shown",),
    ("following",),
    ("commands",),
    ("ui",),
    ("cli", "api"),
)
"""Every room and every module outside one, lowest first: a module imports from its own floor or from lower ones."""

VERB_FLOORS = (
    ("audience", "author", "interrupting", "look_copies", "on_end", "prepare", "select", "trash"),
    ("sweeps",),
    ("start", "look"),
    ("run",),
    ("choose", "machines"),
)
"""The rooms of the verbs, and the steps that several share: the same rule within commands/."""

ROOT = PACKAGE.parent
LONGEST_FILE, LONGEST_FUNCTION = 350, 40
WRITTEN = (".py", ".sh", ".js", ".css", ".html")
"""What we write in cosmosctl/, templates/ and tools/; whatever is in .ci is ours too."""
LONG: dict[str, str] = {"tools/city/plan.py": "one picture, drawn once: what it is made of stands together"}
"""A file or `file:function` that is longer -> the reason why it is better so."""

HEAVY = {
    "av",
    "cv2",
    "numpy",
    "pydantic",
    "rich",
    "ruamel",
    "invoke",
    "watchdog",
    "jsonlines",
    "filelock",
    "msgspec",
    "starlette",
    "uvicorn",
}


@cache
def modules() -> Mapping[str, ast.Module]:
    """Every module of the package by its name, but the package itself."""
    return by_name(sources())


def by_name(sources: Mapping[str, ast.Module]) -> Mapping[str, ast.Module]:
    found = {f"cosmosctl.{path.removesuffix('.py').replace('/', '.')}": tree for path, tree in sources.items()}
    found = {name.removesuffix(".__init__"): tree for name, tree in found.items()}
    return {name: tree for name, tree in found.items() if name not in ("cosmosctl", "cosmosctl.__main__")}


@cache
def nodes(tree: ast.Module) -> Sequence[ast.AST]:
    """All of a file, walked once for every test."""
    return tuple(ast.walk(tree))


def imports_of(tree: ast.Module, names: Collection[str]) -> Iterator[str]:
    """The modules of the package that `tree` imports, wherever in the file."""
    for node in nodes(tree):
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
    assert upward(modules()) == []


def upward(found: Mapping[str, ast.Module]) -> list[str]:
    """The imports from a higher floor."""
    return [
        f"{name} imports {other}"
        for name, tree in found.items()
        for other in imports_of(tree, found)
        if other != "cosmosctl" and layer(other) > layer(name)
    ]


def test_verbs_import_from_their_own_floor_or_from_lower_ones() -> None:
    assert upward_verbs(modules()) == []


def upward_verbs(found: Mapping[str, ast.Module]) -> list[str]:
    """The imports from a higher floor within commands/."""
    floors = {part: number for number, names in enumerate(VERB_FLOORS) for part in names}
    inner = {name: floors[name.split(".")[2]] for name in found if name.startswith("cosmosctl.commands.")}
    assert inner
    return [
        f"{name} imports {other}"
        for name, floor in inner.items()
        for other in imports_of(found[name], found)
        if inner.get(other, 0) > floor
    ]


UPWARD = {
    "store/index.py": "from cosmosctl.commands.run import batch",
    "domain/ids.py": "import cosmosctl.io.own",
    "plan/shards.py": "def late() -> None:\n    from cosmosctl.host.push import push",
}
UPWARD_VERBS = {
    "commands/select.py": "from cosmosctl.commands.run.batch import run_batch",
    "commands/look/__init__.py": "from cosmosctl.commands.machines import gc",
}


def test_a_line_drawn_upward_is_seen(tmp_path: Path) -> None:
    """In a copy of the package, by what looks at the package itself."""
    drawn = {**UPWARD, **UPWARD_VERBS}
    for path in sources():
        text = (PACKAGE / path).read_text(encoding="utf-8")
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"{text}\n{drawn.get(path, '')}\n", encoding="utf-8")
    found = by_name(parsed(tmp_path))
    assert upward(found) == [
        "cosmosctl.domain.ids imports cosmosctl.io.own",
        "cosmosctl.plan.shards imports cosmosctl.host.push",
        "cosmosctl.store.index imports cosmosctl.commands.run.batch",
    ]
    assert upward_verbs(found) == [
        "cosmosctl.commands.look imports cosmosctl.commands.machines.gc",
        "cosmosctl.commands.select imports cosmosctl.commands.run.batch",
    ]


def test_a_room_without_a_floor_is_seen() -> None:
    attic = ast.parse("from cosmosctl import errors")
    with pytest.raises(StopIteration):
        upward({"cosmosctl.errors": ast.parse(""), "cosmosctl.attic": attic})


def test_no_file_and_no_function_is_long_but_by_reason() -> None:
    written = [path for room in ("cosmosctl", "templates", "tools") for path in sorted((ROOT / room).rglob("*"))]
    files = [path for path in written if path.suffix in WRITTEN] + sorted((ROOT / ".ci").iterdir())
    assert {path.suffix for path in files} == {*WRITTEN, ""}
    known = {f"cosmosctl/{path}": tree for path, tree in sources().items()}
    long: dict[str, int] = {}
    for path in files:
        name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        long |= long_parts(name, text, known.get(name))
    assert {name: lines for name, lines in long.items() if name not in LONG} == {}
    assert [name for name in LONG if name not in long] == [], "a reason that is not needed any more"


def long_parts(name: str, text: str, tree: ast.Module | None = None) -> dict[str, int]:
    """The file and its functions of Python, as far as they are too long -> their lines."""
    found = {name: text.count("\n")} if text.count("\n") > LONGEST_FILE else {}
    is_python = name.endswith(".py") or re.match(r"#!.*python", text) is not None
    for node in nodes(tree or ast.parse(text)) if is_python else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := _length(node)) > LONGEST_FUNCTION:
            found[f"{name}:{node.name}"] = lines
    return found


@pytest.mark.parametrize("head", ["def f():\n", "async def f():\n"])
def test_a_long_file_and_a_long_function_are_seen(head: str) -> None:
    assert long_parts("a.py", head + "    pass\n" * LONGEST_FUNCTION) == {"a.py:f": LONGEST_FUNCTION + 1}
    assert long_parts("a.py", head + "    pass\n" * (LONGEST_FUNCTION - 1)) == {}
    assert long_parts("a.sh", ":\n" * (LONGEST_FILE + 1)) == {"a.sh": LONGEST_FILE + 1}
    assert long_parts("a.sh", ":\n" * LONGEST_FILE) == {}


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_imports_itself_through_others() -> None:
    found = modules()
    graph = {name: set(imports_of(_without_late_imports(tree), found)) - {name} for name, tree in found.items()}
    order = list(TopologicalSorter(graph).static_order())
    assert set(found) <= set(order)


ALONE = {
    "click": ("cli",),
    "rich": ("cli",),
    "ruamel": ("yaml",),
    "pydantic": ("schema",),
    "invoke": ("host", "tasks"),
    "subprocess": ("host.context",),
    "watchdog": ("commands.run.watch",),
    "msgspec": ("events.frequent",),
}
"""A library -> the rooms or modules that import it, beside the previews, which are programs of their own."""


@pytest.mark.parametrize("library", ALONE)
def test_a_library_is_imported_in_its_place_alone(library: str) -> None:
    importers = {name for name, tree in modules().items() if library in _libraries(tree) and ".preview" not in name}
    assert importers
    places = tuple(f"cosmosctl.{place}" for place in ALONE[library])
    assert {name for name in importers if not f"{name}.".startswith(tuple(f"{place}." for place in places))} == set()


PURE = ("domain", "models", "engines", "schedulers", "schema", "plan.planner")
"""Values and decisions: no file is opened, nothing of the system is asked."""
SYSTEM = {"os", "shutil", "tempfile", "subprocess", "socket", "fcntl", "signal", "time"}


@pytest.mark.parametrize("room", PURE)
def test_what_only_decides_asks_nothing_of_the_system(room: str) -> None:
    found = [(name, tree) for name, tree in modules().items() if f"{name}.".startswith(f"cosmosctl.{room}.")]
    assert found
    assert [(name, wrong) for name, tree in found if (wrong := _libraries(tree) & SYSTEM)] == []


def test_no_module_lies_outside_of_a_room_but_those_that_all_share() -> None:
    alone = {path.stem for path in PACKAGE.glob("*.py")}
    assert alone == {"__init__", "__main__", "api", "errors", "log", "tasks"}


def test_every_room_stands_in_the_page_of_the_architecture() -> None:
    page = (PACKAGE.parent / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.split("## The rooms")[1].split("## Rules")[0]
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert [room for room in rooms if f"`{room}/`" not in table] == []
    assert [room for room in re.findall(r"^\| `(\w+)/`", table, flags=re.M) if room not in rooms] == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_that_a_page_for_developers_names_is_there(page: str) -> None:
    text = (PACKAGE.parent / page).read_text(encoding="utf-8")
    named = re.findall(r"`([\w./]+/[\w./]*)`", text)
    assert len(named) > 5
    ours = [path for path in named if path.split("/")[0] not in ("batches", "runs", "prompts", "history")]
    roots = (PACKAGE, PACKAGE.parent, PACKAGE / "commands", PACKAGE.parent / "templates/launch")
    assert [
        path for path in ours if not any((root / f"{path}{end}").exists() for root in roots for end in ("", ".py"))
    ] == []


def test_a_verb_lies_in_the_room_of_its_section_of_the_help() -> None:
    wrong = [name for name, verb in VERBS.items() if f"cosmosctl.cli.{verb.section.lower()}" not in verb.target]
    assert wrong == []


@cache
def _libraries(tree: ast.Module) -> frozenset[str]:
    """First words of what a module imports, wherever in the file, but for types alone."""
    found = set()
    for node in nodes(_without_types(tree)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return frozenset(found)


def _without_types(tree: ast.Module) -> ast.Module:
    kept = [one for one in tree.body if not (isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING")]
    return ast.Module(body=kept, type_ignores=[])


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

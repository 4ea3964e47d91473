"""Whoever asks the page of the architecture where a thing is changed is led to what has it, and to all that have it."""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from cosmosctl import models
from tests.support.package import PACKAGE, sources

NAMED = re.compile(r"`([\w/.]+\.\w+)`(?:: (`\w+`(?:, `\w+`)*))?")
"""A file, and what in it."""


@cache
def answers() -> Mapping[str, Sequence[tuple[str, tuple[str, ...]]]]:
    """Question -> the files of its answer, and the names in each."""
    page = (PACKAGE.parent / "docs/architecture.md").read_text(encoding="utf-8")
    lines = [line for line in page.split("## Where do I change")[1].splitlines() if line.startswith("| ")]
    rows = [line.strip("| ").split(" | ") for line in lines]
    return {
        row[0].split(".")[0]: [(file, tuple(re.findall(r"\w+", names))) for file, names in NAMED.findall(row[1])]
        for row in rows
        if len(row) == 2
    }


def named(question: int) -> set[str]:
    return {file for file, _ in answers()[str(question)]}


def test_the_fourteen_questions_are_answered_by_files_that_are_there() -> None:
    assert list(answers())[:14] == [str(number) for number in range(1, 15)]
    assert [question for question, files in answers().items() if not files] == []
    assert [file for files in answers().values() for file, _ in files if not (PACKAGE / file).is_file()] == []


def test_what_an_answer_says_is_in_a_file_is_defined_there() -> None:
    found = [(file, name) for files in answers().values() for file, names in files for name in names]
    assert len(found) > 20
    assert [f"{file}: {name}" for file, name in found if name not in _defined(file)] == []


def test_each_of_the_first_six_and_the_last_four_names_what_is_to_be_changed() -> None:
    """The others are answered by modules as a whole."""
    vague = [
        number for number in (1, 2, 3, 4, 5, 6, 11, 12, 13, 14) if not all(names for _, names in answers()[str(number)])
    ]
    assert vague == []


@pytest.mark.parametrize(("question", "name"), [(4, "SETTINGS"), (5, "PATTERNS")])
def test_settings_and_patterns_are_looked_for_wherever_they_are_written_down(question: int, name: str) -> None:
    """In the module of each family, and where several have theirs from."""
    written = {
        f"models/{file.stem}.py"
        for file in (PACKAGE / "models").glob("*.py")
        if not isinstance(_assigned(f"models/{file.name}").get(name), ast.Attribute | None)  # another module's
    }
    assert len(written) >= len(models.REGISTRY) - 1
    shared = {"models/catalog.py", "models/diffusers_rows.py"} - written
    assert named(question) - shared == written


def test_every_place_that_gives_rsync_arguments_is_named() -> None:
    """-s, arguments that no shell takes apart, is said to each; what is said for a host is the transport's."""
    giving = _who_says("-s", "host/") - {"host/process.py"}  # sh -s
    reached = {file for file in sources() if file.startswith("transport/") and "rsync_options" in _defined(file)}
    assert named(3) == giving | (reached - {"transport/protocol.py"})


def test_every_module_of_the_schema_with_help_texts_is_named() -> None:
    having = {
        file
        for file, tree in sources().items()
        if file.startswith("schema/")
        and any(isinstance(node, ast.keyword) and node.arg == "description" for node in ast.walk(tree))
    }
    assert {file for file in named(13) if file.startswith("schema/")} == having


def _who_says(text: str, folder: str) -> set[str]:
    return {
        file
        for file, tree in sources().items()
        if file.startswith(folder)
        and any(isinstance(node, ast.Constant) and node.value == text for node in ast.walk(tree))
    }


@cache
def _tree(file: str) -> ast.Module:
    return sources().get(file) or ast.parse((PACKAGE / file).read_text(encoding="utf-8"))


def _defined(file: str) -> set[str]:
    """The names that a module gives to something of its own."""
    made = {node.name for node in _tree(file).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return made | set(_assigned(file))


def _assigned(file: str) -> Mapping[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    for node in _tree(file).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
        if isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
    return found

"""How many files a new family, control or engine touches: those that know the ones there are by their names."""

import ast
from collections.abc import Iterator
from pathlib import Path

from cosmosctl import engines, models
from tests.support.package import sources

KNOW_A_FAMILY = {
    "models/__init__.py": "the upscaler, the families that can be kept loaded, what only cosmos3's weights refuse",
    "commands/start/jsonl_row.py": "hand-written JSONL is transfer1's own format",
}
"""Beside the families' own modules and previews; a new family touches none of them."""
KNOW_A_CONTROL = {
    "models/catalog.py": "the controls that several families have alike",
    "media/control.py": "how edge and vis are computed for a family that has no presets of its own",
    "commands/start/given_controls.py": "--seg-prompt",
    "schema/messages.py": "blur, canny and segmentation as other programs call them",
}
KNOW_AN_ENGINE = {"schema/files.py": "an example in a help text", "schema/hosts.py": "the same"}


def test_a_new_family_touches_its_module_its_preview_and_the_registry() -> None:
    assert set(_who_says(set(models.REGISTRY))) <= set(KNOW_A_FAMILY)


def test_a_new_control_touches_three_files_at_most() -> None:
    """Its family's module, the catalog where another family has it too, the family's preview."""
    assert _who_says(set(models.controls())) <= set(KNOW_A_CONTROL)


def test_a_new_engine_touches_its_module_and_the_registry() -> None:
    """`bare` and `preview` are words of other things too."""
    names = set(engines.REGISTRY) - {"bare", "preview"}
    assert names
    own = {f"engines/{name}.py" for name in engines.REGISTRY} | {"engines/__init__.py"}
    assert set(_who_says(names)) - own <= set(KNOW_AN_ENGINE)


def _who_says(names: set[str]) -> set[str]:
    """The files outside the families' own modules and previews that hold one of these names as a text."""
    own = {Path(str(family.__file__)).name for family in models.REGISTRY.values()}  # type: ignore[attr-defined]
    own |= {f"{name.removesuffix('.py')}_warm.py" for name in own}
    return {
        file
        for file, tree in sources().items()
        if not (file.startswith("preview/") or (file.startswith("models/") and Path(file).name in own))
        and names & set(_texts(tree))
    }


def _texts(tree: ast.AST) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))

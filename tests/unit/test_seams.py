"""How many files a new family, control, engine or scheduler touches: those that know by name the ones there are."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from cosmosctl import engines, models, schedulers
from cosmosctl.models import diffusers_rows
from tests.support.package import PACKAGE, sources

TEMPLATES = PACKAGE.parent / "templates"

KNOW_A_FAMILY = {
    "models/__init__.py": "the upscaler, the families that can be kept loaded, what only cosmos3's weights refuse",
    "commands/start/jsonl_row.py": "hand-written JSONL is transfer1's own format",
    "templates/launch/diffusers_rows/fit.py": "which of its modules serves which family, in the program that travels",
}
"""Beside the families' own modules and previews; a new family touches none of them."""
KNOW_A_CONTROL = {
    "models/catalog.py": "the controls that several families have alike",
    "media/control.py": "how edge and vis are computed for a family that has no presets of its own",
    "commands/start/given_controls.py": "--seg-prompt",
    "schema/messages.py": "blur, canny and segmentation as other programs call them",
    "templates/launch/diffusers_rows/footage.py": "how edge and vis are computed there, and seg is stretched",
}
KNOW_AN_ENGINE = {
    "schema/files.py": "an example in a help text",
    "schema/hosts.py": "the same",
    "templates/launch/diffusers_rows/Containerfile": "the command that makes an image of it",
}
KNOW_A_SCHEDULER = {
    "schema/hosts.py": "the keys of a host that are options of sbatch and srun, in their words",
    "schema/messages.py": "what such a key may hold",
    "commands/machines/host_add.py": "what is said beside such keys",
    "engines/pyxis.py": "containers by options of srun",
    "domain/batch.py": "where the most jobs of a batch come from",
    "templates/launch/run.sh": "who may run it: an example",
    "templates/launch/supervise/process.py": "why a signal is not for models",
}
SLURM = re.compile(r"(?i)slurm|\b(?:sbatch|squeue|sacct|sacctmgr|scancel|scontrol|sinfo|srun)\b")

PROGRAM_OF = {"cosmos3-diffusers": "cosmos3.py", "transfer2.5-diffusers": "transfer25.py"}
"""Family -> its module in the program that travels."""
PROGRAM = f"templates/launch/{diffusers_rows.PROGRAM}"


def test_a_new_family_touches_its_module_its_preview_and_the_registry() -> None:
    assert set(_who_says(set(models.REGISTRY))) <= set(KNOW_A_FAMILY)


def test_a_new_control_touches_three_files_at_most() -> None:
    """Its family's module, the catalog where another family has it too, the family's preview or program."""
    own = {f"{PROGRAM}/{module}" for module in PROGRAM_OF.values()}
    assert _who_says(set(models.controls())) - own <= set(KNOW_A_CONTROL)


@pytest.mark.parametrize("family", [name for name, one in models.REGISTRY.items() if one.HOME.program])
def test_the_program_that_travels_knows_each_control_of_its_family(family: str) -> None:
    """A mapping in its module has them for its keys: what each is to the networks."""
    tree = ast.parse((PACKAGE.parent / PROGRAM / PROGRAM_OF[family]).read_text(encoding="utf-8"))
    mappings = [node.keys for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    keys = [{key.value for key in one if isinstance(key, ast.Constant)} for one in mappings]
    assert set(models.get(family).CONTROLS) in keys


def test_a_new_engine_touches_its_module_and_the_registry() -> None:
    """`bare` and `preview` are words of other things too."""
    names = set(engines.REGISTRY) - {"bare", "preview"}
    assert names
    own = {f"engines/{name}.py" for name in engines.REGISTRY} | {"engines/__init__.py"}
    assert set(_who_says(names)) - own <= set(KNOW_AN_ENGINE)


def test_a_new_scheduler_touches_its_module_and_the_registry() -> None:
    """Nobody else names the one there is, its commands or its words, in whatever text."""
    assert set(schedulers.REGISTRY) == {"slurm"}
    texts = {path.relative_to(PACKAGE).as_posix(): path for path in _files(PACKAGE)}
    texts |= {path.relative_to(PACKAGE.parent).as_posix(): path for path in _files(TEMPLATES)}
    found = {name for name, path in texts.items() if SLURM.search(path.read_text(encoding="utf-8"))}
    assert "schedulers/slurm.py" in found
    assert {name for name in found if not name.startswith("schedulers/")} == set(KNOW_A_SCHEDULER)


def _who_says(names: set[str]) -> set[str]:
    """The files outside the families' own modules and previews that hold one of these names as a text."""
    own = {Path(str(family.__file__)).name for family in models.REGISTRY.values()}  # type: ignore[attr-defined]
    own |= {f"{name.removesuffix('.py')}_warm.py" for name in own}
    ours = {
        file
        for file, tree in sources().items()
        if not (file.startswith("preview/") or (file.startswith("models/") and Path(file).name in own))
        and names & set(_texts(tree))
    }
    return ours | {file for file, said in _templates().items() if names & said}


@cache
def _templates() -> Mapping[str, frozenset[str]]:
    """A file of what travels -> its texts, in Python; else all of its words."""
    return {path.relative_to(PACKAGE.parent).as_posix(): _said(path) for path in _files(TEMPLATES / "launch")}


def _said(path: Path) -> frozenset[str]:
    text = path.read_text(encoding="utf-8")
    return frozenset(_texts(ast.parse(text)) if path.suffix == ".py" else re.findall(r"[\w.-]+", text))


def _files(folder: Path) -> list[Path]:
    """What is written there, by its ending."""
    written = (".py", ".sh", ".js", ".css", ".html")
    return [path for path in sorted(folder.rglob("*")) if path.suffix in written or path.name == "Containerfile"]


def _texts(tree: ast.AST) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))

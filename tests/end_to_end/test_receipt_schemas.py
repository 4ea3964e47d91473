"""result.yaml and batch.yaml as real batches write them, and the schemas that a project holds of them."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cosmosctl.commands.start.init import init_project
from cosmosctl.yaml.file import load_tool
from tests.end_to_end.test_attach import BARE
from tests.support import aftermath
from tests.support.aftermath import PROMPTS
from tests.support.earlier import FINISHED
from tests.support.tree import Tree

WRONG: list[list[str]] = [[]]
"""No key may have this value."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """A project with a batch on a host with a model, of which one run failed, and a batch that tried this one again."""
    folder = tmp_path_factory.mktemp("receipts")
    root = init_project(folder / "project", demo=False)
    tree = aftermath.swift(Tree(root, folder / "home"))
    tree.config(BARE)
    tree.scene(width=64, height=48, frames=8)
    aftermath.write_runs(tree)
    tree.cli("batch", env=aftermath.faults("bad-input:second"), expect=1)
    tree.cli("retry")
    yield tree
    aftermath.end_processes(tree)


def facts(file: Path) -> dict[str, Any]:
    found = load_tool(file.read_text(encoding="utf-8"))
    assert isinstance(found, dict), file
    return found


def validator(tree: Tree, kind: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(tree.paths.schema(kind).read_bytes()))


def results(tree: Tree) -> list[dict[str, Any]]:
    """Of a version before too."""
    files = [tree.run_paths(run).result.report for run in PROMPTS]
    return [facts(file) for file in (*files, *sorted((FINISHED / "project").rglob("result.yaml")))]


def reports(tree: Tree) -> list[dict[str, Any]]:
    return [facts(batch.report) for batch in tree.batches()]


KINDS = {"result": results, "batch": reports}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_batch_writes_is_as_its_schema_says_and_each_key_is_told(ran: Tree, kind: str) -> None:
    found, schema = KINDS[kind](ran), validator(ran, kind)
    assert len(found) >= 2
    for one in found:
        assert [error.message for error in schema.iter_errors(one)] == []
        assert one.keys() <= schema.schema["properties"].keys()
    assert found[0]["format"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_value_of_any_key_is_found_and_one_that_is_missing(ran: Tree, kind: str) -> None:
    good, schema = KINDS[kind](ran)[0], validator(ran, kind)
    assert [key for key in good if schema.is_valid({**good, key: WRONG})] == []
    without = [key for key in good if schema.is_valid({name: good[name] for name in good if name != key})]
    assert set(without) == good.keys() - set(schema.schema["required"])


@pytest.mark.parametrize(
    ("key", "wrong"), [("weights", {"edge": "0.5"}), ("spec", 5), ("prompt", None), ("parents", "first")]
)
def test_a_wrong_value_of_a_run_in_a_batch_is_found(ran: Tree, key: str, wrong: object) -> None:
    report: Mapping[str, Any] = deepcopy(reports(ran)[0])
    report["groups"][0]["runs"]["rs_b"][key] = wrong
    (error,) = validator(ran, "batch").iter_errors(report)
    assert list(error.absolute_path)[:5] == ["groups", 0, "runs", "rs_b", key]

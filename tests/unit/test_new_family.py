"""A family that is a module, a preview and a line in the registry runs through everything; so does its own control."""

import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from cosmosctl.yaml.reader import parse
from tests.support.tree import TIMEOUT_S, Done, Tree


def toy(tree: Tree, *args: str, expect: int = 0) -> Done:
    """`cosmosctl ARGS` of a cosmosctl that knows the toy family."""
    command = (sys.executable, "-m", "tests.support.toy", *args)
    done = subprocess.run(
        command, cwd=tree.root, env=tree.environment(), capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == expect, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A project whose scene has a video for the toy's own control, and a run of the toy's that was checked."""
    folder = tmp_path_factory.mktemp("toy")
    tree = Tree(folder / "project", folder / "home")
    tree.root.mkdir()
    tree.config("project: 5f3a91c2\nmodel: transfer1\nhost: local\n")
    city = tree.scene(width=64, height=36)
    (city / "sketch.mp4").write_bytes((city / "color.mp4").read_bytes())
    tree.prompt("ps_a")
    made = ("--control", "sketch=0.5", "--softness", "1.5", "--model", "toy", "--id", "rs_toy")
    assert toy(tree, "create", "run", "ps_a", *made).lines == ["rs_toy"]
    toy(tree, "check")
    return tree


def test_a_run_of_a_new_family_is_made_checked_and_run(made: Tree) -> None:
    toy(made, "batch", "rs_toy")
    result = made.run_paths("rs_toy").root / "preview/result.yaml"
    effective = parse(result.read_text(encoding="utf-8")).value
    assert isinstance(effective, dict)
    facts = effective["effective"]
    assert isinstance(facts, dict)
    assert (facts["model"], facts["softness"], facts["seed"], facts["controls.sketch.weight"]) == ("toy", 1.5, 7, 0.5)
    video = made.run_paths("rs_toy").root / "preview/outputs/output.mp4"
    assert video.read_bytes() == (made.root / "inputs/videos/city/color.mp4").read_bytes()


def test_what_a_new_family_does_not_have_is_told_by_create_and_check(tree: Tree) -> None:
    given = ("create", "run", "ps_a", "--model", "toy", "--fps", "24", "--control", "edge=1")
    assert "--fps is not a setting of toy" in toy(tree, *given, expect=2).err
    tree.run("rs_depth", "ps_a", more="model: toy\n", controls="{depth: 0.5}")
    tree.run("rs_sketch", "ps_a", more="model: transfer1\n", controls="{sketch: 0.5}")
    tree.config("project: 5f3a91c2\ndefaults: {toy: {fps: 24, softness: 3}}\n")
    told = toy(tree, "check", expect=3).err
    assert "controls.depth is no control of toy; it has edge, sketch" in told
    assert "controls.sketch is no control of transfer1" in told
    assert "cosmosctl.yaml:2:18: defaults.toy.fps is not a setting of toy; take it out" in told
    assert "defaults.toy.softness must be between 0 and 2, got 3" in told


def test_editors_know_a_new_family(made: Tree) -> None:
    schemas = made.root / ".cosmosctl/schema"
    run = Draft202012Validator(json.loads((schemas / "run.json").read_bytes()))
    good = {"prompt": "ps_a", "model": "toy", "controls": {"sketch": 0.5}, "softness": 1}
    assert run.is_valid(good)
    assert not run.is_valid({**good, "softness": 3})
    assert not run.is_valid({**good, "fps": 24})
    assert not run.is_valid({**good, "model": "transfer1"})
    project = json.loads((schemas / "project.json").read_bytes())["properties"]["defaults"]["properties"]
    assert {name: facts.get("default") for name, facts in project["toy"]["properties"].items()} == {
        "seed": 7,
        "softness": 0.5,
    }

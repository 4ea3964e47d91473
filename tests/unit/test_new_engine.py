"""An engine that is a module and a line in the registry stands in the command that starts a batch."""

import json
import subprocess
import sys

from tests.support.tree import REPOSITORY, TIMEOUT_S, Tree


def test_the_verbs_of_a_new_engine_are_data_of_the_start(quick_tree: Tree) -> None:
    quick_tree.config(
        "project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n"
        "  lab: {dir: /lab, engine: toy, engine_command: [keep], models: {transfer1: {command: [model]}}}\n"
    )
    quick_tree.run("rs_a")
    argv = (
        sys.executable,
        "-m",
        "tests.support.toy_engine.cosmosctl",
        "batch",
        "--export",
        str(quick_tree.home / "out"),
    )
    env = quick_tree.environment({"PYTHONPATH": str(REPOSITORY)})
    done = subprocess.run(argv, cwd=quick_tree.root, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    plan = next((quick_tree.home / "out").rglob("plan.json")).read_text(encoding="utf-8")
    assert json.loads(plan)["host"]["engine"] == "toy"
    for verb in ("start", "alive", "logs", "remove", "made-of"):
        assert f" 'keep {verb}'" in done.stdout
    assert " -- keep create batch_" in done.stdout

"""The schemas that git versions: a fresh clone has what its files name, and no command but `init` changes one."""

import json
import re
from pathlib import Path

import pytest

from cosmosctl import __version__
from cosmosctl.commands.start.init import init_project
from cosmosctl.io.shipped import template
from tests.support.git_world import Work, world
from tests.support.tree import Tree, git

FOLDER = "schemas/cosmosctl"
VERBS = (
    *(("status",), ("check",), ("check", "--files-only"), ("list", "runs"), ("list", "prompts"), ("list", "batches")),
    *(("show", "rs_a"), ("show", "ps_rs_a"), ("diff", "rs_a"), ("history",), ("logs", "rs_a"), ("diff", "main..main")),
    *(("batch", "--dry-run"), ("batch", "--if-needed", "rs_a"), ("fetch",), ("fetch", "rs_a"), ("attach",)),
    *(("gc", "gpu"), ("host", "list"), ("controls", "rs_a"), ("completion", "bash"), ("help",)),
)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    return world(tmp_path, monkeypatch).works["one"]


def test_what_the_files_of_a_fresh_clone_name_is_in_it(work: Work, tmp_path: Path) -> None:
    work.cli("create", "prompt", "a look", "inputs/videos/s", "--id", "ps_new")
    work.cli("create", "run", "ps_new", "--id", "rs_new")
    work.commit("new")
    git(tmp_path, "clone", "-q", str(work.root), "fresh")
    fresh = tmp_path / "fresh"
    assert not (fresh / ".cosmosctl").exists()
    for name in ("cosmosctl.yaml", "prompts/ps_new.yaml", "runs/rs_new/run.yaml"):
        first = (fresh / name).read_text(encoding="utf-8").splitlines()[0]
        place = first.removeprefix("# yaml-language-server: $schema=")
        assert json.loads((fresh / name).parent.joinpath(place).read_bytes())["title"].startswith("cosmosctl ")
    for place in json.loads((fresh / ".vscode/settings.json").read_bytes())["yaml.schemas"]:
        assert (fresh / place).is_file()


def test_no_verb_changes_a_versioned_file_and_the_prompts_are_told_in_one_that_git_ignores(work: Work) -> None:
    """On a branch whose project is of another family too: the schemas there are old, and stay."""
    work.cli("batch")
    work.commit("ran")
    for verb in VERBS:
        work.cli(*verb, expect=None)
        assert work.git("status", "--porcelain") == "", verb
    config = work.paths.config
    config.write_text(config.read_text(encoding="utf-8").replace("model: transfer1", "model: cosmos3", 1))
    work.commit("another family")
    for verb in VERBS[:2]:
        work.cli(*verb, expect=None)
        assert work.git("status", "--porcelain") == "", verb
    offered = json.loads(work.paths.offered_ids.read_bytes())["properties"]["prompt"]["examples"]
    assert offered == ["ps_rs_a", "ps_rs_b"]


def test_check_says_that_schemas_are_old_and_init_brings_them_up_to_date(work: Work) -> None:
    old = f"{FOLDER}/ is not that of this version and project: cosmosctl init brings it up to date"
    assert old not in work.cli("check")
    config = work.paths.config
    config.write_text(config.read_text(encoding="utf-8").replace("model: transfer1", "model: cosmos3", 1))
    assert old in work.cli("check", expect=None)
    said = work.cli("init", str(work.root))
    assert f"{FOLDER}/run.json is that of this version now" in said
    assert f"{FOLDER}/prompt.json" not in said
    assert old not in work.cli("check", expect=None)
    work.paths.schema("batch").unlink()
    assert old in work.cli("check", expect=None)
    work.cli("init", str(work.root))
    assert old not in work.cli("check", expect=None)


def test_schemas_of_a_newer_version_are_kept_and_said(work: Work) -> None:
    newer = __version__.partition(".")[0] + ".999.0"
    file = work.paths.schema("run")
    text = file.read_text(encoding="utf-8").replace(f'"cosmosctl {__version__}', f'"cosmosctl {newer}')
    file.write_text(text, encoding="utf-8")
    words = f"{FOLDER}/ was written by a newer cosmosctl, {newer}"
    assert f"{words}: install that one" in work.cli("check")
    assert f"{words}, and is kept" in work.cli("init", str(work.root))
    assert file.read_text(encoding="utf-8") == text


def test_a_project_without_them_names_the_derived_ones_until_init_is_run(bare_tree: Tree) -> None:
    bare_tree.scene()
    bare_tree.cli("create", "prompt", "a", "inputs/videos/city", "--id", "ps_old")
    assert "$schema=../.cosmosctl/schema/prompt.json" in bare_tree.paths.prompt("ps_old").read_text()
    bare_tree.cli("init", ".")
    bare_tree.cli("create", "run", "ps_old", "--id", "rs_new")
    assert f"$schema=../../{FOLDER}/run.json" in bare_tree.run_paths("rs_new").spec.read_text()
    derived = json.loads((bare_tree.root / ".cosmosctl/schema/run.json").read_bytes())
    assert "ps_old" in derived["$defs"]["transfer1"]["properties"]["prompt"]["examples"]


def test_settings_of_editors_are_brought_up_to_date_unless_they_are_the_users(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project", demo=False)
    settings, today = root / ".vscode/settings.json", (root / ".vscode/settings.json").read_bytes()
    settings.write_bytes(template("earlier", "settings.json").read_bytes())
    init_project(root, demo=False)
    assert settings.read_bytes() == today
    settings.write_text("{}\n")
    said = Tree(root, tmp_path / "home").cli("init", ".").err
    assert re.search(rf"\.vscode/settings\.json was there and is kept; .*{FOLDER}/\*\.json in yaml\.schemas", said)
    assert settings.read_text() == "{}\n"

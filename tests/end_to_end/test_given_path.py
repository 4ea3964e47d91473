"""Any text where a path belongs: it is told in words, never a bug."""

from pathlib import Path

import pytest

from cosmosctl.io.given_path import is_file, is_folder, is_there, no_path_words, shown
from cosmosctl.store.videos import find_scene, path_words
from tests.support.tree import Tree

LONG = "rain on a road, " * 30
NO_PATHS = (LONG, "a\0b", "half \ud83d pair", "x/" * 3000)


@pytest.mark.parametrize("text", NO_PATHS, ids=("long", "nul", "surrogate", "deep"))
def test_a_text_that_can_be_no_path_names_nothing(tmp_path: Path, text: str) -> None:
    assert not is_file(text)
    assert not is_folder(tmp_path / text)
    assert not is_there(text)
    assert no_path_words(text)
    assert shown(text).encode()


def test_what_can_be_a_path_is_one_whether_it_is_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x")
    assert is_file(tmp_path / "one")
    assert is_there(tmp_path / "one")
    assert is_folder(tmp_path)
    assert [no_path_words(text) for text in (str(tmp_path / "one"), "nowhere", "ein Weg/ü", "a\nb")] == [""] * 4


@pytest.mark.parametrize("text", NO_PATHS, ids=("long", "nul", "surrogate", "deep"))
@pytest.mark.parametrize("outside", [False, True])
def test_a_scene_and_a_file_of_such_a_name_are_refused_in_words(tmp_path: Path, text: str, outside: bool) -> None:
    scene = find_scene(tmp_path, text, allow_outside=outside)
    assert scene.mistakes
    assert scene.hint == ""
    assert path_words(tmp_path, text, allow_outside=outside)


@pytest.mark.parametrize("file", ["prompts/ps_b.yaml", "runs/rs_b/run.yaml"])
@pytest.mark.parametrize("outside", [False, True])
def test_a_text_in_place_of_a_path_is_a_mistake_at_its_line_for_every_command(
    tree: Tree, file: str, outside: bool
) -> None:
    tree.config(f"project: 5f3a91c2\nallow_outside_inputs: {str(outside).lower()}\n")
    tree.run("rs_a")
    bodies = {
        "prompts/ps_b.yaml": f'text: x\nvideo: {{color: "{LONG}"}}\n',
        "runs/rs_b/run.yaml": f'prompt: ps_a\ncontrols: {{depth: {{weight: 0.5, input: "{LONG}"}}}}\n',
    }
    path = tree.root / file
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(bodies[file], encoding="utf-8")
    tree.cli("status")
    tree.cli("list", "runs")
    tree.cli("batch", "rs_a", "--dry-run")
    err = tree.cli("check", expect=3).err
    assert f"error: {file}:2:" in err
    assert "rain on a road" in err
    assert "too long for a path" in err


@pytest.mark.parametrize("name", [LONG, "nowhere"], ids=("long", "nowhere"))
def test_a_folder_that_is_not_there_is_told_and_not_the_project_around_it_taken(tree: Tree, name: str) -> None:
    assert "there is no folder" in tree.cli("-C", name, "status", expect=2).err


@pytest.mark.parametrize("name", [LONG, "a file", "a file/inner", "taken"])
def test_init_where_no_project_can_be_made_is_a_usage_error_and_writes_nothing(bare_tree: Tree, name: str) -> None:
    (bare_tree.root / "a file").write_text("x")
    (bare_tree.root / "taken").mkdir()
    (bare_tree.root / "taken/prompts").write_text("x")
    before = bare_tree.files()
    assert "no project can be made there: " in bare_tree.cli("init", name, expect=2).err
    assert bare_tree.files() == before


def test_fetch_from_a_text_that_is_no_path_is_a_usage_error(bare_tree: Tree) -> None:
    assert "does not exist" in " ".join(bare_tree.cli("fetch", "--from", LONG, expect=2).err.split())

"""config.yaml of the user's own: a command when a batch ends, and what holds for every project on this machine."""

import json
from pathlib import Path

import pytest

from cosmosctl.commands.author import author
from cosmosctl.commands.look_copies import make_look_copies
from cosmosctl.commands.on_end import tell_end
from cosmosctl.errors import FileError, FilesError
from cosmosctl.store import load_all
from cosmosctl.store.user_config import UserConfig, user_config
from tests import clips
from tests.support.tree import Tree

QUICK = {"COSMOSCTL_PREVIEW_ROW_S": "0.01"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's config.yaml lies, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config/cosmosctl").mkdir(parents=True)
    return tmp_path / "config/cosmosctl/config.yaml"


def test_a_command_of_the_users_gets_the_summary_of_a_batch_that_ended_and_stops_nothing(
    quick_tree: Tree, own: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told.json"
    own.write_text(f"on_end: [sh, -c, 'cat > \"$1\"; echo no bell >&2; exit 3', sh, {json.dumps(str(told))}]\n")
    quick_tree.run("rs_a")
    done = quick_tree.cli("batch", "--batch-name", "look", env=QUICK)
    assert "on_end: sh ended with 3: no bell" in done.err
    found = json.loads(told.read_text())
    batch = quick_tree.batches()[0].name
    assert (found["batch"], found["state"], found["total"], found["done"]) == (batch, "done", 1, 1)
    assert (found["runs"], found["project"]) == ({"rs_a": "done"}, str(quick_tree.root))
    assert Path(found["videos"]["rs_a"]).is_file()
    told.unlink()
    quick_tree.cli("attach", batch)
    assert not told.exists(), "it ended once"
    own.write_text("on_end: [no-such-program]\n")
    tell_end(quick_tree.paths, batch)
    own.write_text("on_end: []\n")
    with pytest.raises(FilesError, match="on_end must not be empty"):
        tell_end(quick_tree.paths, batch)


def test_a_batch_that_was_detached_tells_of_its_end_when_it_is_fetched(
    quick_tree: Tree, own: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told.json"
    own.write_text(f"on_end: [tee, {json.dumps(str(told))}]\n")
    quick_tree.run("rs_a")
    quick_tree.cli("batch", "--detach", env=QUICK)
    quick_tree.cli("attach")
    assert json.loads(told.read_text())["runs"] == {"rs_a": "done"}


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_look_copies_are_made_as_results_come_home_unless_the_user_wants_none(
    quick_tree: Tree, own: Path, wanted: str
) -> None:
    own.write_text(f"look_copies: {wanted}\n")
    quick_tree.run("rs_a")
    quick_tree.cli("batch", env=QUICK)
    made = sorted(path.suffix for path in quick_tree.paths.looks.glob("*"))
    assert made == ([".jpg", ".jpg", ".mp4"] if wanted == "true" else [])


def test_it_is_told_how_far_look_copies_are(quick_tree: Tree, own: Path) -> None:
    own.write_text("look_copies: false\n")
    quick_tree.run("rs_a")
    quick_tree.cli("batch", env=QUICK)
    own.write_text("look_copies: true\n")
    told: list[tuple[str, int, int]] = []
    make_look_copies(quick_tree.paths, ["rs_a"], lambda *words: told.append(words))
    assert {what for what, _, _ in told} == {"look copies of 1 video"}
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1:] == (1000, 1000)


def test_no_project_names_a_command_to_run(tree: Tree, own: Path) -> None:
    tree.config("project: 5f3a91c2\non_end: [touch, /tmp/x]\n")
    assert "unknown key 'on_end'" in load_all(tree.root).problems[0].message
    (tree.root / "cosmosctl").mkdir()
    (tree.root / "cosmosctl/config.yaml").write_text("on_end: [touch, x]\n")
    (tree.root / "config.yaml").write_text("on_end: [touch, x]\n")
    assert user_config() == UserConfig()


def test_a_file_that_others_can_write_is_not_believed(own: Path) -> None:
    own.write_text("quiet: [video]\n")
    own.chmod(0o666)
    with pytest.raises(FileError, match="others can write it"):
        user_config()
    own.chmod(0o644)
    assert user_config().quiet == ("video",)


def test_every_mistake_is_told_at_its_place(own: Path) -> None:
    own.write_text("on_edn: [x]\nfolders: [clips]\nlook_copies: maybe\n")
    with pytest.raises(FilesError) as error:
        user_config()
    told = "\n".join(error.value.messages)
    assert f"{own}:1:1: unknown key 'on_edn'; did you mean on_end?" in told
    assert f"{own}:2:11: folders[0] must be an absolute path" in told
    assert f"{own}:3:14: look_copies must be true or false" in told
    own.write_text("")
    assert user_config() == UserConfig()


def test_what_the_user_silences_is_silent_in_every_project(tree: Tree, own: Path) -> None:
    tree.run("rs_a")
    assert "pads below 121" in tree.cli("check").err
    own.write_text("quiet: [video, random]\n")
    assert tree.cli("check").err == ""


def test_links_may_end_in_the_folders_that_the_user_names(tree: Tree, own: Path, tmp_path: Path) -> None:
    clips.scene(tmp_path / "disk/park")
    (tree.root / "inputs/videos/park").symlink_to(tmp_path / "disk/park")
    tree.prompt("ps_b", scene="inputs/videos/park")
    assert "leaves the project by a symbolic link" in load_all(tree.root).problems[0].message
    own.write_text(f"folders: [{json.dumps(str(tmp_path / 'disk'))}]\n")
    assert load_all(tree.root).problems == ()
    own.unlink()
    assert "leaves the project by a symbolic link" in load_all(tree.root).problems[0].message


def test_ratings_are_given_in_the_name_that_the_user_chose(tree: Tree, own: Path) -> None:
    tree.git("init", "-q")
    tree.git("config", "user.name", "ada of git")
    assert author(tree.paths) == "ada of git"
    own.write_text("author: Ada\n")
    assert author(tree.paths) == "Ada"

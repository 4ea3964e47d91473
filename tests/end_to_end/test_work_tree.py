"""Links that end within the project's own git work tree are inside; nothing else is by that."""

import re
import shlex
import shutil
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest

from cosmosctl.commands.audience import Nobody
from cosmosctl.commands.machines import host_allow
from cosmosctl.commands.run import batch, make_batches
from cosmosctl.commands.run.request import Request
from cosmosctl.host import trust
from cosmosctl.store import load_all
from tests import clips
from tests.support.tree import Tree, git

LEAVES = "leaves the project by a symbolic link"


def test_a_link_to_a_video_of_the_same_work_tree_is_inside(inner: Tree) -> None:
    link_to(inner, clips.color(inner.root.parent / "videos/color.mp4"))
    assert LEAVES in inner.cli("check", expect=3).err
    git(inner.root.parent, "init", "-q")
    inner.cli("check")


def test_a_link_to_where_git_annex_keeps_files_is_inside_in_a_linked_work_tree_too(tmp_path: Path, inner: Tree) -> None:
    main = inner.root.parent
    git(main, "init", "-q")
    git(main, "add", "-A")
    git(main, "commit", "-qm", "base")
    kept = clips.color(main / ".git/annex/objects/a/color.mp4")
    git(main, "worktree", "add", "-q", str(tmp_path / "linked"))
    linked = Tree(tmp_path / "linked/project", inner.home)
    link_to(linked, kept)
    linked.cli("check")
    link_to(linked, clips.color(main / "videos/color.mp4"))
    assert LEAVES in linked.cli("check", expect=3).err


def test_batches_of_two_work_trees_are_told_apart_by_their_names(tmp_path: Path, quick_tree: Tree) -> None:
    quick_tree.run("rs_a")
    quick_tree.git("init", "-q")
    quick_tree.git("add", "-A")
    quick_tree.git("commit", "-qm", "base")
    names = {"look": "urban-look_", "a name that is no id": "urban-497897_"}
    for number, (name, expected) in enumerate(names.items()):
        quick_tree.git("worktree", "add", "-q", "-b", f"b{number}", str(tmp_path / name))
        linked = Tree(tmp_path / name, quick_tree.home, quick_tree.env)
        linked.cli("batch", "--batch-name", "urban", "--export", str(tmp_path / f"out{number}"))
        assert linked.batches()[-1].name.startswith(expected), linked.batches()
    quick_tree.cli("batch", "--batch-name", "urban", "--export", str(tmp_path / "out"))
    assert quick_tree.batches()[-1].name.startswith("urban_")


def test_batches_of_two_clones_within_one_second_have_names_of_their_own(
    tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.run("rs_a")
    clone = shutil.copytree(tree.root, tmp_path / "clone")
    monkeypatch.setattr(make_batches, "datetime", Stopped)
    made = [batch.make(batch.look(root, Request(("rs_a",)), Nobody()), "urban")[0].name for root in (tree.root, clone)]
    stem = f"urban_{MOMENT.astimezone():%Y%m%d_%H%M}"
    assert made == [f"{stem}00", f"{stem}01"]


MOMENT = datetime(2026, 11, 29, 9, 15, tzinfo=UTC)


class Stopped(datetime):
    """A clock that always says MOMENT."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return MOMENT.astimezone(tz)


def test_a_file_that_only_calls_itself_a_linked_work_tree_opens_nothing(tmp_path: Path, inner: Tree) -> None:
    private = tmp_path / "private"
    (private / "more").mkdir(parents=True)
    (private / "more/commondir").write_text("..\n")
    (inner.root / ".git").write_text(f"gitdir: {private}/more\n")
    link_to(inner, clips.color(private / "color.mp4"))
    assert LEAVES in inner.cli("check", expect=3).err
    (private / "more/gitdir").write_text(f"{tmp_path}/elsewhere/.git\n")
    assert LEAVES in inner.cli("check", expect=3).err


def test_a_home_that_is_in_git_is_no_work_tree_of_a_project(inner: Tree) -> None:
    home = inner.root.parent
    git(home, "init", "-q")
    link_to(inner, clips.color(home / "videos/color.mp4"))
    assert LEAVES in inner.cli("check", env={"HOME": str(home)}, expect=3).err
    inner.cli("check", env={"HOME": str(home.parent / "elsewhere")})


def test_a_link_to_a_folder_that_the_user_allowed_on_this_machine_is_inside(tmp_path: Path, quick_tree: Tree) -> None:
    """And a batch sends what lies there."""
    link_to(quick_tree, clips.color(tmp_path / "disk of videos/color.mp4", width=64, height=48, frames=8))
    quick_tree.run("rs_a")
    told = quick_tree.cli("check", expect=3).err
    assert LEAVES in told
    way = re.search(r"which cosmosctl (host allow --folder .*) allows", told)
    assert way is not None
    quick_tree.cli(*shlex.split(way[1]))
    quick_tree.cli("batch")
    assert quick_tree.states() == {"rs_a": "done"}


@pytest.mark.parametrize("what", ["city", "videos"])
def test_a_scene_or_all_videos_may_be_such_a_link_and_what_lies_beside_the_folder_may_not(
    what: str, tmp_path: Path, tree: Tree
) -> None:
    disk, inputs = tmp_path / "disk", tree.root / "inputs"
    place = inputs / "videos" if what == "videos" else inputs / "videos/city"
    for name in ("mine", "mine-not"):
        shutil.copytree(place, disk / name)
    shutil.rmtree(place)
    place.symlink_to(disk / "mine")
    assert LEAVES in _mistakes(tree)
    trust.allow(host_allow.folder_leave(disk / "mine"))
    assert _mistakes(tree) == ""
    place.unlink()
    place.symlink_to(disk / "mine-not")
    assert LEAVES in _mistakes(tree)


@pytest.mark.parametrize("wide", [".", "..", "/", "nothing"])
def test_no_folder_is_allowed_that_holds_a_home_or_is_not_there(wide: str, tmp_path: Path, bare_tree: Tree) -> None:
    home = tmp_path / "users/me"
    home.mkdir(parents=True)
    told = bare_tree.cli("host", "allow", "--folder", str(home / wide), env={"HOME": str(home)}, expect=3).err
    assert "home folder lies in it" in told or "there is no such folder" in told


@pytest.fixture
def inner(tmp_path: Path, tree: Tree) -> Tree:
    """A project in a folder of its own within a larger one."""
    root = tmp_path / "larger/project"
    shutil.copytree(tree.root, root)
    inner = Tree(root, tree.home)
    inner.run("rs_a")
    return inner


def link_to(tree: Tree, video: Path) -> None:
    link = tree.root / "inputs/videos/city/color.mp4"
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(video)


def _mistakes(tree: Tree) -> str:
    return "\n".join(problem.words for problem in load_all(tree.root).problems)

"""Links that end within the project's own git work tree are inside; nothing else is by that."""

import shutil
from pathlib import Path

import pytest

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

"""`rate` and `list runs --rating`: a rating is of a video, and git joins those of two people."""

import json
import shutil
from typing import Any

import pytest

from cosmosctl.commands.choose.rate import Given, rate
from cosmosctl.errors import UsageError
from cosmosctl.results.ratings import read_ratings
from tests.support.tree import Tree, git

QUICK = {"COSMOSCTL_PREVIEW_ROW_S": "0.01"}


@pytest.fixture
def done(quick_tree: Tree) -> Tree:
    """Three runs with previews."""
    for name, weight in (("rs_a", 0.4), ("rs_b", 0.5), ("rs_c", 0.6)):
        quick_tree.run(name, controls=f"{{edge: {weight}}}", more=f"guidance: 7\ntags: [{name}t]\n")
    quick_tree.cli("batch", env=QUICK)
    return quick_tree


def listed(tree: Tree, *args: str) -> list[str]:
    return tree.cli("list", "runs", "--ids", *args).lines


def test_runs_are_found_by_their_ratings_words_and_settings_and_sorted_by_them(done: Tree) -> None:
    out = done.cli("rate", "--stars", "4", "rs_a", "rs_b", "--author", "ada").out
    assert "rs_a  4  runs/rs_a/preview/outputs/output.mp4\n" in out
    note = 'the lamp: "blinks"\n# twice'
    done.cli("rate", "--accept", "--note", note, "--frame", "3", "runs/rs_b", "--author", "ada")
    done.cli("rate", "--stars", "1", "--reject", "rs_c")
    assert listed(done, "--rating", "4+") == ["rs_a", "rs_b"]
    assert listed(done, "--rating", "accepted") == ["rs_b"]
    assert listed(done, "--sort", "rating") == ["rs_c", "rs_a", "rs_b"]
    assert listed(done, "--sort", "rating", "--limit", "1") == ["rs_b"]
    assert listed(done, "lamp", "guidance=7") == ["rs_b"]
    assert listed(done, "--tag", "rs_at", "--model", "transfer1") == ["rs_a"]
    assert listed(done, "--model", "cosmos3") == []
    rows = {row["id"]: row for row in json.loads(done.cli("list", "runs", "--json").out)}
    assert [(rows[run]["stars"], rows[run]["accepted"]) for run in rows] == [(4, None), (4, True), (1, False)]
    entry = read_ratings(done.run_paths("rs_b").ratings)[-1]
    assert (entry.stars, entry.accepted, entry.note, entry.frame) == (4, True, note, 3)
    assert "write one of 4+, 3-" in done.cli("list", "runs", "--rating", "good", expect=2).err


def test_asking_git_for_a_name_runs_nothing_that_the_projects_git_names(done: Tree) -> None:
    done.git("init", "-q")
    mark = done.home / "ran"
    program = done.home / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    keys = ("core.pager", "pager.config", "core.fsmonitor", "core.editor", "core.sshCommand", "credential.helper")
    for key in (*keys, "core.hooksPath", "diff.external", "filter.x.smudge"):
        done.git("config", key, str(program))
    done.git("config", "alias.config", f"!{program}")
    done.git("config", "user.name", "Eve\x1b[2J of a stranger")
    out = done.cli("rate", "--stars", "4", "rs_a").out
    assert not mark.exists()
    assert "\x1b" not in out
    assert "Eve" in read_ratings(done.run_paths("rs_a").ratings)[-1].author


def test_tags_and_notes_and_ratings_leave_a_run_as_it_is(done: Tree) -> None:
    spec = done.run_paths("rs_a").spec
    spec.write_text(spec.read_text().replace("tags: [rs_at]", "tags: [night, rain]\nnotes: look again"))
    done.cli("rate", "--stars", "5", "rs_a")
    assert done.states()["rs_a"] == "done"
    done.cli("check")


def test_a_rating_is_of_a_video_and_stays_with_it(done: Tree) -> None:
    done.cli("rate", "--stars", "5", "rs_a", "--author", "ada")
    spec = done.run_paths("rs_a").spec
    before = spec.read_text()
    spec.write_text(before.replace("guidance: 7", "guidance: 3"))
    done.cli("batch", "rs_a", env=QUICK)
    assert listed(done, "--rating", "rated") == []
    assert ["rated 5" in line for line in done.cli("history", "rs_a").lines] == [False, True]
    done.cli("rate", "--stars", "2", "rs_a", "--author", "ada")
    assert [one.stars for one in read_ratings(done.run_paths("rs_a").ratings)] == [5, 2]
    shown = json.loads(done.cli("show", "rs_a", "--json").out)
    assert shown["ratings"][0]["stars"] == 2
    assert [one["video"] for one in shown["ratings"]] == ["present", "earlier"]


def test_what_is_said_can_be_taken_back(done: Tree) -> None:
    done.cli("rate", "--stars", "5", "--accept", "rs_a")
    assert "rs_a  accepted  " in done.cli("rate", "--stars", "0", "rs_a").out
    assert "rs_a  unrated  " in done.cli("rate", "--clear", "rs_a").out
    assert listed(done, "--rating", "unrated") == ["rs_a", "rs_b", "rs_c"]


@pytest.mark.parametrize(
    ("words", "given", "what"),
    [
        (("rs_a",), {}, "say what you think"),
        (("rs_a",), {"clear": True, "stars": 3}, "say what you think"),
        (("rs_a",), {"stars": 6}, "--stars must be between 0 and 5, got 6"),
        (("rs_a",), {"stars": 3, "author": " "}, "--author is empty"),
        (("rs_a",), {"note": "x" * 2001}, "--note has 2001 characters, at most 2000 fit"),
        (("rs_z",), {"stars": 3}, "there is no run 'rs_z'"),
        (("rs_a",), {"stars": 3}, "rs_a has no video here to rate"),
    ],
)
def test_what_cannot_be_meant_rates_nothing(
    tree: Tree, words: tuple[str, ...], given: dict[str, Any], what: str
) -> None:
    tree.run("rs_a")
    before = tree.files()
    with pytest.raises(UsageError) as error:
        rate(tree.root, words, Given(**given))
    assert what in error.value.message
    assert tree.files() == before


def test_two_people_rate_at_once_and_git_loses_nothing(done: Tree) -> None:
    done.cli("init", ".")
    done.git("init", "-q", "-b", "main")
    done.git("config", "user.name", "ada")
    done.cli("rate", "--stars", "3", "rs_a")
    done.git("add", "-A")
    done.git("commit", "-qm", "a look")
    other = Tree(done.root.with_name("bobs"), done.home, done.env)
    git(done.root.parent, "clone", "-q", str(done.root), str(other.root))
    other.git("config", "user.name", "bob")
    for run in ("rs_a", "rs_b"):
        shutil.copytree(done.run_paths(run).preview.root, other.run_paths(run).preview.root)
    for tree, stars in ((done, "5"), (other, "1")):
        tree.cli("rate", "--stars", stars, "--note", f"{stars} of mine", "rs_a", "rs_b")
        tree.git("add", "-A")
        tree.git("commit", "-qm", f"{stars} stars")
    done.git("pull", "-q", "--no-rebase", "--no-edit", str(other.root), "main")
    said = {run: read_ratings(done.run_paths(run).ratings) for run in ("rs_a", "rs_b")}
    assert sorted((one.author, one.stars) for one in said["rs_a"]) == [("ada", 3), ("ada", 5), ("bob", 1)]
    assert sorted((one.author, one.stars) for one in said["rs_b"]) == [("ada", 5), ("bob", 1)]
    rows = {row["id"]: row for row in json.loads(done.cli("list", "runs", "--json").out)}
    assert [rows[run]["stars"] for run in ("rs_a", "rs_b")] == [3.0, 3.0]
    assert done.git("status", "--short") == ""
    done.cli("check")


def test_several_who_rate_in_one_project_at_once_are_all_there(done: Tree) -> None:
    several = [done.start("rate", "--stars", str(n % 5 + 1), "rs_a", "--author", f"a{n}") for n in range(6)]
    assert [one.communicate(timeout=300)[1] for one in several] == [""] * 6
    assert len(read_ratings(done.run_paths("rs_a").ratings)) == 6


def test_check_tells_of_ratings_that_cannot_be_read(tree: Tree) -> None:
    tree.run("rs_a")
    tree.run_paths("rs_a").ratings.write_text("- {stars: 4}\n")
    done = tree.cli("check", expect=3)
    assert "runs/rs_a/ratings.yaml: entry 1 is no rating" in done.err

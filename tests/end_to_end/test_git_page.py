"""docs/git.md: every command of its blocks is run, in order, and does what the page says."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cosmosctl.domain.layout import ProjectPaths
from tests import clips
from tests.support.git_world import made_from
from tests.support.held_model import HeldModel
from tests.support.newcomer import newcomer
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

PAGE = (REPOSITORY / "docs/git.md").read_text(encoding="utf-8")
PROMPT = "cosmosctl create prompt 'a street' inputs/videos/street --id ps_street\n"
RUN = "cosmosctl create run ps_street --weights 0 0.5 0 0 --id rs_base\n"
RAN = """
git checkout -q {branch}
sed -i 's/edge: .*/edge: {weight}/' runs/rs_base/run.yaml
cosmosctl batch --changed
git add -A
git commit -qm '{branch} ran'
"""
BROUGHT_BY = {"lfs": ("git-lfs", "git lfs pull"), "annex": ("git-annex", "git annex get"), "dvc": ("dvc", "dvc pull")}
"""The word of a block -> the program that it needs, and what `check` names in a clone."""


def blocks(heading: str) -> list[str]:
    """The commands of a section, each block as it stands; those of one word are told apart by it."""
    section = re.split(r"^## ", PAGE.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    return re.findall(r"```sh\n(.*?)```", section, flags=re.S)


@dataclass(frozen=True)
class Shell:
    """Somebody who types in a project; what they type has to succeed."""

    root: Path
    env: Mapping[str, str]

    def type(self, script: str, *, expect: int = 0) -> str:
        done = subprocess.run(
            ("sh", "-eux", "-c", script),
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def states(self) -> dict[str, str]:
        done = subprocess.run(
            ("cosmosctl", "list", "runs", "--json"),
            cwd=self.root,
            env=self.env,
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        return {row["id"]: row["status"] for row in json.loads(done.stdout)}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A newcomer, whose project has a prompt and a run, both committed; its host has a model."""
    root = tmp_path / "project"
    clips.scene(root / "inputs/videos/street", width=64, height=36)
    for name in ("videos", "model"):
        (tmp_path / name).mkdir()
    main = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "init.defaultBranch", "GIT_CONFIG_VALUE_0": "main"}
    shell = Shell(root, {**newcomer(tmp_path), **main, "GIT_CONFIG_NOSYSTEM": "1", "DVC_NO_ANALYTICS": "1"})
    (first,) = re.findall(r"```sh\n(.*?)```", PAGE.partition("## ")[0], flags=re.S)
    shell.type(first)
    config, block = root / "cosmosctl.yaml", HeldModel(tmp_path / "model").host(tmp_path / "host")
    config.write_text(config.read_text().replace("\nhost: local", "\nhost: gpu") + f"\nhosts:\n  gpu:\n{block}")
    shell.type(f"cosmosctl host allow gpu\n{PROMPT}{RUN}git add -A\ngit commit -qm base\n")
    return shell


def test_the_commands_of_the_page_work_as_they_stand(shell: Shell) -> None:
    base = ProjectPaths(shell.root).run("rs_base").result.outputs / "output.mp4"
    look, compare = blocks("Branches")
    shell.type(look)
    for branch, weight in (("look", 0.6), ("main", 0.7)):
        shell.type(RAN.format(branch=branch, weight=weight))
    assert "controls.edge.weight: 0.7 -> 0.6" in shell.type(compare)
    (merge,) = blocks("Merge")
    begin, finish = merge.split("\n", 1)
    assert "CONFLICT" in shell.type(begin, expect=1)
    assert (shell.root / "runs/rs_base/result.yaml").read_text().startswith("# Written by cosmosctl")
    shell.type(finish)
    assert made_from(base)[1] == 0.6
    (second,) = blocks("Work trees")
    assert re.search(r"Absent.*rs_base.*\nrs_base +done.*no mistakes", shell.type(second), flags=re.S)
    colleague, anew = blocks("Clones and copies")
    assert re.search(r"elsewhere.*\nrs_base +done", shell.type(colleague), flags=re.S)
    rows = (shell.root.parent / "model/rows").read_text().splitlines()
    assert len(rows) == 3  # two runs on look, one on main, and nothing since
    shell.type("".join((anew, *blocks("Large files"), *blocks("CI and hooks"), *blocks("Scripts"))))
    assert shell.states() == {"rs_base": "done", "rs_look": "done"}
    seen = shell.type("git ls-files").splitlines()
    assert {"cosmosctl.yaml", "runs/rs_look/run.yaml", ".gitignore", ".gitattributes"} <= set(seen)
    assert not [name for name in seen if name.endswith(".mp4") or name.startswith(".cosmosctl/")]


@pytest.mark.parametrize("kind", BROUGHT_BY)
def test_videos_are_versioned_and_brought_to_a_clone_as_the_page_says(shell: Shell, kind: str) -> None:
    program, command = BROUGHT_BY[kind]
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    (add,), (bring,) = (re.findall(rf"```sh {words}\n(.*?)```", PAGE, flags=re.S) for words in (kind, f"{kind} clone"))
    shell.type(f"{add}cosmosctl check\ngit clone -q . ../clone\n")
    assert (shell.root / "runs/rs_base/run.yaml").is_file() and not (shell.root / "runs/rs_base/run.yaml").is_symlink()
    clone = Shell(shell.root.parent / "clone", shell.env)
    assert command in clone.type("cosmosctl check", expect=3)
    clone.type("cosmosctl check --files-only")
    assert "no mistakes in 1 run and " in clone.type(bring)
    assert clone.type("git status --porcelain") == "+ git status --porcelain\n"


def test_every_block_of_the_page_is_run() -> None:
    headings = ("Branches", "Merge", "Work trees", "Clones and copies", "Large files", "CI and hooks", "Scripts")
    played = 1 + sum(len(blocks(heading)) for heading in headings) + 2 * len(BROUGHT_BY)
    assert PAGE.count("```") == 2 * played

"""Nothing that a project brings is run on this machine before it was allowed here once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cosmosctl.domain.layout import BatchPaths
from cosmosctl.domain.project import Host
from cosmosctl.errors import FileError
from cosmosctl.host import trust
from cosmosctl.io import links, own, user_state
from cosmosctl.store import find_root, local_dir
from tests.support import terminal
from tests.support.tree import Tree

HOST = Host("lab", "bare", "/data", address="box", ssh_args=("-F", "conf/ssh"), engine_command=("sh", "run.sh"))


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has allowed nothing yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("COSMOSCTL_ALLOW_HOSTS")
    return tmp_path


def test_a_host_is_used_once_it_was_allowed_as_it_stands(nobody: Path) -> None:
    with pytest.raises(trust.NotAllowed, match=r"host lab.*was not allowed on this machine yet") as caught:
        trust.allowed_host(nobody, HOST)
    trust.allow(caught.value.leave)
    assert trust.allowed_host(nobody, HOST) == HOST
    with pytest.raises(trust.NotAllowed):
        trust.allowed_host(nobody, replace(HOST, ssh_args=("-oProxyCommand=x",)))


def test_a_file_of_the_project_that_a_block_names_is_allowed_with_it(nobody: Path) -> None:
    (nobody / "conf").mkdir()
    (nobody / "conf/ssh").write_text("Host box\n")
    leave = trust.host_leave(nobody, HOST)
    assert "conf/ssh" in leave.text
    trust.allow(leave)
    trust.allowed_host(nobody, HOST)
    (nobody / "conf/ssh").write_text("Host box\n  ProxyCommand x\n")
    with pytest.raises(trust.NotAllowed):
        trust.allowed_host(nobody, HOST)


def test_what_a_person_has_to_see_of_a_block_moves_no_cursor(nobody: Path) -> None:
    text = trust.host_leave(nobody, replace(HOST, engine_command=("\x1b[2Jnice", "\u202egood"))).text
    assert text.isascii()
    assert text.replace("\n", "").isprintable()


def test_only_the_preview_that_every_project_has_needs_no_leave(nobody: Path) -> None:
    local = Host("local", "preview", local_dir())
    assert trust.allowed_host(nobody, local) == local
    for other in (replace(local, dir="/elsewhere"), replace(local, address="box"), replace(local, env={"A": "b"})):
        with pytest.raises(trust.NotAllowed):
            trust.allowed_host(nobody, other)


@pytest.mark.parametrize("names", ["lab", "x, lab", "*"])
def test_a_script_allows_hosts_by_name(nobody: Path, monkeypatch: pytest.MonkeyPatch, names: str) -> None:
    monkeypatch.setenv("COSMOSCTL_ALLOW_HOSTS", names)
    assert trust.allowed_host(nobody, HOST) == HOST


def test_a_block_that_names_more_than_can_be_looked_at_is_refused(nobody: Path) -> None:
    (nobody / "code").mkdir()
    for number in range(trust.NAMED_FILES + 1):
        (nobody / f"code/{number}.py").touch()
    with pytest.raises(FileError, match="more than anybody can look at"):
        trust.host_leave(nobody, replace(HOST, engine_command=("sh", "code")))


def test_a_batch_is_believed_where_it_was_made_also_after_a_move(tree: Tree, tmp_path: Path) -> None:
    tree.run("rs_a")
    tree.cli("batch")
    moved = tmp_path / "moved"
    shutil.copytree(tree.root, moved)
    (batch,) = tree.batches()
    assert trust.is_believed(batch)
    assert trust.is_believed(BatchPaths(moved / "batches" / batch.name))
    plan = json.loads(batch.plan.read_text())
    batch.plan.write_text(json.dumps(plan | {"stall_s": 1}))
    assert not trust.is_believed(batch)


def test_a_plan_that_git_brought_is_run_by_no_verb_before_it_was_allowed(tree: Tree, tmp_path: Path) -> None:
    tree.run("rs_a")
    tree.cli("batch")
    (batch,) = tree.batches()
    batch.end.unlink()
    plan = json.loads(batch.plan.read_text())
    plan["groups"][0]["argv"] = ["/bin/sh", "-c", f"echo ran > {tmp_path}/ran"]
    batch.plan.write_text(json.dumps(plan))
    for verb in (("attach",), ("attach", batch.name), ("fetch",), ("cancel", batch.name), ("logs", batch.name)):
        tree.cli(*verb, expect=None)
    assert not (tmp_path / "ran").exists()
    assert tree.states()["rs_a"] != "queued"
    told = tree.cli("attach", batch.name, expect=4).err
    assert f"cosmosctl host allow --batch {batch.name}" in told
    assert str(tmp_path / "ran") in told


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda group: group.pop("argv"), "'argv' is missing"),
        (lambda group: group.update(argv=7), "argv is no list of words"),
        (lambda group: group.update(argv=["sh", ["-c"]]), "argv is no list of words"),
        (lambda group: group.update(fallback=7), ""),
        (lambda group: group.update(fallback=[7]), "it is no mapping"),
    ],
)
def test_a_plan_whose_commands_cannot_be_shown_is_no_plan(
    tree: Tree, change: Callable[[dict[str, Any]], object], why: str
) -> None:
    tree.run("rs_one")
    tree.cli("batch", "--detach")
    [batch] = tree.batches()
    plan = json.loads(batch.plan.read_text())
    change(plan["groups"][0])
    batch.plan.write_text(json.dumps(plan) + "\n")
    for command in (("attach", batch.name), ("host", "allow", "--batch", batch.name)):
        told = tree.cli(*command, expect=3).err
        assert f"plan.json: cannot be read as a plan: {why}" in told
        assert f"cosmosctl cancel {batch.name} --abandon" in told


def test_a_link_is_followed_only_to_where_it_was_allowed_to_lead(nobody: Path) -> None:
    (nobody / "disk").mkdir()
    (nobody / "disk/a").write_text("x")
    (nobody / "history").symlink_to("disk")
    with pytest.raises(own.NotOwn, match="history: is a symbolic link"):
        own.read_bytes(nobody / "history/a", most=10)
    trust.allow(trust.link_leave(nobody / "history"))
    assert own.read_bytes(nobody / "history/a", most=10) == b"x"
    (nobody / "history").unlink()
    (nobody / "history").symlink_to("/etc")
    with pytest.raises(own.NotOwn, match="history: is a symbolic link"):
        own.read_bytes(nobody / "history/passwd", most=10_000)


def test_nothing_irregular_or_too_large_is_read(nobody: Path) -> None:
    os.mkfifo(nobody / "pipe")
    (nobody / "device").symlink_to("/dev/zero")
    (nobody / "large").write_bytes(bytes(11))
    for name, words in (("pipe", "is no regular file"), ("device", "is a symbolic link"), ("large", "has 11 bytes")):
        with pytest.raises(own.NotOwn, match=words):
            own.read_bytes(nobody / name, most=10)
    with pytest.raises(FileNotFoundError):
        own.read_bytes(nobody / "nothing", most=10)


def test_removing_goes_through_no_link(nobody: Path) -> None:
    (nobody / "mine/docs").mkdir(parents=True)
    (nobody / "staging").symlink_to("mine")
    with pytest.raises(own.NotOwn, match="staging: is a symbolic link"):
        own.remove(nobody / "staging/docs")
    (nobody / "folder").mkdir()
    (nobody / "folder/link").symlink_to(nobody / "mine")
    own.remove(nobody / "folder")
    own.remove(nobody / "staging")
    assert sorted(path.name for path in nobody.iterdir()) == ["mine"]
    assert (nobody / "mine/docs").is_dir()


def test_only_this_user_signs(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = user_state.signature(b"cache")
    assert len(signed) == 32
    assert user_state.signature(b"cache") == signed
    assert user_state.signature(b"other") != signed
    monkeypatch.setenv("XDG_STATE_HOME", str(nobody / "another"))
    assert user_state.signature(b"cache") != signed


def test_a_key_that_others_could_have_written_signs_nothing(nobody: Path) -> None:
    user_state.signature(b"")
    (user_state.state_dir() / "key").chmod(0o644)
    assert user_state.signature(b"cache") == ""


def test_a_clone_asks_once_for_a_host_and_a_script_says_it_by_a_command(tree: Tree, tmp_path: Path) -> None:
    tree.run("rs_a")
    tree.config(f"project: 5f3a91c2\nhost: desk\nhosts: {{desk: {{engine: preview, dir: {tmp_path}/desk}}}}\n")
    nobody = {"COSMOSCTL_ALLOW_HOSTS": "", "XDG_STATE_HOME": str(tmp_path / "state")}
    told = tree.cli("batch", env=nobody, expect=4).err
    assert "host desk, which says what is run here and there, was not allowed on this machine yet" in told
    assert f'dir: "{tmp_path}/desk"' in told
    assert "cosmosctl host allow desk" in told
    assert not tree.paths.batches.exists()
    assert "to send: not known" in tree.cli("batch", "--dry-run", env=nobody).out
    assert "allowed: host desk" in tree.cli("host", "allow", "desk", env=nobody).out
    tree.cli("batch", env=nobody)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
@pytest.mark.parametrize("given", ["cosmosctl.yaml", "."])
def test_a_project_of_another_user_is_refused_until_it_was_allowed(nobody: Path, given: str) -> None:
    (nobody / "shared/below").mkdir(parents=True)
    (nobody / "shared/cosmosctl.yaml").write_text("project: 5f3a91c2\nhost: lab\n")
    os.chown(nobody / "shared" / given, 12345, 12345)
    with pytest.raises(FileError, match="this project belongs to another user") as caught:
        find_root(nobody / "shared/below")
    assert caught.value.hint.endswith(f"cosmosctl host allow --folder {nobody}/shared")
    trust.allow(trust.folder_leave(nobody / "shared"))
    assert find_root(nobody / "shared/below") == nobody / "shared"


def test_what_needs_no_leave_or_is_not_there_cannot_be_allowed(tree: Tree) -> None:
    assert "needs no leave" in tree.cli("host", "allow", "local", expect=2).err
    assert "there is no host 'nix'" in tree.cli("host", "allow", "nix", expect=2).err
    assert "name what to allow" in tree.cli("host", "allow", expect=2).err
    assert "is no symbolic link" in tree.cli("host", "allow", "--link", "runs", expect=3).err


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_it_is_asked_with_the_block_shown(tree: Tree, tmp_path: Path, answer: str) -> None:
    tree.run("rs_a")
    tree.config(f"project: 5f3a91c2\nhost: desk\nhosts: {{desk: {{engine: preview, dir: {tmp_path}/desk}}}}\n")
    nobody = {"COSMOSCTL_ALLOW_HOSTS": "", "XDG_STATE_HOME": str(tmp_path / "state")}
    code, shown = terminal.asked(tree, "batch", question="[y/N]", answer=answer, env=nobody)
    assert f'dir: "{tmp_path}/desk"' in shown
    assert code == {"y": 0, "n": 4}[answer]
    assert tree.states()["rs_a"] == {"y": "done", "n": "pending"}[answer]


LINKS = ("batches", "runs/rs_a/history")
"""People keep these on another disk."""
MISTAKES = ("runs/rs_a/preview", "runs/rs_a/logs", "runs/rs_a/outputs", "runs/rs_a", "runs")
"""Links in place of these stay mistakes."""


def moved_out(tree: Tree, place: str, disk: Path) -> Path:
    """The place of the project, now a link to what it was."""
    link = tree.root / place
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.exists():
        shutil.move(link, disk)
    else:
        disk.mkdir()
    link.symlink_to(disk)
    return link


@pytest.mark.parametrize("place", LINKS)
@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_it_is_asked_for_a_link_to_another_disk_too(
    tree: Tree, tmp_path: Path, place: str, answer: str
) -> None:
    tree.run("rs_a")
    tree.cli("batch")
    tree.run("rs_a", controls="{edge: 0.6}")
    moved_out(tree, place, tmp_path / "disk")
    nobody = {"COSMOSCTL_ALLOW_HOSTS": ""}
    code, shown = terminal.asked(tree, "batch", "rs_a", question="[y/N]", answer=answer, env=nobody)
    assert f"the link {tree.root}/{place} was not allowed on this machine yet" in shown
    assert f"it leads to {tmp_path}/disk" in shown
    assert code == {"y": 0, "n": 3}[answer]
    assert "interrupted" not in shown
    assert ("1 done" in shown) is (answer == "y")


@pytest.mark.parametrize("place", MISTAKES)
def test_a_link_that_stays_a_mistake_is_not_offered_to_be_allowed(tree: Tree, tmp_path: Path, place: str) -> None:
    tree.run("rs_a")
    link = moved_out(tree, place, tmp_path / "disk")
    assert "cosmosctl host allow" not in tree.cli("status", env={"COSMOSCTL_ALLOW_HOSTS": ""}).out
    told = tree.cli("host", "allow", "--link", place, expect=3).err
    assert "this link cannot be allowed" in told
    assert f"rm {link}" in told
    assert not links.is_allowed_link(link)


WITHOUT_HOME = """cd "$0" && mount --bind passwd /etc/passwd && mount --bind nsswitch.conf /etc/nsswitch.conf &&
    unset HOME XDG_DATA_HOME && exec "$@\""""


@pytest.mark.parametrize("state", ["{tmp}/state", ""])
def test_a_user_without_a_home_keeps_nothing_where_others_could_wait(tmp_path: Path, state: str) -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("a user without a home needs root and unshare (util-linux)")
    (tmp_path / "passwd").touch()
    (tmp_path / "nsswitch.conf").write_text("passwd: files\n")
    state = state.format(tmp=tmp_path)
    ask = "from cosmosctl.store import local_dir; print(local_dir())"
    argv = ("unshare", "--mount", "sh", "-c", WITHOUT_HOME, str(tmp_path), sys.executable, "-c", ask)
    said = subprocess.run(argv, env={**os.environ, "XDG_STATE_HOME": state}, capture_output=True, text=True, check=True)
    assert said.stdout == (f"{state}/cosmosctl/local\n" if state else "/run/user/0/cosmosctl\n")


def test_a_batch_that_is_a_link_is_told_in_one_line(tree: Tree, tmp_path: Path) -> None:
    tree.run("rs_a")
    tree.cli("batch", "--batch-name", "far")
    (batch,) = tree.batches()
    moved_out(tree, f"batches/{batch.name}", tmp_path / "disk")
    nobody = {"COSMOSCTL_ALLOW_HOSTS": ""}
    (line,) = [line for line in tree.cli("status", env=nobody).lines if "symbolic link" in line]
    assert line.strip().startswith(f"batches/{batch.name}: is a symbolic link")
    assert line.endswith(f"cosmosctl host allow --link {batch.root}")
    tree.cli("host", "allow", "--link", str(batch.root), env=nobody)
    assert "symbolic link" not in tree.cli("status", env=nobody).out


def test_a_newcomer_is_asked_for_nothing_on_this_machine(tmp_path: Path) -> None:
    """The whole way at a terminal, with nothing allowed: a question would wait for an answer that never comes."""
    tree = Tree(tmp_path, tmp_path / "home")
    nobody = {"COSMOSCTL_ALLOW_HOSTS": "", "XDG_STATE_HOME": str(tmp_path / "state"), "COSMOSCTL_PREVIEW_ROW_S": "0.01"}
    code, shown = terminal.asked(tree, "init", "p", question="[y/N]", answer="n", env=nobody)
    assert (code, "allow it on this machine?" in shown) == (0, False)
    project = Tree(tmp_path / "p", tmp_path / "home")
    project.scene()
    project.prompt("ps_a")
    project.run("rs_a")
    code, shown = terminal.asked(project, "batch", question="[y/N]", answer="n", env=nobody)
    assert (code, "allow it on this machine?" in shown) == (0, False)
    assert set(project.states(env=nobody).values()) == {"done"}


def test_a_colleagues_clone_asks_once_for_a_host(tree: Tree, tmp_path: Path) -> None:
    tree.run("rs_a")
    tree.config(f"project: 5f3a91c2\nhost: desk\nhosts: {{desk: {{engine: preview, dir: {tmp_path}/desk}}}}\n")
    nobody = {"COSMOSCTL_ALLOW_HOSTS": "", "XDG_STATE_HOME": str(tmp_path / "state")}
    asked = []
    for weight in (0.5, 0.6, 0.7):
        tree.run("rs_a", controls=f"{{edge: {weight}}}")
        code, shown = terminal.asked(tree, "batch", "rs_a", question="[y/N]", answer="y", env=nobody)
        asked.append((code, shown.count("allow it on this machine?")))
    assert asked == [(0, 1), (0, 0), (0, 0)]

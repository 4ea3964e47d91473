"""A login that lets in once alone, as with a one-time password: one connection serves everything."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sshd import Sshd, needs_sshd, running_sshd, write_client_config
from tests.support.terminal import typed
from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S

pytestmark = needs_sshd
PHRASE = "a phrase"


@pytest.fixture
def once(tmp_path: Path) -> Iterator[Sshd]:
    with running_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def sockets() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="o", dir="/tmp") as folder:
        yield Path(folder)


def project(tree: Tree, box: Sshd, config: Path, **env: str) -> Tree:
    """A project whose host is a preview behind that server, which one of its runs is for."""
    there = tree.root.parent / "there"
    tree.config(
        "project: 5f3a91c2\nmodel: transfer1\nhost: lab\nhosts:\n  lab:\n"
        f"{box.block(config=config)}    dir: {there}\n    engine: preview\n    env: {{COSMOSCTL_PREVIEW_ROW_S: '0'}}\n"
    )
    tree.run("rs_a")
    return Tree(tree.root, tree.home, {**tree.env, **env})


def test_the_users_own_connection_serves_batch_attach_and_fetch_when_nobody_is_let_in_any_more(
    tree: Tree, once: Sshd, sockets: Path
) -> None:
    config = write_client_config(once)
    kept = f"Host *\n  ControlMaster auto\n  ControlPath {sockets}/%C\n  ControlPersist 8h\n"
    config.write_text(kept + config.read_text())
    lab = project(tree, once, config, XDG_RUNTIME_DIR=str(sockets))
    ssh = ("ssh", "-F", str(config))
    subprocess.run((*ssh, "box", "true"), check=True, timeout=PATIENCE_S)
    (once.folder / "authorized_keys").write_text("")
    try:
        lab.cli("batch", "--detach")
        lab.cli("attach")
        lab.run("rs_b")
        lab.cli("batch")
        lab.cli("fetch", expect=None)
        assert lab.states() == {"rs_a": "done", "rs_b": "done"}
        assert once.connections() == 1
    finally:
        subprocess.run((*ssh, "-O", "exit", "box"), check=True, timeout=PATIENCE_S, capture_output=True)


def test_without_one_a_batch_at_a_terminal_asks_once(tree: Tree, once: Sshd, sockets: Path) -> None:
    subprocess.run(("ssh-keygen", "-q", "-p", "-N", PHRASE, "-P", "", "-f", str(once.folder / "user_key")), check=True)
    asked, ask = sockets / "asked", sockets / "ask"
    ask.write_text(f"#!/bin/sh\necho \"$1\" >>{asked}\necho '{PHRASE}'\n")
    ask.chmod(0o755)
    env = {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "XDG_RUNTIME_DIR": str(sockets)}
    lab = project(tree, once, once.config, **env)
    typed(lab, "batch")
    assert lab.states() == {"rs_a": "done"}
    assert len(asked.read_text().splitlines()) == once.connections() == 1

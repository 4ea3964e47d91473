"""Where a batch is said to be between its bundling and its first event, and what a host's refusal leaves."""

import json
import shutil
import signal
from pathlib import Path

import pytest

import cosmosctl
from cosmosctl.errors import HostError
from tests.support import aftermath
from tests.support.aftermath import Client
from tests.support.tree import Tree


def test_a_batch_that_was_detached_is_sent_and_not_looked_at_since(three: Tree) -> None:
    name = three.cli("batch", "--detach").out.strip()
    assert standing(three) == "sent, not looked at since"
    text = three.cli("status").out
    assert f"Batch {name}: sent, not looked at since" in text
    assert f'use "cosmosctl attach {name}"' in text
    aftermath.until_told(aftermath.host_folder(three), "batch_done")
    assert standing(three) == "sent, not looked at since"
    three.cli("attach")
    assert standing(three) == "done"


def test_git_sees_nothing_of_how_a_batch_left(three: Tree) -> None:
    three.cli("init", ".")
    three.git("init", "--quiet")
    three.cli("batch", "--detach")
    seen = three.git("status", "--porcelain", "--untracked-files=all").splitlines()
    assert [line[3:].rpartition("/")[2] for line in seen if line[3:].startswith("batches/")] == ["batch.yaml"]
    three.cli("attach")


def test_an_exported_batch_says_so_and_no_hint_or_attach_runs_it_a_second_time(three: Tree, tmp_path: Path) -> None:
    three.cli("batch", "--export", str(tmp_path / "out"))
    name = three.batches()[0].name
    assert standing(three) == f"exported to {tmp_path / 'out'}"
    text = three.cli("status").out
    assert f"Batch {name}: exported to {tmp_path / 'out'}" in text
    assert "cosmosctl fetch --from" in text
    assert "cosmosctl attach" not in text
    told = three.cli("attach", name, expect=2).err
    assert f"batch {name} was exported to {tmp_path / 'out'}" in told
    assert "no batch is unfinished" in three.cli("attach").err
    assert aftermath.model_starts(three) == 0
    three.cli("cancel", name)
    assert set(aftermath.states(three).values()) == {"pending"}


def test_what_a_batch_that_runs_holds_is_told_with_the_command_that_follows_it(three: Tree) -> None:
    three.cli("batch", "--detach", env=aftermath.faults("silence:first"))
    assert "there are 3 queued (cosmosctl attach)" in three.cli("batch", "--all").err
    three.cli("cancel")


def test_a_killed_launch_was_not_answered_and_attach_tells(three: Tree) -> None:
    client = Client(
        three, "batch", env=aftermath.programs(three, flock="case $* in *'-w 60'*) exec sleep 1000000;; esac")
    )
    aftermath.wait_until(lambda: any(three.root.glob("batches/*/launch.yaml")))
    client.send(signal.SIGKILL)
    client.end()
    assert standing(three) == "launch not answered"
    three.cli("attach")
    assert set(aftermath.states(three).values()) == {"done"}


def test_ctrl_c_while_the_host_is_asked_says_that_it_may_have_been_started(three: Tree) -> None:
    client = Client(
        three, "batch", env=aftermath.programs(three, flock="case $* in *'-w 60'*) exec sleep 1000000;; esac")
    )
    aftermath.wait_until(lambda: any(three.root.glob("batches/*/launch.yaml")))
    client.send(signal.SIGINT)
    done = client.end()
    name = three.batches()[0].name
    assert done.code == 130
    assert f"stopped while local was asked to launch {name}; it may have been started" in done.err
    assert f"cosmosctl attach {name} tells" in done.err
    assert "goes on" not in done.err
    three.cli("attach")
    assert set(aftermath.states(three).values()) == {"done"}


@pytest.mark.parametrize("refusal", ["lock", "start", "disk"])
def test_a_refused_batch_holds_no_run_and_the_next_batch_does_them(three: Tree, refusal: str) -> None:
    scripts = {
        "lock": {"flock": "exit 1"},
        "start": {"setsid": "exit 1"},
        "disk": {"df": "echo head; echo none 1 1 1 1% /; exit 0"},
    }[refusal]
    refused = three.cli("batch", env=aftermath.programs(three, **scripts), expect=4).err
    name = three.batches()[0].name
    assert f"{name} was refused before anything was started; its runs are free again" in refused
    assert "cosmosctl batch rs_a rs_b rs_c" in refused
    assert f"cosmosctl attach {name}" not in refused
    assert set(aftermath.states(three).values()) == {"pending"}
    assert standing(three) == "refused"
    assert "no run has failed; 3 runs pending: cosmosctl batch" in three.cli("retry").err
    three.cli("retry", name)
    assert set(aftermath.states(three).values()) == {"done"}
    assert aftermath.model_starts(three) == 1
    aftermath.assert_nothing_left_over(three)


def test_of_two_batches_the_one_that_is_refused_keeps_the_other_from_nothing(three: Tree) -> None:
    three.run("rs_b", prompt="ps_rs_b", more="model: transfer2.5\n")
    once = f"[ -e {three.home}/once ] || {{ : >{three.home}/once; exit 1; }}"
    done = three.cli("batch", env=aftermath.programs(three, setsid=once), expect=4)
    assert set(aftermath.states(three).values()) == {"done", "pending"}
    assert done.err.count("was refused before anything was started") == 1


def test_python_hears_of_a_refusal_and_the_runs_are_free(three: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = three.environment(aftermath.programs(three, setsid="exit 1"))
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(HostError, match="was refused before anything was started"):
        cosmosctl.Project(three.root).batch()
    assert set(aftermath.states(three).values()) == {"pending"}


def test_python_gets_the_batch_that_runs_and_what_was_said_of_the_one_that_was_refused(
    three: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    three.run("rs_b", prompt="ps_rs_b", more="model: transfer2.5\n")
    once = f"[ -e {three.home}/once ] || {{ : >{three.home}/once; exit 1; }}"
    for key, value in three.environment(aftermath.programs(three, setsid=once)).items():
        monkeypatch.setenv(key, value)
    running = cosmosctl.Project(three.root).batch()
    assert len(running.names) == 1
    assert all("was refused before anything was started" in error.message for error in running.refused.values())
    result = running.wait()
    assert not result.ok
    refused = {run for run, output in result.output_mapping.items() if output == "refused"}
    assert refused == set(running.refused)
    assert aftermath.states(three) == {run: "pending" if run in refused else "done" for run in aftermath.PROMPTS}


@pytest.mark.parametrize("refusal", [{"setsid": "exit 1"}, {"df": "echo head; echo none 1 1 1 1% /; exit 0"}])
def test_a_batch_that_was_not_sent_and_that_its_host_refuses_at_the_attach_is_freed(
    three: Tree, refusal: dict[str, str]
) -> None:
    client = Client(three, "batch", env=aftermath.programs(three, rsync="sleep 60"))
    client.wait_for("phase: push")
    client.send(signal.SIGKILL)
    client.end()
    name = three.batches()[0].name
    assert standing(three) == "not sent"
    shutil.rmtree(three.home / "bin")
    told = three.cli("attach", env=aftermath.programs(three, **refusal), expect=4).err
    assert f"{name} was refused before anything was started; its runs are free again" in told
    assert "cosmosctl batch rs_a rs_b rs_c" in told
    assert f"cosmosctl attach {name}" not in told
    assert standing(three) == "refused"
    assert set(aftermath.states(three).values()) == {"pending"}


def test_cancel_without_a_name_ends_the_only_open_batch(three: Tree) -> None:
    assert "no batch is unfinished" in three.cli("cancel", expect=2).err
    one = three.cli("batch", "rs_a", "--batch-name", "one", "--detach", env=aftermath.faults("silence:first")).out
    two = three.cli("batch", "rs_b", "--batch-name", "two", "--detach", env=aftermath.faults("silence:second")).out
    told = three.cli("cancel", expect=2).err
    assert "2 batches are unfinished" in told
    assert one.strip() in told
    assert two.strip() in told
    three.cli("cancel", one.strip())
    three.cli("cancel")
    assert aftermath.states(three) == {"rs_a": "cancelled", "rs_b": "cancelled", "rs_c": "pending"}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("watch",), "stopped watching the files"),
        (("fetch",), "stopped; what came home so far is in its place"),
        (("cancel",), "may have been asked to end"),
    ],
)
def test_ctrl_c_says_what_is_true_of_each_verb(three: Tree, command: tuple[str, ...], words: str) -> None:
    three.cli("batch", "rs_a", "--detach", env=aftermath.faults("silence:first"))
    slow = aftermath.programs(three, rsync="echo $$ >>$XDG_DATA_HOME/asked; exec sleep 1000000", sh="")
    (three.home / "bin/sh").write_text(
        '#!/bin/bash\necho $$ >>"$XDG_DATA_HOME/asked"\nexec sleep 1000000\n', encoding="utf-8"
    )
    client = Client(three, *command, env={} if command == ("watch",) else slow)
    if command == ("watch",):
        aftermath.wait_until(lambda: client.has_printed("watching"))
    else:
        aftermath.wait_until(lambda: (three.home / "asked").exists())
    client.send(signal.SIGINT)
    done = client.end()
    assert done.code == 130
    assert words in done.err
    assert "nothing was started" not in done.err
    three.cli("cancel")


def standing(tree: Tree) -> str:
    """What `list batches` says of the only batch."""
    [row] = json.loads(tree.cli("list", "batches", "--json").out)
    return str(row["status"])

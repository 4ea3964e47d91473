"""What a batch says on a terminal and to a program, and `status --json`."""

import json

from cosmosctl.cli.draw.folding import folded
from cosmosctl.commands.machines.host_findings import Looked, findings
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines.building import build_command
from tests.support import aftermath
from tests.support.terminal import typed
from tests.support.tree import REPOSITORY, Tree

KEYS = {"host", "preview", "next", "batches", "groups", "runs", "mistakes", "elsewhere", "mistakes_total"}


def test_each_run_is_told_once_on_a_terminal_when_it_ends(quick_tree: Tree) -> None:
    for run in ("rs_one", "rs_two"):
        quick_tree.run(run, more=f"seed: {len(run)}\n")
    shown = typed(quick_tree, "batch", columns=200)
    for run in ("rs_one", "rs_two"):
        assert shown.count(f"{run}  done  ") == 1, shown
    assert "2 of 2 done" in shown
    assert "runs/rs_one/preview/outputs/output.mp4" in shown


def test_a_program_gets_the_whole_summary_on_stdout(quick_tree: Tree) -> None:
    quick_tree.run("rs_one")
    out = quick_tree.cli("batch").lines
    assert [line for line in out if line.startswith("rs_one  done")] != []
    assert any("1 of 1 done" in line and "in 1 start," in line for line in out)


def test_what_was_refused_here_is_not_counted_as_done_although_its_host_said_so(tree: Tree) -> None:
    tree.prompt("ps_ugly", "an ugly street")
    tree.run("rs_good")
    tree.run("rs_ugly", prompt="ps_ugly")
    ugly = Tree(tree.root, tree.home, aftermath.faults("broken:ugly"))
    shown = typed(ugly, "batch", columns=60)
    assert "1 of 2 done" in shown
    assert [row["done"] for row in json.loads(ugly.cli("list", "batches", "--json").out)] == [1]
    below = [line for line in shown.splitlines() if line.startswith("         ")]
    assert [line for line in below if len(line) > 60] == []
    assert " ".join(" ".join(below).split()).count("does not match its sha256 or is not this run's") == 1
    last = ugly.cli("attach", ugly.batches()[0].name, expect=1).out
    assert "1 of 2 done" in last


def test_a_line_is_folded_between_clauses_so_that_commands_stay_whole() -> None:
    line = "  cosmosctl attach look_1 comes back, cosmosctl cancel look_1 ends it"
    assert folded(line, 200) == [line]
    assert folded(line, 50) == ["  cosmosctl attach look_1 comes back,", "  cosmosctl cancel look_1 ends it"]
    assert folded("one two three; four", 8, indent="    ") == ["one two", "    three;", "    four"]


def test_status_as_json_has_the_same_keys_whatever_there_is(tree: Tree) -> None:
    empty = json.loads(tree.cli("status", "--json").out)
    assert set(empty) == KEYS
    assert empty["next"] is None
    tree.run("rs_a")
    tree.run("rs_b", more="seed: 2\n")
    tree.run("rs_bad", controls="{edge: 7}")
    found = json.loads(tree.cli("status", "--json").out)
    assert set(found) == KEYS
    assert {group["status"]: group["runs"] for group in found["groups"]} == {
        "invalid": ["rs_bad"],
        "pending": ["rs_a", "rs_b"],
    }
    assert found["next"] == "cosmosctl check"
    assert {run["id"]: run["differs"] for run in found["runs"]}["rs_b"] == "seed=2"
    assert len(found["mistakes"]) == 1


def test_status_as_json_names_unfinished_batches_and_what_to_type(tree: Tree) -> None:
    tree.config(
        "project: 5f3a91c2\nhosts:\n  far: {address: nobody@127.0.0.1, ssh_args: [-p, '1'], "
        "dir: /d, engine: bare, models: {transfer1: {repo: /r, checkpoints: /c}}}\n"
    )
    tree.run("rs_a")
    tree.cli("batch", "--host", "far", "--detach", expect=4)
    found = json.loads(tree.cli("status", "--json").out)
    batch = found["batches"][0]
    assert batch["runs"] == ["rs_a"]
    assert batch["next"][0] == f"cosmosctl attach {batch['id']}" == found["next"]


def test_a_missing_image_is_told_with_the_command_that_makes_it() -> None:
    host = Host("lab", "docker", "/d", "me@box", models={"transfer1": HostModel("mine:7", "/data/my repo")})
    command = "[ -d '/data/my repo' ] || git clone https://github.com/nvidia-cosmos/cosmos-transfer1 '/data/my repo'"
    assert build_command(host, "transfer1") == f"{command}; cd '/data/my repo' && docker build -t mine:7 ."
    looked = Looked(host, "transfer1", {"engine": "yes"}, "rsync  version 3.2.7", 0.0)
    found = {one.name: one for one in findings(looked)}
    assert found["image"].mend == f"on lab: {build_command(host, 'transfer1')}"


def test_the_command_is_that_of_the_guide() -> None:
    guide = (REPOSITORY / "docs/gpu-host.md").read_text(encoding="utf-8")
    for model in ("transfer1", "transfer2.5", "cosmos3"):
        command = build_command(Host("lab", "docker", "/d"), model)
        assert command.split("git clone ")[1].split()[0] in guide
        assert command.split("&& ")[1] in guide

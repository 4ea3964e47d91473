"""`host list`, `host add` and `host check`: against a real sshd and a real podman."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmosctl import models
from cosmosctl.commands.machines.host_add import Probed, host_block, refuse_mistakes
from cosmosctl.commands.machines.host_check import parse
from cosmosctl.commands.machines.host_findings import Finding, Looked, findings, worst
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.errors import CosmosctlError, HostError
from cosmosctl.io.shipped import template
from cosmosctl.store import load_config
from cosmosctl.yaml.edit import set_in_file
from tests.containers import IMAGE, Engine, needs_podman
from tests.sshd import Sshd, needs_sshd, write_client_config
from tests.support import aftermath, terminal
from tests.support.tree import Tree

HEAD = "project: 5f3a91c2\nmodel: transfer1\n"


@pytest.fixture
def near(bare_tree: Tree) -> Iterator[Tree]:
    """A project whose connections go through sockets of its own."""
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as sockets:
        yield Tree(bare_tree.root, bare_tree.home, {"XDG_RUNTIME_DIR": sockets})


def checked(tree: Tree, *args: str, expect: int = 0) -> dict[str, Finding]:
    """What `host check lab --json` says, by name."""
    rows = json.loads(tree.cli("host", "check", "lab", "--json", *args, expect=expect).out)
    return {row["name"]: Finding(**row) for row in rows}


def verdicts(found: dict[str, Finding]) -> dict[str, str]:
    return {name: one.verdict for name, one in found.items()}


def test_host_list_shows_the_built_in_host_and_which_one_batches_use(near: Tree) -> None:
    near.config(
        f"{HEAD}host: lab\nhosts:\n  lab: {{address: me@gpu-box, dir: /data/me, engine: docker, gpus: [0, 1]}}\n"
    )
    rows = {row["id"]: row for row in json.loads(near.cli("host", "list", "--json").out)}
    assert sorted(rows) == ["lab", "local"]
    assert (rows["lab"]["default"], rows["lab"]["gpus"], rows["lab"]["address"]) == (True, [0, 1], "me@gpu-box")
    lines = near.cli("host", "list").lines
    assert next(line for line in lines if line.startswith("*")).split()[1:6] == ["lab", "docker", "GPUs", "0,", "1"]


@needs_sshd
@needs_podman
def test_a_host_that_has_everything_passes_every_check(near: Tree, box: Sshd, engine: Engine, tmp_path: Path) -> None:
    cache, secrets = tmp_path / "cache", tmp_path / "secrets.env"
    for name in ("facebook--sam2-hiera-large", "IDEA-Research--grounding-dino-tiny"):
        (cache / "hub" / f"models--{name}").mkdir(parents=True)
    (cache / "hub/models--depth-anything--Depth-Anything-V2-Small-hf").mkdir()
    (tmp_path / "checkpoints/nvidia").mkdir(parents=True)
    secrets.write_text("HF_TOKEN=hf_x\n")
    secrets.chmod(0o600)
    more = f"    cache: {cache}\n    env_file: {secrets}\n    gpus: [0, 1]\n"
    block = engine.block(dir=tmp_path / "dir", more=more).replace(
        '"image":', f'"checkpoints": "{tmp_path}/checkpoints", "image":'
    )
    near.config(f"{HEAD}hosts:\n  lab:\n{box.block()}{block}")
    before = box.connections()
    found = checked(near)
    failing = [name for name, one in found.items() if one.verdict not in ("PASS", "SKIP")]
    assert failing == ["GPU"], "only the container sees GPUs here"
    assert len(found) >= 20
    assert found["trial GPU"].words.count("Fake GPU") == 2
    assert found["image"].words.startswith(f"{IMAGE} is ")
    assert box.connections() - before == 1
    assert sorted(path.name for path in (tmp_path / "dir").iterdir()) == ["batches", "inputs"]
    assert engine.containers() == []


@needs_sshd
@needs_podman
def test_an_image_whose_user_is_another_cannot_read_what_only_we_can(
    near: Tree, box: Sshd, engine: Engine, tmp_path: Path
) -> None:
    args = '"--network=host"'
    block = engine.block(dir=tmp_path / "dir").replace(args, f'{args}, "--user=12345:12345"')
    near.config(f"{HEAD}hosts:\n  lab:\n{box.block()}{block}")
    found = checked(near, expect=4)
    assert (found["trial"].verdict, found["trial reads"].verdict, found["trial writes"].verdict) == (
        *("PASS", "WARN", "FAIL"),
    )
    assert "other users of the machine can read prompts and videos" in found["trial reads"].words
    assert "--user=" in found["trial reads"].mend
    assert engine.containers() == []


@needs_sshd
@needs_podman
def test_each_thing_that_is_missing_is_named_with_what_mends_it(
    near: Tree, box: Sshd, engine: Engine, tmp_path: Path
) -> None:
    dir = tmp_path / "dir"
    dir.mkdir()
    os.chown(dir, 12345, 12345)
    block = engine.block(dir=dir, more=f"    cache: {tmp_path}/none\n    env_file: {tmp_path}/none.env\n")
    block = block.replace(IMAGE, "localhost/none:1").replace('"repo":', f'"checkpoints": "{tmp_path}/ckpt", "repo":')
    near.config(f"{HEAD}hosts:\n  lab:\n{box.block()}{block}")
    found = checked(near, expect=4)
    bad = sorted(name for name, one in found.items() if one.verdict == "FAIL")
    assert bad == ["GPU", "cache", "checkpoints", "dir", "env_file", "image", "trial"]
    assert "of another user" in found["dir"].words
    assert all(found[name].mend for name in bad)
    assert "hf download facebook/sam2-hiera-large" in found["hub models"].mend


@needs_sshd
def test_a_host_that_cannot_be_reached_fails_with_ssh_s_reason(near: Tree, box: Sshd) -> None:
    config = write_client_config(box, name="stranger", key="other_key")
    block = box.block(config=config) + "    dir: /data/me\n    engine: bare\n"
    near.config(f"{HEAD}hosts:\n  lab:\n{block}")
    found = checked(near, expect=4)
    assert verdicts(found) == {"ssh": "FAIL"}
    assert "refused our key" in found["ssh"].words
    assert "ssh-copy-id" in found["ssh"].mend


def test_the_built_in_host_needs_no_gpu_and_no_ssh(near: Tree) -> None:
    rows = json.loads(near.cli("host", "check", "local", "--json").out)
    found = {row["name"]: row["verdict"] for row in rows}
    assert (found["ssh"], found["GPU"], found["engine"], found["dir"]) == ("SKIP", "SKIP", "SKIP", "PASS")


def test_people_see_a_word_and_the_command_beneath(near: Tree) -> None:
    near.config(f"{HEAD}hosts:\n  lab: {{dir: /proc/none, engine: bare}}\n")
    said = near.cli("host", "check", "lab", expect=4)
    assert "FAIL dir           /proc/none: cannot be made\n" in said.out
    assert "set hosts.lab.dir in cosmosctl.yaml" in said.out


def test_what_is_found_becomes_findings_with_the_right_words() -> None:
    host = Host("lab", "podman", "/d", "me@box", models={"transfer1": HostModel("i:1")}, gpus=(0, 3))
    facts = {"user": "me 1000", "dir": "ours", "linger": "no", "gpus": "0, A, 1; 1, B, 1;", "engine": "yes"}
    facts |= {"rsync": "openrsync: protocol version 29", "free-kib": "1000", "locks": "drwx------", "clock": "1"}
    found = {one.name: one for one in findings(Looked(host, "transfer1", facts, "rsync  version 3.2.7", 400.0))}
    told = verdicts(found)
    assert (told["rsync here"], told["rsync there"], told["GPU"]) == ("PASS", "FAIL", "FAIL")
    assert (told["lingering"], told["free space"], told["clock"], told["GPU locks"]) == ("WARN",) * 4
    assert found["lingering"].mend == "on lab: sudo loginctl enable-linger me"
    assert found["GPU"].words == "there is no GPU 3"
    assert worst(tuple(found.values())) == "FAIL"


FACTS = (
    *("system", "user", "flock", "rsync", "clock", "dir", "free-kib", "batches", "used-kib", "containers", "gpus"),
    *("gpu-users", "locks", "engine", "engine-version", "image", "linger", "repo", "checkpoints", "cache", "within"),
    *("hub-missing", "env-file", "trial-python", "trial-errors", "trial-writes", "trial-cache-writes", "trial-gpus"),
)
ANSWERS = st.text(max_size=20) | st.sampled_from(
    ("", "²", "٣", "9" * 5000, "-1", "1 2 3", "1e9", "9" * 19, "yes", "ours")
)


@pytest.mark.parametrize("engine", ["podman", "docker", "bare", "preview"])
@settings(max_examples=60)
@given(facts=st.dictionaries(st.sampled_from(FACTS), ANSWERS), here=ANSWERS)
def test_whatever_a_host_answers_becomes_findings(engine: str, facts: dict[str, str], here: str) -> None:
    host = Host("lab", engine, "/d", "me@box", models={"transfer1": HostModel("i:1")}, gpus=(0,), cache="/c")
    assert {one.name for one in findings(Looked(host, "transfer1", facts, here, 0.0))} >= {"ssh", "dir", "leftovers"}


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 25, "²", "٣٣"])
def test_a_host_whose_numbers_are_none_is_checked_and_swept_all_the_same(quick_tree: Tree, number: str) -> None:
    quick_tree.run("rs_one")
    quick_tree.cli("batch")
    quick_tree.config(f"{HEAD}hosts:\n  lab: {{dir: {quick_tree.home}/cosmosctl, engine: preview}}\n")
    told = f"printf '{number}\\n'; exit"
    env = aftermath.programs(quick_tree, date=told, du=f"printf '{number}\\tx\\n'; exit")
    found = json.loads(quick_tree.cli("host", "check", "lab", "--json", env=env).out)
    assert {one["name"]: one["verdict"] for one in found}["clock"] == "PASS"
    quick_tree.cli("gc", "lab", env=env)


@needs_sshd
def test_host_add_probes_the_machine_and_writes_a_block_that_loads(near: Tree, box: Sshd, tmp_path: Path) -> None:
    near.config(f"# mine\n{HEAD}host: local  # for now\n")
    for path in ("cosmos-transfer1/checkpoints", ".cache/huggingface"):
        (box.home / path).mkdir(parents=True, exist_ok=True)
    said = near.cli(
        "host", "add", "lab", "box", "--ssh-arg=-F", f"--ssh-arg={box.config}", "--dir", str(tmp_path / "d")
    )
    text = (near.root / "cosmosctl.yaml").read_text()
    assert text.startswith(f"# mine\n{HEAD}host: local  # for now\n")
    row = next(row for row in json.loads(near.cli("host", "list", "--json").out) if row["id"] == "lab")
    assert (row["address"], row["dir"], row["models"]) == ("box", str(tmp_path / "d"), ["transfer1"])
    assert f"repo: {box.home}/cosmos-transfer1" in text or f'repo: "{box.home}/cosmos-transfer1"' in text
    for words in ("belongs to one user", "one model process each", "anything ssh takes", "caches"):
        assert words in text
    assert "to be corrected: gpus: nvidia-smi tells of none" in said.err
    assert "cosmosctl host check lab" in said.err
    again = near.cli("host", "add", "lab", "box", expect=2)
    assert "there is a host 'lab' already" in again.err


@needs_sshd
def test_who_adds_a_host_is_asked_nothing_and_a_colleagues_clone_asks_once(
    near: Tree, box: Sshd, tmp_path: Path
) -> None:
    """At a terminal, with nothing allowed. The machine has no image: what is asked is asked before that is found."""
    near.config(HEAD)
    near.scene()
    near.prompt("ps_a")
    near.run("rs_a")

    def asked(who: str, *args: str) -> tuple[int, int]:
        env = {"COSMOSCTL_ALLOW_HOSTS": "", "XDG_STATE_HOME": str(tmp_path / who)}
        code, shown = terminal.asked(near, *args, question="[y/N]", answer="y", env=env)
        assert code == 0 or "was refused before anything was started" in shown, shown
        return code, shown.count("allow it on this machine?")

    add = ("host", "add", "lab", "box", "--ssh-arg=-F", f"--ssh-arg={box.config}", "--dir", str(tmp_path / "d"))
    assert asked("maker", *add) == (0, 0)
    batch = ("batch", "--host", "lab", "rs_a")
    assert [asked("maker", *batch), asked("maker", *batch)] == [(4, 0), (4, 0)]
    assert [asked("colleague", *batch), asked("colleague", *batch)] == [(4, 1), (4, 0)]


@needs_sshd
def test_host_add_writes_nothing_when_the_machine_cannot_be_reached(near: Tree, box: Sshd) -> None:
    near.config(HEAD)
    config = write_client_config(box, name="nobody", key="other_key")
    said = near.cli("host", "add", "lab", "box", "--ssh-arg=-F", f"--ssh-arg={config}", expect=4)
    assert "refused our key" in said.err
    assert (near.root / "cosmosctl.yaml").read_text() == HEAD


def test_host_add_takes_the_engine_that_answers_and_the_largest_disk() -> None:
    facts = {
        "docker": ("refused",),
        "podman": ("sudo",),
        "image podman": ("localhost/cosmos-transfer1:7",),
        "room": ("1000 /home/me", "9000 /data/me"),
        "gpus": ("0, H100;1, H100;",),
        "repo": ("/data/cosmos-transfer1",),
    }
    block = host_block(Probed(facts), address="me@box", model="transfer1")
    assert dict(block.keys) == {
        "address": "me@box",
        "dir": "/data/me/cosmosctl",
        "engine": "podman",
        "engine_command": ["sudo", "-n", "podman"],
        "models": {
            "transfer1": {
                "image": "localhost/cosmos-transfer1:7",
                "repo": "/data/cosmos-transfer1",
                "checkpoints": "/data/cosmos-transfer1/checkpoints",
            }
        },
        "gpus": [0, 1],
    }
    assert block.guesses == ()


def test_host_add_that_cannot_be_right_writes_nothing_and_asks_nobody(near: Tree) -> None:
    near.config(HEAD)
    said = near.cli("host", "add", "lab", "nobody@127.0.0.1", "--dir", "not/absolute", expect=2)
    assert "nothing was written: hosts.lab.dir" in said.err
    assert (near.root / "cosmosctl.yaml").read_text() == HEAD


@needs_sshd
def test_host_add_that_failed_points_at_no_line_that_was_not_written(near: Tree, box: Sshd) -> None:
    near.config(HEAD)
    config = write_client_config(box, name="nobody", key="other_key")
    for address, args in (("box", ("--ssh-arg=-F", f"--ssh-arg={config}")), ("nowhere.invalid", ())):
        said = near.cli("host", "add", "lab", address, *args, expect=4)
        assert "hosts.lab" not in said.err
        assert "host check" not in said.err
        assert "nothing was written" in said.err or "key" in said.err


def test_an_answer_that_the_file_cannot_hold_is_an_error_of_the_host() -> None:
    told = Probed({"home": ("not-absolute",), "cache": ("also/relative",)})
    block = host_block(told, address="box", model="transfer1")
    with pytest.raises(HostError, match=r"host lab: its answer cannot be used, nothing was written: hosts.lab.dir"):
        refuse_mistakes({"lab": block.keys}, from_host="lab")


def commit(repo: Path, name: str) -> str:
    """A new commit of the repository `repo`."""
    git = ("git", "-C", str(repo), "-c", "user.name=t", "-c", "user.email=t@example.invalid")
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", name], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def within(repo: Path, span: str) -> str:
    """What check.sh tells of a repository and a span of its commits."""
    script = template("launch", "check.sh").read_text()
    args = (str(repo.parent / "dir"), *[""] * 6, str(repo), "", "", "", "", span, "", "--")
    done = subprocess.run(["sh", "-s", "--", *args], input=script, check=True, capture_output=True, text=True)
    return parse(done.stdout)["within"]


def test_the_host_tells_whether_a_repository_lies_between_two_commits(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", str(repo)], check=True)
    before, broken, between, fixed = (commit(repo, name) for name in ("before", "broken", "between", "fixed"))
    span, said = f"{broken}..{fixed}", []
    for head in (before, broken, between, fixed):
        subprocess.run(["git", "-C", str(repo), "checkout", "-q", head], check=True)
        said.append(within(repo, span).strip())
    assert said == ["", span, span, ""]
    assert within(repo, f"{'1' * 40}..{'2' * 40}") == "", "commits that the clone has not"
    (tmp_path / "plain").mkdir()
    assert within(tmp_path / "plain", span) == "", "no clone"


def test_a_repository_at_which_distilled_is_broken_is_warned_of() -> None:
    host = Host("lab", "bare", "/d", "me@box", models={"transfer2.5": HostModel(repo="/src")})
    found = findings(
        Looked(host, "transfer2.5", {"within": models.get("transfer2.5").HOME.broken, "repo": "there"}, "", 0.0)
    )
    (warned,) = [one for one in found if one.name == "repo" and one.verdict == "WARN"]
    assert "030d65d and fbdde6c" in warned.words
    assert "distilled" in warned.words
    assert warned.mend == "on lab: git -C /src pull"
    told = findings(Looked(host, "transfer2.5", {"repo": "there"}, "", 0.0))
    assert [one.verdict for one in told if one.name == "repo"] == ["PASS"]


@pytest.mark.parametrize("model", ["transfer2.5", "cosmos3"])
def test_host_add_names_no_weights_for_models_that_fetch_their_own(model: str) -> None:
    facts = {"docker": ("plain",), "repo": ("/data/repo",), "checkpoints": ("/data/repo/checkpoints",)}
    block = host_block(Probed(facts), address="me@box", model=model)
    assert set(dict(block.keys)["models"][model]) == {"image", "repo"}


@pytest.mark.parametrize(
    "said", ["\x1b]0;x\x07/data", "/d\x85ata", "/data: {a: [", "/x" * 600_000, "- *a\n", "/a #b", "!!python/x", "'\"%"]
)
@pytest.mark.parametrize("key", ["home", "room", "repo", "image docker", "cache", "env-file", "gpus", "checkpoints"])
def test_no_answer_of_a_machine_makes_a_project_that_cannot_be_read(near: Tree, key: str, said: str) -> None:
    answer = f"9 {said}" if key == "room" else said
    keys = host_block(Probed({"docker": ("plain",), key: (answer,)}), address="me@box", model="transfer1").keys
    near.config(HEAD)
    before = near.paths.config.read_bytes()
    try:
        refuse_mistakes({"lab": keys}, from_host="lab")
        set_in_file(near.paths.config, ("hosts", "lab"), dict(keys), comments={})
    except CosmosctlError:
        assert near.paths.config.read_bytes() == before
    assert load_config(near.root).project

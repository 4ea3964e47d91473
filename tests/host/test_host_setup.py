"""`host setup`: an environment of exact versions on a host, with wheels of the tests' own in place of PyPI."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cosmosctl.io.shipped import template
from cosmosctl.models import transfer25_diffusers
from tests.support.tree import Tree
from tests.support.waiting import PATIENCE_S
from tests.support.wheels import empty_wheels, program_in_path

HOST = "project: 5f3a91c2\nhost: gpu\nmodel: transfer2.5-diffusers\nhosts:\n  gpu: {engine: bare}\n"


@pytest.fixture
def index(tmp_path: Path) -> dict[str, str]:
    """Variables by which pip finds an empty wheel of each package, and nothing else."""
    return empty_wheels(tmp_path / "wheels", transfer25_diffusers.HOME.packages)


def test_an_environment_is_made_once_goes_on_where_it_was_cut_off_and_is_removed(
    bare_tree: Tree, index: dict[str, str], tmp_path: Path
) -> None:
    bare_tree.config(HOST)
    assert checked(bare_tree) == ("FAIL", "is not there", "cosmosctl host setup gpu")
    missing = next((tmp_path / "wheels").glob("transformers-*"))
    missing.rename(tmp_path / missing.name)
    failed = bare_tree.cli("host", "setup", "gpu", env=index, expect=4)
    assert "pip failed, see above; what came is kept" in failed.err
    assert "cosmosctl host setup gpu" in failed.err
    assert checked(bare_tree) == ("FAIL", "is not whole", "cosmosctl host setup gpu")
    (tmp_path / missing.name).rename(missing)
    made = bare_tree.cli("host", "setup", "gpu", env=index)
    assert "GiB are free" in made.err
    [env] = (bare_tree.home / "cosmosctl/envs").glob("diffusers_rows-*/complete")
    again = bare_tree.cli("host", "setup", "gpu", env={**index, "PIP_FIND_LINKS": "/nowhere"})
    assert checked(bare_tree)[0] == "PASS"
    assert again.err.splitlines() == [f"the environment is whole: {env.parent}"]
    assert "there is no environment" not in again.err
    bare_tree.cli("host", "setup", "gpu", "--remove")
    assert not env.parent.exists()


def checked(tree: Tree) -> tuple[str, str, str]:
    """(verdict, end of its words, next command) of what `host check` says of the environment."""
    lines = tree.cli("host", "check", "gpu", expect=4).out.splitlines()  # there is no GPU
    [at] = [number for number, line in enumerate(lines) if line.split()[1] == "environment"]
    return lines[at].split()[0], " ".join(lines[at].split()[3:]), lines[at + 1].strip()


def test_a_driver_that_is_too_old_is_told_before_anything_is_downloaded(bare_tree: Tree, tmp_path: Path) -> None:
    bare_tree.config(HOST)
    path = program_in_path(tmp_path, "nvidia-smi", "echo 550.54.14")
    done = bare_tree.cli("host", "setup", "gpu", env={"PATH": path}, expect=4)
    assert "NVIDIA's driver 550.54.14 is too old for the CUDA of these packages, which needs 580" in done.err
    assert list((bare_tree.home / "cosmosctl/envs").glob("diffusers*")) == []


def test_a_disk_without_room_is_told_in_a_sentence(bare_tree: Tree, tmp_path: Path) -> None:
    bare_tree.config(HOST)
    path = program_in_path(tmp_path, "df", "echo head; echo /dev/sda 9 8 1048576 90% /")
    done = bare_tree.cli("host", "setup", "gpu", env={"PATH": path}, expect=4)
    assert "1 GiB are free in " in done.err
    assert "and an environment needs 12; make room there, or set another dir" in done.err


@pytest.mark.parametrize("python", [sys.executable, "/no/such/python"])
def test_a_python_without_the_packages_is_told_with_the_command_that_makes_one(tree: Tree, python: str) -> None:
    tree.config(f"{HOST.partition('hosts:')[0]}hosts:\n  gpu:\n    engine: bare\n    models:\n"
                f"      transfer2.5-diffusers: {{python: {json.dumps(python)}}}\n")  # fmt: skip
    tree.run("rs_a", controls="{edge: 1}")
    done = tree.cli("batch", expect=1)
    told = " ".join(done.out.split())
    if python == sys.executable:
        assert "not installed in this Python; cosmosctl host setup gpu" in told
        assert "torch" in told
    else:
        assert "/no/such/python" in told


def test_weights_are_not_fetched_by_a_python_that_cannot_and_that_is_told(tree: Tree) -> None:
    tree.config(f"{HOST.partition('hosts:')[0]}hosts:\n  gpu:\n    engine: bare\n    models:\n"
                f"      transfer2.5-diffusers: {{python: {json.dumps(sys.executable)}}}\n")  # fmt: skip
    told = tree.cli("host", "setup", "gpu", "--weights", expect=4).err
    assert "has no huggingface_hub: install it there, or take `python` out of the block" in told
    assert "cosmosctl host setup gpu --weights" in told


def test_host_check_says_which_weights_are_not_there_and_what_fetches_them(bare_tree: Tree, tmp_path: Path) -> None:
    cache = tmp_path / "hf"
    (cache / "hub/models--nvidia--Cosmos-Transfer2.5-2B").mkdir(parents=True)
    bare_tree.config(HOST.replace("bare}", f"bare, cache: {json.dumps(str(cache))}}}"))
    verdicts = []
    for name in ("Cosmos-Tokenizer", "Cosmos-1.0-Guardrail"):
        (cache / f"hub/models--nvidia--{name}").mkdir()
        found = json.loads(bare_tree.cli("host", "check", "gpu", "--json", expect=None).out)
        verdicts.append(next(one for one in found if one["name"] == "hub models"))
    assert (verdicts[0]["verdict"], verdicts[0]["mend"]) == ("WARN", "cosmosctl host setup gpu --weights")
    assert verdicts[0]["words"] == "not cached: nvidia/Cosmos-1.0-Guardrail"
    assert verdicts[1]["verdict"] == "PASS"


def test_another_diffusers_is_refused_before_anything_is_loaded(tree: Tree, tmp_path: Path) -> None:
    for name in ("torch", "torchvision", "diffusers", "transformers", "accelerate", "safetensors"):
        (tmp_path / "others" / name).mkdir(parents=True)
        (tmp_path / "others" / name / "__init__.py").write_text("raise RuntimeError('loaded')\n")
    facts = tmp_path / "others/diffusers-0.41.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: diffusers\nVersion: 0.41.0\n")
    tree.config(f"{HOST.partition('hosts:')[0]}hosts:\n  gpu:\n    engine: bare\n    models:\n"
                f"      transfer2.5-diffusers: {{python: {json.dumps(sys.executable)}}}\n"
                f"    env: {{PYTHONPATH: {json.dumps(str(tmp_path / 'others'))}}}\n")  # fmt: skip
    tree.run("rs_a", controls="{edge: 1}")
    told = " ".join(tree.cli("batch", expect=1).out.split())
    assert "diffusers 0.41.0 is installed, and 0.42.1 is what this program was written for" in told
    assert "cosmosctl host setup gpu" in told


def test_the_preview_host_refuses_a_family_without_a_preview_and_says_where_to(tree: Tree) -> None:
    tree.run("rs_a", controls="{edge: 1}", more="model: transfer2.5-diffusers\n")
    done = tree.cli("batch", "rs_a", expect=None)
    assert done.code in (1, 3)
    assert "transfer2.5-diffusers has no CPU preview" in done.err
    assert "cosmosctl batch --host" in done.err


def test_the_image_has_the_packages_of_the_environment() -> None:
    text = template("launch", "diffusers_rows", "Containerfile").read_text()
    named = [word for word in text.split() if "==" in word]
    assert tuple(named) == transfer25_diffusers.HOME.packages


def test_each_line_of_the_containerfile_is_an_instruction_and_what_it_runs_is_shell() -> None:
    text = template("launch", "diffusers_rows", "Containerfile").read_text()
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    instructions = [line.split(maxsplit=1) for line in lines]
    assert [word for word, _ in instructions] == ["FROM", "RUN"]
    (_, base), (_, command) = instructions
    assert re.fullmatch(r"[a-z.]+/[a-z/]+:[\w.-]+", base), "a whole name: podman knows no other registry by itself"
    assert subprocess.run(("sh", "-n", "-c", command), timeout=PATIENCE_S).returncode == 0

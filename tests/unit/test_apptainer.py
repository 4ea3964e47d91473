"""How Apptainer is asked for a container, and what the supervisor gives the process in it. Nothing is started."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from cosmosctl import engines, models
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines.building import build_command
from cosmosctl.errors import FileError
from tests.support.supervisor import part

TRANSFER1 = models.get("transfer1")
IMAGE = "/data/the image.sif"


def host(engine: str = "apptainer", image: str = IMAGE, **facts: Any) -> Host:
    block = HostModel(image, "/data/a,repo", "/data/weights: all")
    return Host("lab", engine, '/data/us, "and" others', models={"transfer1": block}, **facts)


def test_the_command_that_becomes_the_container() -> None:
    asked = host(mounts=("/data/lora:/lora:ro",), cache="/data/hf", engine_args=("--writable-tmpfs",), gpus=(2, 3))
    process = engines.get("apptainer").process(asked, TRANSFER1)
    assert process.launcher == (
        *("apptainer", "exec", "--nv", "--cleanenv", "--no-home", "--pid", "--no-eval"),
        *("--mount", 'type=bind,"src=/data/us, ""and"" others","dst=/data/us, ""and"" others"'),
        *("--mount", 'type=bind,"src=/data/a,repo",dst=/workspace,ro=true'),
        *("--mount", "type=bind,src=/data/weights: all,dst=/checkpoints,ro=true"),
        *("--mount", "type=bind,src=/data/hf,dst=/cache"),
        *("--mount", "type=bind,src=/data/lora,dst=/lora,ro=true"),
        *("--pwd", "/workspace", "--writable-tmpfs", IMAGE),
        *TRANSFER1.LAUNCHER,
    )
    assert (process.checkpoints, process.cwd, process.env["HF_HOME"]) == ("/checkpoints", None, "/cache")
    assert engines.get("apptainer").gpus(asked) == (2, 3)


def test_singularity_is_the_same_by_its_own_name() -> None:
    one, other = (engines.get(name).process(host(name), TRANSFER1) for name in ("apptainer", "singularity"))
    assert other.launcher == ("singularity", *one.launcher[1:])
    assert one.wrapping is not None and one.wrapping.prefixes[0] == "APPTAINERENV_"
    assert other.wrapping is not None and other.wrapping.prefixes[0] == "SINGULARITYENV_"


def test_no_secret_is_named_on_a_command_line() -> None:
    asked = host(env_file="/home/me/secrets", env={"A": "b"})
    batch = PurePosixPath("/data/batches/b-1")
    words = (
        *engines.get("apptainer").process(asked, TRANSFER1).launcher,
        *engines.get("apptainer").supervisor(asked, TRANSFER1, batch),
    )
    assert not any("secrets" in word or "--env" in word for word in words)


def test_an_image_is_a_path_or_an_address() -> None:
    address = "docker://nvcr.io/nvidia/cosmos:1.0"
    asked = host(image=address)
    argv = engines.get("apptainer").process(asked, TRANSFER1).launcher
    place = next(word for word in argv if word.endswith(".sif"))
    assert place.startswith(f"{asked.dir}/images/nvcr.io-nvidia-cosmos-1.0-")
    assert build_command(asked, "transfer1").endswith(f"pull '{place}' {address}")
    with pytest.raises(FileError, match="cosmos-transfer1:latest"):
        engines.get("apptainer").process(host(image="cosmos-transfer1:latest"), TRANSFER1)


def wrapping(folder: Path, **facts: Any) -> Any:
    whole = {"prefixes": ["APPTAINERENV_", "SINGULARITYENV_"], "image": str(folder / "x.sif")}
    return part("plan").Wrapping(**{**whole, "digests": str(folder / "images/digests.json"), **facts})


def test_variables_go_in_under_their_prefix_and_nothing_else_of_ours_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTAINERENV_STALE", "from the login")
    monkeypatch.setenv("SINGULARITYENV_STALE", "from the login")
    monkeypatch.setenv("TAKEN", "from the login")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    lines = "\ufeff# no=thing\r\n  A='b' \"c\" $(touch x)\r\nOWN=loses\nTAKEN\nABSENT\nEMPTY=\n"
    (tmp_path / "env").write_text(lines, newline="")
    made = part("wrapping").environment(wrapping(tmp_path, env_file=str(tmp_path / "env")), {"OWN": "wins"})
    given = {name: value for name, value in made.items() if name.startswith(("APPTAINERENV_", "SINGULARITYENV_"))}
    assert given == {
        "APPTAINERENV_CUDA_VISIBLE_DEVICES": "3",
        "APPTAINERENV_A": "'b' \"c\" $(touch x)",
        "APPTAINERENV_OWN": "wins",
        "APPTAINERENV_TAKEN": "from the login",
        "APPTAINERENV_EMPTY": "",
    }
    assert "A" not in made and made["TAKEN"] == "from the login"


@pytest.mark.parametrize(
    ("line", "number"), [("=hf_sEcReT", 2), ("A B=hf_sEcReT", 2), ("export A=hf_sEcReT", 2), ("A-B=hf_sEcReT", 2)]
)
def test_an_unfit_line_is_told_by_its_number_alone(tmp_path: Path, line: str, number: int) -> None:
    (tmp_path / "env").write_text(f"GOOD=1\n{line}\n")
    with pytest.raises(part("wrapping").Unfit) as told:
        part("wrapping").secrets(wrapping(tmp_path, env_file=str(tmp_path / "env")))
    assert f"line {number} of the env_file is not NAME=value" in str(told.value)
    assert "sEcReT" not in str(told.value)


def test_the_digest_of_an_image_is_kept_until_the_file_is_another(tmp_path: Path) -> None:
    identity, kept = part("wrapping").identity, tmp_path / "images/digests.json"
    (tmp_path / "x.sif").write_text("one")
    first = identity(wrapping(tmp_path))
    kept.write_text(kept.read_text().replace(first[-8:], "kept0000"))
    assert identity(wrapping(tmp_path))[-8:] == "kept0000"
    (tmp_path / "y.sif").write_text("two")
    (tmp_path / "y.sif").rename(tmp_path / "x.sif")
    second = identity(wrapping(tmp_path))
    assert second.startswith("sha256:") and second != first and second[-8:] != "kept0000"
    assert json.loads(kept.read_text())[str(tmp_path / "x.sif")][-1] == second


def test_a_folder_has_no_digest_and_says_so(tmp_path: Path) -> None:
    assert part("wrapping").identity(wrapping(tmp_path, image=str(tmp_path))) == "a folder, which has no digest"

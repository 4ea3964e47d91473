"""The options of srun by which pyxis makes a container, as a host asks for it. Nothing is started."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from cosmosctl import engines, models
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import pyxis
from cosmosctl.errors import FileError
from cosmosctl.schedulers import slurm
from cosmosctl.schema.values import host_mistakes

BLOCK = HostModel("nvcr.io#nvidia/cosmos:1.0", "/data/a repo", "/data/weights")
HOST = Host(
    "site",
    "bare",
    "/data/us",
    models={"transfer1": BLOCK},
    cache="/data/hf",
    mounts=("/lora:/lora:ro",),
    scheduler="slurm",
    container="pyxis",
)
TRANSFER1 = models.get("transfer1")


def test_a_container_is_four_options_of_srun() -> None:
    mounts = "/data/us:/data/us,/data/a repo:/workspace:ro,/data/weights:/checkpoints:ro,/data/hf:/cache,/lora:/lora:ro"
    assert pyxis.options(HOST, TRANSFER1, "/data/us/batches/b-1") == (
        "--container-image=nvcr.io#nvidia/cosmos:1.0",
        f"--container-mounts={mounts}",
        "--container-workdir=/data/us/batches/b-1",
        "--no-container-mount-home",
    )


@pytest.mark.parametrize("path", ["/data/a,b", "/data/a:b"])
def test_a_path_that_would_be_parted_is_refused(path: str) -> None:
    with pytest.raises(FileError, match="comma or a colon"):
        pyxis.options(replace(HOST, dir=path), TRANSFER1, "/")


def test_the_job_of_such_a_host_has_its_supervisor_in_the_container_and_the_login_environment_out_of_it() -> None:
    script = slurm.script(HOST, TRANSFER1, PurePosixPath("/data/us/batches/b-1"))
    (line,) = (line for line in script.splitlines() if "srun" in line)
    assert line.startswith("(trap '' USR1 && exec srun --export=ALL --ntasks=1 ")
    assert line.endswith('sh python3 -B supervise "$shard") &')
    process = engines.of(HOST).process(HOST, TRANSFER1)
    assert (process.cwd, process.checkpoints, process.env["HF_HOME"]) == ("/workspace", "/checkpoints", "/cache")
    assert engines.of(HOST).gpus(HOST) == (None,), "those that Slurm gives the job"


def test_the_key_goes_with_a_queue_and_the_bare_engine_alone() -> None:
    block = {"dir": "/d", "engine": "bare", "scheduler": "slurm", "container": "pyxis"}
    assert host_mistakes({"site": block}) == ()
    (lonely,) = host_mistakes({"site": {key: value for key, value in block.items() if key != "scheduler"}})
    assert "'scheduler: slurm' is missing beside it" in lonely
    (other,) = host_mistakes({"site": {**block, "engine": "apptainer"}})
    assert "container is for engine bare" in other
    (secret,) = host_mistakes({"site": {**block, "env_file": "/e"}})
    assert "reads no file of secrets" in secret
    (unknown,) = host_mistakes({"site": {**block, "container": "enroot"}})
    assert "pyxis" in unknown

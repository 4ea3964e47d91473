"""The options of srun by which pyxis makes a container. Nothing is started."""

import pytest

from cosmosctl import models
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import pyxis
from cosmosctl.errors import FileError

BLOCK = HostModel("nvcr.io#nvidia/cosmos:1.0", "/data/a repo", "/data/weights")


def test_a_container_is_four_options_of_srun() -> None:
    host = Host("lab", "bare", "/data/us", models={"transfer1": BLOCK}, cache="/data/hf", mounts=("/lora:/lora:ro",))
    mounts = "/data/us:/data/us,/data/a repo:/workspace:ro,/data/weights:/checkpoints:ro,/data/hf:/cache,/lora:/lora:ro"
    assert pyxis.options(host, models.get("transfer1")) == (
        "--container-image=nvcr.io#nvidia/cosmos:1.0",
        f"--container-mounts={mounts}",
        "--container-workdir=/workspace",
        "--no-container-mount-home",
    )


@pytest.mark.parametrize("path", ["/data/a,b", "/data/a:b"])
def test_a_path_that_would_be_parted_is_refused(path: str) -> None:
    with pytest.raises(FileError, match="comma or a colon"):
        pyxis.options(Host("lab", "bare", path, models={"transfer1": BLOCK}), models.get("transfer1"))

"""The script of the jobs of examples/slurm, and how it is submitted, are what the example shows."""

import os
import shlex
from pathlib import PurePosixPath

from cosmosctl import models, schedulers
from cosmosctl.domain.layout import on_host
from cosmosctl.domain.project import Host
from cosmosctl.store import load_config
from tests.support.tree import REPOSITORY

EXAMPLE = REPOSITORY / "examples/slurm"


def site() -> Host:
    return load_config(EXAMPLE).hosts["site"]


def test_the_script_and_the_command_of_the_example_are_the_expected_ones() -> None:
    host, queue = site(), schedulers.queue(site())
    assert queue is not None
    there = on_host(host, "city_20261129_090000", "3fa81c07")
    submit = queue.commands(host, there.folder).submit
    made = {
        "job.sh": queue.script(host, models.get("transfer1"), PurePosixPath(there.batch)),
        "sbatch": " \\\n    ".join(map(shlex.quote, (*submit, "--array=0,1,2,3%4", "job.sh"))) + "\n",
    }
    if os.environ.get("COSMOSCTL_WRITE_EXPECTED"):
        for name, text in made.items():
            (EXAMPLE / "expected" / name).write_text(text, encoding="utf-8")
    expected = {name: (EXAMPLE / "expected" / name).read_text(encoding="utf-8") for name in made}
    assert made == expected

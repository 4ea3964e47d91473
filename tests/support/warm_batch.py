"""Warm and native starts of the same runs, on a stand-in for the model's repository (tests/support/transfer1_repo)."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmosctl import models
from cosmosctl.domain.project import Config, Control, Host, HostModel, Prompt, Run, Setting
from cosmosctl.domain.spec import Spec, with_warm
from tests.support.family_batch import COLOR, family_batch
from tests.support.host_batch import HostBatch

REPO = Path(__file__).parent / "transfer1_repo"
SCRIPT = "cosmos_transfer1/diffusion/inference/transfer.py"
Facts = Mapping[str, Any]


def run_spec(name: str, *controls: Control, text: str = "", **settings: Setting) -> Spec:
    """A run whose prompt is its name, unless another text is given."""
    prompt = Prompt(f"ps_{name}", text or name, {"color": COLOR})
    run = Run(name, prompt.id, controls or (Control("edge", 1.0),), settings=settings)
    return models.spec_of(run, prompt, Config("5f3a91c2", "transfer1", "lab", {}, {}))


def served(specs: Sequence[Spec], warm: Setting) -> list[Spec]:
    """The same runs with another value of `warm`."""
    return [with_warm(spec, warm) for spec in specs]


def repo_batch(
    folder: Path, specs: Sequence[Spec], *, repo: Path = REPO, gpus: int = 1, strikes: str = "", **env: str
) -> HostBatch:
    """The batch of these runs on a host without a container, whose model is the stand-in in `repo`.

    A prompt with the word `struck` ends its row as `strikes` says.
    """
    block = HostModel(repo=str(repo), command=(sys.executable, SCRIPT))
    folder.mkdir(parents=True, exist_ok=True)
    host = Host("lab", "bare", str(folder), models={"transfer1": block}, gpus=())
    batch = family_batch(folder, specs, host=host)
    batch.replan(lambda plan: plan.update(gpus=[None] * gpus, stall_s=3600))
    batch.env |= {
        "STANDIN_RECORD": str(folder / "record"),
        "RANK": "0",
        "STANDIN_FAULTS": json.dumps({"struck": strikes}),
        **env,
    }
    return batch


def recorded(batch: HostBatch, what: str) -> list[Facts]:
    """What the stand-in noted of that kind: load, reload or row."""
    path = Path(batch.env["STANDIN_RECORD"])
    lines = path.read_text().splitlines() if path.exists() else []
    return [fact for fact in map(json.loads, lines) if fact["what"] == what]


def results(batch: HostBatch) -> dict[str, dict[str, bytes]]:
    """Run -> file -> content, of each finished run; the stand-in's videos say all that they were made with.

    The host's folder, which no two batches share, reads HOST.
    """
    done, host = batch.folder / "done", str(batch.folder.parent.parent).encode()
    return {
        run.name: {file.name: _told(file.read_bytes()).replace(host, b"HOST") for file in run.iterdir()}
        for run in done.iterdir()
    }


def made_with(output: bytes) -> dict[str, Any]:
    """What a video of the stand-in was made with."""
    found: dict[str, Any] = json.loads(_told(output))["made_with"]
    return found


def _told(content: bytes) -> bytes:
    """Of a video of the stand-in what it tells, else all: the length of its box follows from the host's folder."""
    return content[content.find(b"free{") + 4 :] if b"free{" in content else content

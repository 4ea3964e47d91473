"""A batch of one family as `batch` would bundle it, on a host without a client: the stand-in under the supervisor."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cosmosctl import models
from cosmosctl.domain.inputs import Input
from cosmosctl.domain.project import Config, Control, Host, Prompt, Run, Setting
from cosmosctl.domain.spec import Spec
from cosmosctl.io.shipped import template
from cosmosctl.plan.bundle import bundle_files
from cosmosctl.plan.planner import Sources, make_plan
from tests.stage import sleep_model
from tests.stage.sleep_model import FRAMES
from tests.support.host_batch import HostBatch

COLOR = "v/color.mp4"
STALL_S = 3600
VIDEO = Path(sleep_model.__file__).with_name("sleep_model.mp4")


def specs_of(family: str, prompts: Sequence[str], controls: Sequence[Control] = (), **settings: Setting) -> list[Spec]:
    """A run for each prompt: rs_1, rs_2, …"""
    named = enumerate(prompts, start=1)
    config = Config("5f3a91c2", family, "local", {}, {})
    return [
        models.spec_of(
            Run(f"rs_{number}", "ps_a", tuple(controls or (Control("edge", 1.0),)), settings=settings),
            Prompt("ps_a", text, {"color": COLOR}),
            config,
        )
        for number, text in named
    ]


def family_batch(
    folder: Path, specs: Sequence[Spec], *, faults: str = "", row_s: float = 0.02, host: Host | None = None
) -> HostBatch:
    """The batch of these runs on a host whose folder is `folder`; the runs of `specs` read the one video that we have.

    Its rows take `row_s` seconds each and fail as `faults` says, where the host makes previews as it does by default.
    """
    data = VIDEO.read_bytes()
    color = Input(COLOR, VIDEO, hashlib.sha256(data).hexdigest(), len(data), 64, 48, 24.0, FRAMES)
    plan = make_plan(specs, Sources({COLOR: color}, {}), host or Host("local", "preview", str(folder)))
    key = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]  # two of one key would end each other's processes
    files = bundle_files(plan, name="city", key=key, project_id="5f3a91c2", moment=datetime.now(UTC), warnings={})
    batch = HostBatch(folder / "batches" / f"city-{key}")
    for name, text in files:
        (batch.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (batch.folder / name).write_text(text, encoding="utf-8")
    for warm in models.WARM_MODELS.values():
        shutil.copy(template("launch", warm.SCRIPT), batch.folder)
    pool = folder / "inputs" / color.pool_name
    pool.parent.mkdir(parents=True)
    pool.write_bytes(data)
    batch.replan(lambda facts: facts.update(stall_s=STALL_S, grace_s=1))
    (folder / "state").mkdir()
    batch.env |= {"COSMOSCTL_PREVIEW_ROW_S": str(row_s), "COSMOSCTL_PREVIEW_FAULTS": faults}
    batch.env |= {"COSMOSCTL_PREVIEW_STATE": str(folder / "state"), "COSMOSCTL_PREVIEW_TALLY": str(folder / "rows")}
    return batch


def loads(batch: HostBatch) -> int:
    """How many model processes were started."""
    return len(batch.events("process_start"))

"""What is written down of the end of a run: its receipt, or why it has no result."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmosctl.domain.batch import Batch, stamp_of
from cosmosctl.domain.layout import PRIMARY, ResultPaths
from cosmosctl.domain.project import FORMAT
from cosmosctl.domain.spec import spec_hash
from cosmosctl.events.progress import Progress, RunEnd
from cosmosctl.results.judgement import (
    DamagedCopy,
    frame_warning,
    judge,
)
from cosmosctl.results.made_with import FILE, made_with
from cosmosctl.results.receipts import Failure, Receipt


def receipt_for(batch: Batch, end: RunEnd, progress: Progress, place: ResultPaths) -> Receipt:
    """The receipt of the outputs in `place`, made again. Raises: DamagedCopy when they are not those of that end."""
    looked = judge(place.outputs, batch, end.run, end.event)
    if looked.refusal:
        raise DamagedCopy(looked.refusal)
    warnings = (*batch.row(end.run).warnings, *frame_warning(batch.row(end.run), looked.frames))
    return receipt_of(batch, end, progress, looked.outputs, warnings, folder=place.outputs)


def receipt_of(
    batch: Batch,
    end: RunEnd,
    progress: Progress,
    outputs: Mapping[str, Mapping[str, Any]],
    warnings: Sequence[str],
    *,
    folder: Path,
) -> Receipt:
    """The receipt of these outputs, which lie in `folder`."""
    row = batch.row(end.run)
    return Receipt(
        format=FORMAT,
        run=row.run,
        batch=batch.name,
        batch_size=len(batch.rows),
        status="completed",
        primary_output=f"outputs/{PRIMARY}",
        model=batch.model,
        preview=batch.host.is_preview,
        host=batch.host.name,
        ended=stamp_of(end.event["t"]),
        attempts=end.event["attempts"],
        load_s=round(max(progress.loads, default=0.0), 3),
        video_s=round(end.seconds, 3),
        prompt=row.text,
        prompt_id=row.prompt_id,
        seed=row.facts.get("seed"),
        spec=spec_hash(row.facts),
        effective=dict(row.facts),
        sources=dict(row.sources),
        inputs=dict(row.inputs),
        outputs={name: str(facts["sha256"]) for name, facts in outputs.items()},
        primary_bytes=int(outputs[PRIMARY]["bytes"]),
        warnings=tuple(warnings),
        number=batch.number,
        parents=row.parents,
        made_with=made_with(folder) if FILE in outputs else {},
        **_machine(end, progress, batch.host.gpus_per_video or 1),
    )


def _machine(end: RunEnd, progress: Progress, each: int) -> dict[str, str]:
    """What a run was made with: image, commit, GPU (or `each` of them) and driver, as far as its host told."""
    process = next((one for one in progress.processes if one["proc"] == end.event.get("proc")), {})
    shard = process.get("shard")
    machine = progress.machine if shard is None else progress.machines.get(shard, {})
    listed, number = machine.get("gpus"), process.get("gpu") if shard is None else 0  # a queue's job sees its own alone
    gpus = listed if isinstance(listed, list) else []
    gpu = gpus[number] if isinstance(number, int) and 0 <= number < len(gpus) else {}
    gpu = gpu if isinstance(gpu, dict) else {}
    facts = {"image": machine.get("image"), "commit": machine.get("commit")}
    name = gpu.get("name")
    facts |= {"gpu": name if each == 1 else f"{each} x {name or 'GPU'}", "driver": gpu.get("driver")}
    return {name: fact for name, fact in facts.items() if isinstance(fact, str) and fact.isprintable()}


def failure_for(batch: Batch, end: RunEnd) -> Failure:
    """The receipt of a run that its host ended without a result."""
    row, reason = batch.row(end.run), str(end.event.get("reason", ""))
    detail = str(end.event.get("detail", "")).encode(errors="replace").decode()
    ended, preview = stamp_of(end.event["t"]), batch.host.is_preview
    spec = spec_hash(row.facts)
    return Failure(
        end.run, batch.name, end.state, reason, detail, spec, ended, preview, batch.number, row.parents, FORMAT
    )

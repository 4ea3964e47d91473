"""How Cosmos3 is started, on one GPU or on several for one video. Sources as in its own module. Pure."""

from cosmosctl.domain.spec import Spec
from cosmosctl.models import ranks

CHECKPOINTS = "Cosmos3-Nano"
"""A Hub alias that the program downloads."""
LAUNCHER = ("python", "-m", "cosmos_framework.scripts.inference")
"""One process a GPU: replicas with shared weights can wait for each other for ever."""
GPU_COUNTS, SUPER_GPUS = (1, 2, 4, 8), 4
"""Context parallel for one video (model-contracts 3h)."""


def parallel(launcher: tuple[str, ...], arguments: tuple[str, ...], gpus: int) -> tuple[str, ...]:
    """All for one video. The weights of Super are parted too, which is the default; others are whole on each GPU.

    Never for guidance: that half would be idle while control_guidance is another than 1.
    """
    if gpus == 1:
        return (*launcher, *arguments)
    whole = () if _is_super(arguments[arguments.index("--checkpoint-path") + 1]) else ("--dp-shard-size=1",)
    return (
        *ranks.under_torchrun(launcher, LAUNCHER, gpus),
        *arguments,
        *(f"--cp-size={gpus}", "--cfgp-size=1", *whole),
    )


def gpus_mistake(spec: Spec, gpus: int, checkpoints: str | None) -> str:
    """Its attention has eight heads of keys and values to part; Super's weights need four GPUs."""
    named = str(spec.settings.get("checkpoint", checkpoints or CHECKPOINTS))
    if _is_super(named) and 1 < gpus < SUPER_GPUS:
        return f"{named} needs {SUPER_GPUS} GPUs for its weights, gpus_per_video is {gpus}"
    return ranks.count_mistake(gpus, GPU_COUNTS, "Cosmos3")


def _is_super(checkpoint: str) -> bool:
    return "super" in checkpoint.rstrip("/").rpartition("/")[2].lower()

"""The memory of the GPU: how a pipeline is laid into it, and what is left of it after a row has failed."""

from __future__ import annotations

import gc
import re
import sys
import traceback
from typing import Any, Dict

MODES = ("full", "offload", "group", "small")
"""full: everything in the GPU's memory. offload: one part of the pipeline at a time. group: the blocks of a network
come one after the other. small: its layers do. The pixels are the same with each (tried on a CPU)."""

_DOUBTFUL = re.compile(r"CUDA error|CUDA driver error|AcceleratorError|CUBLAS_STATUS_(?!ALLOC)|CUDNN|cuDNN")
"""An exception after which the GPU of this process cannot be trusted."""


def device() -> str:
    """Where the networks run."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def dtype() -> Any:
    """The kind of number that weights are loaded as: what they are published in, and single precision on a CPU."""
    import torch

    return torch.bfloat16 if device() == "cuda" else torch.float32


def machine() -> Dict[str, str]:
    """What is told of the GPU."""
    import torch

    return {"gpu": torch.cuda.get_device_name(0) if device() == "cuda" else "none: CPU"}


def peak() -> str:
    """The most that the GPU's memory held since the last time, in words; "" without one."""
    import torch

    if device() != "cuda":
        return ""
    most = torch.cuda.max_memory_allocated() / (1 << 30)
    torch.cuda.reset_peak_memory_stats()
    return f"peak of the GPU's memory {most:.2f} GiB"


def lay(pipeline: Any, mode: str) -> None:
    """Put a pipeline's networks where they belong in that mode."""
    import torch

    if mode == "full":
        pipeline.to(device())
    elif mode == "offload":
        pipeline.enable_model_cpu_offload(device=device())
    else:
        from diffusers.hooks import apply_group_offloading

        level = {"offload_type": "leaf_level"} if mode == "small" else {"num_blocks_per_group": 1}
        for network in pipeline.components.values():
            if isinstance(network, torch.nn.Module):
                apply_group_offloading(network, torch.device(device()), **level)


def is_doubtful(error: BaseException) -> bool:
    """Whether an exception leaves the GPU of this process in doubt. Memory that did not suffice does not."""
    return not is_out_of_memory(error) and bool(_DOUBTFUL.search(f"{type(error).__name__}: {error}"))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice."""
    return "OutOfMemory" in type(error).__name__ or "out of memory" in str(error)


def is_sound() -> bool:
    """Whether the GPU still answers once the memory of the row is given back."""
    import torch

    gc.collect()
    if device() != "cuda":
        return True
    try:
        torch.cuda.empty_cache()
        torch.zeros(1, device="cuda").add_(1)
        torch.cuda.synchronize()
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return False
    return True

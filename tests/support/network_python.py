"""A Python with PyTorch for CPUs and the packages of the diffusers families, installed once in a run of the suite.

COSMOSCTL_NETWORK_PYTHON names one that is there already. What has no place in it is stood in for: the guardrail, whose
weights nobody here has, and the two operators that torchvision's wheel for GPUs looks for beside a PyTorch for CPUs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cosmosctl.models import diffusers_rows
from tests.support.waiting import INSTALL_S as INSTALL_S  # others find it here

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LARGEST_BYTES = 300 << 20
"""Of a wheel of PyTorch: those for GPUs are several times that, and bring their libraries."""

GUARDRAIL = '''"""Stands in for cosmos-guardrail: a word in the prompt decides."""

import torch


class CosmosSafetyChecker:
    def to(self, *args, **kwargs):
        return self

    def check_text_safety(self, text):
        if "starved" in text:
            _no_memory_at(call=40)
        self.refuses = "unseemly" in text
        return "forbidden" not in text

    def check_video_safety(self, frames):
        return None if self.refuses else frames


def _no_memory_at(call):
    """The call of that number of a convolution from now on finds no memory, as on a GPU; then there is enough again."""
    plain, calls = torch.nn.functional.conv3d, []

    def scarce(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            torch.nn.functional.conv3d = plain
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return plain(*args, **kwargs)

    torch.nn.functional.conv3d = scarce
'''
OPERATORS = """import torch as _torch
_library = _torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def network_python(folder: Path) -> Path:
    """The interpreter of that environment. Skips the test, by name, where PyTorch's wheel is not reached."""
    if there := os.environ.get("COSMOSCTL_NETWORK_PYTHON"):
        return Path(there)
    made = folder / "networks"
    _run((sys.executable, "-m", "venv", str(made)))
    python = made / "bin/python"
    torch, *others = diffusers_rows.PACKAGES
    # PyTorch's own index has nothing else
    _run((str(python), "-m", "pip", "install", "--quiet", "--no-deps", *_index_for(python, torch), torch))
    _run((str(python), "-m", "pip", "install", "--quiet", torch, *others))
    put_in_stand_ins(python)
    return python


def put_in_stand_ins(python: Path) -> None:
    """What these tests have in place of the guardrail and of torchvision's operators."""
    site = next((python.parent.parent / "lib").glob("python*/site-packages"))
    (site / "cosmos_guardrail").mkdir(exist_ok=True)
    (site / "cosmos_guardrail/__init__.py").write_text(GUARDRAIL)
    name, _, version = diffusers_rows.GUARDRAIL.partition("==")
    facts = site / f"cosmos_guardrail-{version}.dist-info"
    facts.mkdir(exist_ok=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    init = site / "torchvision/__init__.py"
    if _fails((str(python), "-c", "import torchvision")):
        init.write_text(OPERATORS + init.read_text())


def _index_for(python: Path, torch: str) -> Sequence[str]:
    """The options of pip by which it finds a PyTorch for CPUs: PyTorch's own index, else what is at hand."""
    for options in (("--index-url", CPU_INDEX, "--retries", "0", "--timeout", "10"), ()):
        asked = (str(python), "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--report", "-", *options)
        done = subprocess.run((*asked, torch), capture_output=True, text=True, timeout=INSTALL_S)
        if done.returncode == 0 and _is_small(json.loads(done.stdout)["install"][0]):
            return options
    pytest.skip(f"SKIPPED: real networks: no wheel of {torch} for CPUs is reached from here")


def _is_small(found: dict[str, dict[str, str]]) -> bool:
    if found["metadata"]["version"].endswith("+cpu"):
        return True
    wheel = Path(found["download_info"]["url"].removeprefix("file://"))
    return wheel.is_file() and wheel.stat().st_size < LARGEST_BYTES


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}"


def _fails(argv: Sequence[str]) -> bool:
    return subprocess.run(argv, capture_output=True, timeout=INSTALL_S).returncode != 0

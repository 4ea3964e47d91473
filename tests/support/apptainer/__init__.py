"""A real Apptainer beside the machine's own packages, its image as a folder and as a file, and blocks of hosts."""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import containers
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

PLACE = Path(sys.prefix) / "share/apptainer"
"""Kept between runs of the tests, and gone with the environment."""
NEEDED = ("patchelf", "squashfs-tools=mksquashfs", "squashfuse", "busybox-static=busybox")


@dataclass(frozen=True)
class Apptainer:
    """The program, an image as the folder of its root, and the same as a SIF file."""

    program: Path
    root: Path
    sif: Path

    def block(
        self,
        *,
        dir: Path,
        image: Path | str = "",
        row_s: str = "0.1",
        env: Mapping[str, str] | None = None,
        mounts: Sequence[str] = (),
        engine: str = "apptainer",
        more: str = "",
    ) -> str:
        """The lines of `hosts.NAME:`, indented by four; the model is the preview in the container.

        `row_s` "" makes whole previews, with the libraries of this environment.
        """
        model = {
            "image": str(image or self.root),
            "repo": str(REPOSITORY),
            "command": ["python3", "-m", "cosmosctl.preview.transfer1"],
        }
        whole = {"PYTHONPATH": "/workspace:/site", "PYTHONNOUSERSITE": "1"}
        own = {"COSMOSCTL_GPU_LOCKS": f"{dir}/locks", **({"COSMOSCTL_PREVIEW_ROW_S": row_s} if row_s else whole)}
        site = [] if row_s else [f"{sysconfig.get_path('purelib')}:/site:ro"]
        lines = {
            "dir": str(dir),
            "engine": engine,
            "engine_command": [str(self.program)],
            "models": {"transfer1": model},
            "mounts": [*site, *mounts] or None,
            "env": {**own, **(env or {})},
        }
        return "".join(f"    {key}: {json.dumps(value)}\n" for key, value in lines.items() if value is not None) + more


def installed() -> Path:
    """The program. Skips, by name, where it cannot be had."""
    packages = _said(("sh", str(REPOSITORY / ".ci/packages"), *NEEDED))
    made = _said(("bash", str(Path(__file__).with_name("install.sh")), str(PLACE)))
    if made.returncode:
        words = f"{packages.stderr.strip()[-200:]} {made.stderr.strip()[-300:]}"
        pytest.skip(f"Apptainer is not reached from this machine: {words}")
    return Path(made.stdout.split()[-1])


def with_image(folder: Path) -> Apptainer:
    """Apptainer and its image in `folder`."""
    program, root, sif = installed(), folder / "root", folder / "the image.sif"
    containers.fill_root(root)
    quick = ("--mksquashfs-args", "-noI -noD -noF -noX")  # nothing is compressed
    made = _said((str(program), "build", *quick, str(sif), str(root)))
    if made.returncode or not sif.is_file():
        pytest.skip(f"Apptainer does not work on this machine: {made.stderr.strip()[-300:]}")
    return Apptainer(program, root, sif)


def _said(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    if shutil.which(argv[0]) is None:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]} is not installed")
    return subprocess.run(argv, capture_output=True, text=True, timeout=2 * PATIENCE_S, stdin=subprocess.DEVNULL)

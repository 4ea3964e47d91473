#!/usr/bin/env python3
"""Makes the rows of a batch with a Cosmos pipeline of Hugging Face Diffusers, whatever their settings, from one load.

usage: serve.py --family transfer2.5 --rows FILE --out FOLDER --checkpoint HUB-ID|FOLDER [--memory MODE] [--vae-tiling]
                [--setup COMMAND] [--fetch COMMAND]
COMMAND is what mends this machine's environment, or fetches weights: it is told where something is missing.

Before anything is loaded the versions, the classes and the inputs that they declare are looked at: what is not as this
was written for ends it in a sentence. Nothing of a row reaches the next one: each has a generator of its own from its
seed, and whatever one failed of, the next ones have the bytes that they have in a process of their own.

A row's folder OUT/NAME holds control_*.mp4, output.mp4, which is renamed into place, and last prompt.txt. The lines of
this program begin with `diffusers_rows: `; cosmosctl reads them. A row that fails is told and the next one begins,
unless the GPU is in doubt.

Exit codes: 0 every row was tried, 1 it has to be started again for the rest, 2 this machine or the rows do not fit.
Written after diffusers 0.42.1; tried on a CPU with tiny random weights, never on a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Dict, List

import fit
import memory
from said import Blocked, said

Row = Dict[str, Any]


def main() -> int:
    """The exit code of making every row."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    options = _options()
    rows = [json.loads(line) for line in options.rows.read_text(encoding="utf-8").splitlines()]
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ["TQDM_DISABLE"] = "1"  # its bars end no line, and ours would stand behind them
    try:
        fit.require_versions()
        family = fit.family(options.family)
        family.require_fit(rows)
        began = time.monotonic()
        made_with = {**fit.versions(), **memory.machine(), "memory": options.memory}
        maker = family.load(options, rows)
    except fit.Unfit as error:
        said(f"cannot start: {error}")
        return 2
    facts = json.dumps({**made_with, **maker.made_with}, sort_keys=True)
    said(f"loaded in {time.monotonic() - began:.1f} s, made with {facts}")
    return serve(maker, rows, options.out, facts)


def serve(maker: Any, rows: List[Row], out: Path, facts: str) -> int:
    """The exit code once every row was tried, or as soon as one leaves the process in doubt."""
    for number, row in enumerate(rows):
        said(f"row {number} begins")
        try:
            maker.make(row, out / row["name"], facts)
            if most := memory.peak():
                said(most)
            said(f"row {number} is saved")
        except Exception as error:
            sound = _told(error)
            error.__traceback__ = None  # it holds the tensors of the failed row
            maker.recover()
            sound = sound and memory.is_sound()
            said(f"row {number} has no video")
            if not sound:
                return 1
    return 0


def _told(error: Exception) -> bool:
    """Says why a row failed; whether the GPU is not in doubt."""
    if isinstance(error, Blocked):
        said(f"blocked: {error}")
        return True
    traceback.print_exc(file=sys.stdout)
    return not memory.is_doubtful(error)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="serve.py")
    parser.add_argument("--family", choices=sorted(fit.FAMILIES), required=True)
    for name in ("--rows", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--memory", choices=memory.MODES, default="full")
    parser.add_argument("--vae-tiling", action="store_true")
    parser.add_argument("--setup", default=fit.mend)
    parser.add_argument("--fetch", default=fit.fetch)
    options = parser.parse_args()
    fit.mend, fit.fetch = options.setup, options.fetch
    return options


if __name__ == "__main__":
    sys.exit(main())

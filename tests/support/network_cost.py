"""CPU seconds of rows beside those of the pipeline's call: `python network_cost.py PROGRAM FAMILY MODEL ROWS OUT`.

Run by the Python that has diffusers; prints a line of JSON for each row of the file ROWS.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any


class Timed:
    """A pipeline whose calls are added up."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline, self.cpu_s = pipeline, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        begin = time.process_time()
        made = self._pipeline(*args, **kwargs)
        self.cpu_s += time.process_time() - begin
        return made


def main(program: str, family: str, model: str, file: str, out: str) -> None:
    sys.path.insert(0, program)
    import fit

    rows = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    maker = fit.family(family).load(argparse.Namespace(checkpoint=model, memory="full", vae_tiling=False), rows)
    maker.pipeline = timed = Timed(maker.pipeline)
    for row in rows:
        timed.cpu_s, begin = 0.0, time.process_time()
        maker.make(row, Path(out, row["name"]), "{}")
        print(json.dumps({"row_s": time.process_time() - begin, "call_s": timed.cpu_s}))


if __name__ == "__main__":
    main(*sys.argv[1:])

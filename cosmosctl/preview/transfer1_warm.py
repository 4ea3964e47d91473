"""Stands in for cosmos-transfer1 kept loaded: `python -m cosmosctl.preview.transfer1_warm`, then the same command line.

Takes the lines of templates/launch/transfer1_warm.py, whose rows bring their own settings and set of controls, and logs
what that logs: a row that is blocked or fails ends alone.
"""

import sys
import traceback
from argparse import Namespace
from dataclasses import replace

from cosmosctl.models.transfer1_warm import SCRIPT
from cosmosctl.preview import transfer1
from cosmosctl.preview.transfer1 import Job, Session


def main() -> None:
    """Make the videos of one start."""
    transfer1.main(_serve)


def _serve(job: Job, session: Session) -> None:
    args = Namespace(**{**vars(session.args), **job.row["settings"]})
    hints = {hint: block for hint, block in session.hints.items() if hint in job.row["control_overrides"]}
    try:
        transfer1.run_row(job, replace(session, args=args, hints=hints))
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        print(f"{SCRIPT}: row {job.number} has no video", flush=True)
        if "CUDA error" in str(error):
            sys.exit(1)


if __name__ == "__main__":
    main()

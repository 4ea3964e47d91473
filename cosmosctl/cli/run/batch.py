"""`batch` and `inference`."""

import sys
from pathlib import Path

import click

from cosmosctl.cli.family_option import family_option
from cosmosctl.cli.forms import FORM
from cosmosctl.cli.ids import HOST, RUNS_AND_PROMPTS, SWEEPS
from cosmosctl.commands.select import Wanted
from cosmosctl.errors import EXIT_OK


@click.command()
@click.argument("ids", nargs=-1, metavar="[RUN|PROMPT]...", type=RUNS_AND_PROMPTS)
@click.option("--batch-name", metavar="NAME", help="Start of the batch's folder name; the time is added.")
@click.option("--host", metavar="HOST", type=HOST, help="Run on this host instead of the project's.")
@family_option("Try the same runs on another model family: {families}.")
@click.option("--dry-run", is_flag=True, help="Show groups, JSONL lines and the command; run and write nothing.")
@click.option("--changed", is_flag=True, help="Also take runs whose result is older than their files.")
@click.option("--failed", is_flag=True, help="Also take runs that failed or were cancelled.")
@click.option("--all", "everything", is_flag=True, help="Take every run, finished ones too.")
@click.option("--sweep", metavar="NAME", type=SWEEPS, help="Only runs of this sweep.")
@click.option("--if-needed", is_flag=True, help="Of the named runs take those without a current result.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read ids from stdin too; where there is none, do nothing.")
@click.option("--yes", is_flag=True, help="Agree to more GPU hours than the host's max_gpu_hours.")
@click.option("--detach", is_flag=True, help="Return once the job is launched; attach brings the results.")
@click.option(
    "--export", metavar="DIR", type=click.Path(path_type=Path), help="Write what the host needs into DIR; send nothing."
)
@click.option("--as", "form", type=FORM, help="With --export: a job file for it beside.")
@click.option(
    "--from-jsonl", metavar="FILE", type=click.Path(path_type=Path), help="Make runs from hand-written JSONL lines."
)
@click.option(
    "--root",
    "roots",
    metavar="OLD=NEW",
    multiple=True,
    help="In the lines of --from-jsonl, take paths below OLD for paths below NEW.",
)
@click.pass_obj
def batch(
    folder: Path,
    ids: tuple[str, ...],
    batch_name: str | None,
    host: str | None,
    model: str | None,
    dry_run: bool,
    changed: bool,
    failed: bool,
    everything: bool,
    sweep: str | None,
    if_needed: bool,
    from_stdin: bool,
    yes: bool,
    detach: bool,
    export: Path | None,
    form: str | None,
    from_jsonl: Path | None,
    roots: tuple[str, ...],
) -> int:
    """Run what is pending, or the named runs, as one batch and fetch the results.

    Where no run is named, runs with mistakes are left out and told; a named one with a mistake stops the batch.
    For a prompt's id a run with the balanced weights is made and printed. With --from-jsonl the runs are those of its
    lines, all of them or none; --root /workspace=. takes paths below /workspace for paths of this folder. --if-needed
    computes nothing that is there already. --sweep takes what is pending of a sweep. With --export somebody else runs
    it; `fetch --from` takes what comes back. Ctrl-C after the launch only stops watching: the host goes on.
    """
    from cosmosctl.cli.draw.teller import Teller
    from cosmosctl.commands.run.batch import run_batch
    from cosmosctl.commands.run.request import Request

    if from_stdin:
        ids = (*ids, *(sys.stdin.read() if sys.stdin else "").split())
    if not ids and sweep is None and (from_stdin or if_needed):
        click.echo("no run is named, so that nothing is done", err=True)
        return EXIT_OK
    given = (ids, batch_name, host, model, dry_run, Wanted(changed, failed, everything), detach, from_jsonl, export)
    asked = Request(*given, roots=roots, if_needed=if_needed, yes=yes, sweep=sweep, form=form)
    return run_batch(folder, asked, Teller())


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="RUN|PROMPT...", type=RUNS_AND_PROMPTS)
@click.option("--batch-name", metavar="NAME", help="Start of the batch's folder name; the time is added.")
@click.option("--host", metavar="HOST", type=HOST, help="Run on this host instead of the project's.")
@family_option("Try the same runs on another model family: {families}.")
@click.option("--dry-run", is_flag=True, help="Show groups, JSONL lines and the command; run and write nothing.")
@click.option(
    "--upscale-weight",
    type=float,
    metavar="WEIGHT",
    help="Enlarge each result too, and keep it this strongly: above 0, at most 1.",
)
@click.option("--yes", is_flag=True, help="Agree to more GPU hours than the host's max_gpu_hours.")
@click.option("--detach", is_flag=True, help="Return once the job is launched; attach brings the results.")
@click.pass_obj
def inference(
    folder: Path,
    ids: tuple[str, ...],
    batch_name: str | None,
    host: str | None,
    model: str | None,
    dry_run: bool,
    upscale_weight: float | None,
    yes: bool,
    detach: bool,
) -> int:
    """Run the named runs, or a new run for each named prompt, as one batch.

    With --upscale-weight a run that enlarges the result is made for each and printed; it runs after its source.
    """
    from cosmosctl.cli.draw.teller import Teller
    from cosmosctl.commands.run.batch import run_batch
    from cosmosctl.commands.run.request import Request

    asked = Request(
        ids,
        "inference" if batch_name is None else batch_name,
        host,
        model,
        dry_run,
        detach=detach,
        upscale_weight=upscale_weight,
        upscales=upscale_weight is not None,
        yes=yes,
    )
    return run_batch(folder, asked, Teller())

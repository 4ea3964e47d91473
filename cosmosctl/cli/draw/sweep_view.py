"""What `sweep` says: with --dry-run all of it on stdout, else the ids of new runs there and the rest on stderr."""

from collections.abc import Iterator

import click

from cosmosctl.cli.draw.dry_run import saved_words
from cosmosctl.commands.sweeps.expansion import EDITED, MISTAKEN, NEW, THERE
from cosmosctl.commands.sweeps.outlook import Outlook
from cosmosctl.commands.sweeps.write import Swept, remove_words
from cosmosctl.domain.ids import command
from cosmosctl.domain.plurals import counted, duration
from cosmosctl.domain.sweep import words_of
from cosmosctl.errors import bounded


def print_sweep(swept: Swept, *, dry_run: bool) -> None:
    """Print what became of a sweep, or would."""
    if dry_run:
        click.echo("\n".join([*_member_lines(swept), "", *_lines(swept, dry_run=True)]))
        return
    new = [member.id for member in swept.expansion.standing(NEW)]
    click.echo("".join(f"{run}\n" for run in new), nl=False)
    for line in _lines(swept, dry_run=False):
        click.echo(line, err=True)


def _member_lines(swept: Swept) -> Iterator[str]:
    members = swept.expansion.members
    width = max((len(member.id) for member in members), default=0)
    for member in members:
        edited = f"  (edited: {', '.join(member.differs)})" if member.differs else ""
        yield f"{member.standing:<8}  {member.id:<{width}}  {words_of(member.point)}{edited}"
    yield from (f"{'stray':<8}  {one.run:<{width}}  {one.why}".rstrip() for one in swept.strays)


def _lines(swept: Swept, *, dry_run: bool) -> Iterator[str]:
    yield _counts(swept, dry_run=dry_run)
    yield from outlook_lines(swept.ahead, swept.host.name)
    if not dry_run:
        yield from bounded(
            [
                f"{m.id} says something else now ({', '.join(m.differs)}): it stays"
                for m in swept.expansion.standing(EDITED)
            ]
        )
    gone = {thrown.name for thrown in swept.thrown}
    for thrown in swept.thrown:
        yield f"{thrown.name} no longer belongs: it lies in {thrown.place}"
    left = [one for one in swept.strays if one.run not in gone]
    yield from bounded([f"{one.run} no longer belongs{_why(one.why)}" for one in left])
    if left:
        yield f"  {remove_words(swept.expansion.sweep.name, left)} removes what has no result and was not edited"
    if swept.to_run and not dry_run:
        yield f"{command('batch')} runs what is pending"


def _why(words: str) -> str:
    return f", and stays: it {words}" if words else ""


def _counts(swept: Swept, *, dry_run: bool) -> str:
    expansion = swept.expansion
    counts = {kind: len(expansion.standing(kind)) for kind in (NEW, THERE, EDITED, MISTAKEN)}
    words = {
        NEW: "to be written" if dry_run else "written",
        THERE: "there",
        EDITED: "edited",
        MISTAKEN: "with mistakes",
    }
    told = ", ".join(f"{count} {words[kind]}" for kind, count in counts.items() if count)
    return f"{expansion.sweep.name}: {counted(len(expansion.members), 'run')} of {expansion.sweep.base}: {told}"


def outlook_lines(ahead: Outlook, host: str) -> Iterator[str]:
    """What a batch of these runs takes."""
    if not ahead.runs:
        return
    saved = f"; {saved_words(ahead.saved)}" if ahead.saved else ""
    warm = f"; {ahead.warm} with warm: true" if ahead.warm < ahead.starts else ""
    yield f"{counted(ahead.runs, 'run')} without a result: {counted(ahead.starts, 'model load')} on {host}{saved}{warm}"
    if ahead.seconds is None or ahead.bytes is None:
        yield f"time and disk: unknown, nothing like it ran on {host} yet"
    else:
        disk = f"{ahead.bytes / 1e6:,.1f} MB"
        yield f"time: about {duration(ahead.seconds)}; disk: about {disk}, from past results on {host}"

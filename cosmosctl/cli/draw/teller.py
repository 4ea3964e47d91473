"""What a walk tells on its way, printed: results to stdout, everything else to stderr."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import click

from cosmosctl.cli.draw import left_out
from cosmosctl.cli.draw.bars import Bars
from cosmosctl.cli.draw.follow_view import FollowView, preview_note
from cosmosctl.cli.draw.warning import warn
from cosmosctl.commands.audience import LeftOut
from cosmosctl.commands.look_copies import Progress as LookProgress
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.project import Host
from cosmosctl.domain.surprises import Told
from cosmosctl.plan.inputs import ControlProgress
from cosmosctl.plan.planner import Plan
from cosmosctl.state.estimates import Past


class Teller:
    """The audience of every walk on the command line."""

    def note(self, text: str) -> None:
        click.echo(text, err=True)

    def result(self, text: str) -> None:
        click.echo(text)

    def warn(self, told: Iterable[Told]) -> None:
        warn(told)

    def left_out(self, runs: LeftOut) -> None:
        left_out.tell(runs)

    def left_out_count(self, mistaken: LeftOut, damaged: LeftOut) -> None:
        left_out.tell_count(mistaken, damaged)

    def plans(self, project: ProjectPaths, plans: Sequence[Plan], host: Host) -> None:
        from cosmosctl.cli.draw.dry_run import show_plans

        show_plans(project, plans, host)

    def agrees(self, question: str) -> bool:
        from cosmosctl.cli.agreeing import agreeing

        return agreeing(False)(question)

    @contextmanager
    def computing(self) -> Iterator[ControlProgress]:
        with Bars() as bars:
            yield bars.control

    @contextmanager
    def copying(self) -> Iterator[LookProgress]:
        with Bars() as bars:
            yield bars.show

    def starting(self, batch: Batch) -> None:
        if batch.host.is_preview:
            click.echo(preview_note(batch), err=True)

    def following(self, pasts: Mapping[str, Past | None]) -> AbstractContextManager[FollowView]:
        return FollowView(pasts)

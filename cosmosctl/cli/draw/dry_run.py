"""What `batch --dry-run` prints: groups and why they are apart, settings, JSONL lines, command, bytes, time."""

from collections.abc import Iterator, Sequence

import click

from cosmosctl import engines
from cosmosctl.cli.draw.follow_view import label
from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import counted, duration
from cosmosctl.domain.project import Host
from cosmosctl.domain.spec import with_warm
from cosmosctl.host.transfer_size import bytes_to_send
from cosmosctl.host.trust import NotAllowed
from cosmosctl.plan import bundle
from cosmosctl.plan.planner import Group, Plan, differences, starts
from cosmosctl.plan.widths import Width, beyond_time, widths
from cosmosctl.state import estimates


def show_plans(project: ProjectPaths, plans: Sequence[Plan], host: Host) -> None:
    """Print everything that a batch would do; nothing is written or sent."""
    for plan in plans:
        click.echo(_head(plan))
        for line in _loads(plan):
            click.echo(line)
        for name, values in differences(plan.groups).items():
            shown = ", ".join(
                f"{group.name}: {_value_in(group, value)}" for group, value in zip(plan.groups, values, strict=True)
            )
            click.echo(f"groups are apart because {name} differs: {shown}")
        for group in plan.groups:
            _show_group(plan, group)
        click.echo(f"\n{_bytes(project, plan)}")
        for line in _jobs(project, plan) or [_estimate(project, plan)]:
            click.echo(line)


def _head(plan: Plan) -> str:
    rows, groups = len(plan.rows), len(plan.groups)
    what = " (CPU preview, no model runs)" if plan.host.is_preview else ""
    return f"{counted(rows, 'run')} on {plan.model.NAME}, host {plan.host.name}{what}: {counted(groups, 'model start')}"


def _loads(plan: Plan) -> Iterator[str]:
    """How many loads are saved, and how many there are where keeping the model loaded makes a difference or would."""
    loads, specs = len(plan.groups), [row.spec for row in plan.rows]
    if len(specs) > loads:
        yield saved_words(len(specs) - loads)
    native, warm = (starts([with_warm(spec, value) for spec in specs], plan.host) for value in (False, True))
    if any(group.fallback for group in plan.groups):
        yield f"{counted(loads, 'load')}; {native} where warm rows do not fit the model's code"
    elif warm < loads:
        yield f"{counted(loads, 'load')}; {warm} with warm: true"


def saved_words(loads: int) -> str:
    """What comes of it that runs share a start."""
    return f"{counted(loads, 'load')} saved, as runs share one"


def _show_group(plan: Plan, group: Group) -> None:
    click.echo(f"\n{group.name}: {counted(len(group.rows), 'run')}, one model start")
    for name, value in group.key:
        click.echo(f"  {name}: {_value(value)}")
    width = max(len(row.run) for row in group.rows)
    for row in group.rows:
        weights = " ".join(f"{control.name} {control.weight:g}" for control in row.spec.controls)
        click.echo(f"  {row.run:<{width}}  {weights}  {label(row.spec.text, row.spec.video)}")
    click.echo(f"  {plan.model.ROWS_FILE}:")
    for row in group.rows:
        click.echo(row.line_in("BATCH"))
    click.echo("  command:")
    click.echo(bundle.command_text(group, "BATCH").rstrip())


def _bytes(project: ProjectPaths, plan: Plan) -> str:
    """What would be sent; a host that was not allowed yet is not asked."""
    try:
        missing, total = bytes_to_send(project, plan)
    except NotAllowed as e:
        return f"to send: not known, as host {plan.host.name} was not asked; to allow it: {e.leave.command}"
    return f"to send: {missing:,} bytes of {total:,} bytes of video; the host has the rest"


def _jobs(project: ProjectPaths, plan: Plan) -> list[str]:
    """How many jobs a queue would be given, and what they and other numbers of them cost; nothing without a queue."""
    pace = estimates.of_plans(project, [plan]).get(plan.model.NAME)
    found, beyond = widths(plan, pace), beyond_time(plan, pace)
    if not found:
        return []
    chosen, *others = found
    wall = "wall time and GPU hours unknown, as nothing ran there yet"
    if chosen.wall_s is not None and chosen.gpu_hours is not None:
        wall = f"{chosen.gpu_hours:.2f} GPU hours, about {duration(chosen.wall_s)} once they run"
    starts = counted(chosen.starts, "model start")
    first = f"{counted(chosen.jobs, 'job')}, {chosen.nodes} at a time, with {starts}: {wall}"
    table = ["  nodes  jobs  starts  GPU hours  wall time", *map(_width_line, others)]
    return [first, *table, *([f"warning: {beyond}"] if beyond else [])]


def _width_line(one: Width) -> str:
    hours = "?" if one.gpu_hours is None else f"{one.gpu_hours:.2f}"
    wall = "?" if one.wall_s is None else duration(one.wall_s)
    return f"  {one.nodes:>5}  {one.jobs:>4}  {one.starts:>6}  {hours:>9}  {wall}"


def _estimate(project: ProjectPaths, plan: Plan) -> str:
    past = estimates.of_plans(project, [plan]).get(plan.model.NAME)
    if past is None:
        return f"time: unknown, nothing ran on {plan.host.name} yet"
    at_once = len(engines.of(plan.host).gpus(plan.host))
    seconds = past.total_s(len(plan.groups), sum(row.frames for row in plan.rows), at_once)
    return f"time: about {duration(seconds)}, from past results on {plan.host.name}"


def _value_in(group: Group, value: object) -> str:
    """A value of a group's key; what is in no key of a warm start stands in its lines."""
    return "each run's own" if value is None and group.fallback else _value(value)


def _value(value: object) -> str:
    text = "the model's own" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"

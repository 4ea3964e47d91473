"""Slurm: the shards of a batch are the tasks of one array job, in the words of sbatch, squeue, scancel and sacct.

Everything is asked in squeue's text format: its JSON of 22.05 passes over every filter. What an administrator or any
other user of the site can read, the name of the job and its script, holds no prompt and no secret.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from cosmosctl import engines
from cosmosctl.domain.batch import Batch
from cosmosctl.domain.project import Host
from cosmosctl.engines.protocol import SUPERVISOR, Argv
from cosmosctl.models.protocol import Model
from cosmosctl.schedulers.naming import job_name
from cosmosctl.schedulers.protocol import Commands, Partition, Standing, Task

DRAINED = 75
"""Exit code of the supervisor: rows are left and its time is up."""
DRAIN_S, UNKNOWN_DRAIN_S, LEAST_LIMIT_S = 600, 60, 60
"""How long before its time is up a task is told; less where its limit is short, as Slurm may be a minute early, and
where nobody said it: a partition's own may be minutes, and whoever is told at the start does nothing.
"""
listed: Argv = ("sinfo", "-h", "-o", "%P|%l|%G")
_FORMAT = "%F|%K|%T|%r|%N|%S"
_OVER = (
    *("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE"),
    *("OUT_OF_MEMORY", "REVOKED"),
)
_LIVE = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "CONFIGURING", "SIGNALING", "STAGE_OUT", "RESIZING")


def commands(host: Host, folder: str) -> Commands:
    name = job_name(folder)
    return Commands(
        submit=("sbatch", "--parsable", *options(host, folder, f"--signal=B:USR1@{drain_s(host)}")),
        running=("squeue", "-h", "-r", "-n", name, "-o", "%K"),
        query=("squeue", "-h", "-r", "-t", "all", "-o", _FORMAT, "-j"),
        ended=("sacct", "-n", "-X", "-P", "-o", "JobID,State,NodeList", "-j"),
        cancel=("scancel", "-n", name),
        throttle=f"%{host.nodes or 1}",
        over=_OVER,
        cancelled="CANCELLED",
        forgotten="Invalid job id specified",
    )


def options(host: Host, folder: str, *more: str) -> tuple[str, ...]:
    """What is said to sbatch of a job of the batch in that folder: as arguments, as #SBATCH lines part at spaces."""
    return (
        f"--job-name={job_name(folder)}",
        *("--output=/dev/null", "--export=NONE", "--requeue", "--open-mode=append"),
        *more,
        *_asked_for(host),
        *host.extra,
    )


def _asked_for(host: Host) -> tuple[str, ...]:
    given = {
        "partition": host.partition,
        "account": host.account,
        "qos": host.qos,
        "time": host.time,
        "gres": _gres(host),
        "constraint": host.constraint,
    }
    return tuple(f"--{key}={value}" for key, value in given.items() if value)


def _gres(host: Host) -> str:
    return host.gres or f"gpu:{host.gpus_per_video or 1}"


def questions(host: Host) -> Mapping[str, tuple[str, ...]]:
    partition = (host.partition,) if host.partition else ()
    return {
        "version": ("sbatch", "--version"),
        "test": ("sbatch", "--test-only", "--array=0", *_asked_for(host), *host.extra, "--wrap=true"),
        "limits": ("scontrol", "-o", "show", "partition", *partition),
        "partitions": ("sinfo", "-h", "-o", "%P %l %D %G"),
    }


def taken(said: str) -> str:
    return said.partition("sbatch: ")[2]


def partition(said: str) -> Partition:
    lines = [line.split("|") for line in said.split(";")]
    found = [line for line in lines if len(line) == 3 and "gpu" in line[2]]
    chosen = next((line for line in found if line[0].endswith("*")), found[0] if found else None)
    if chosen is None:
        return Partition()
    name, limit, gres = chosen
    time = limit if re.fullmatch(r"(\d+-)?\d+(:\d\d){0,2}", limit) else ""
    kind = re.search(r"\bgpu:([A-Za-z][\w.-]*):\d", gres)
    return Partition(name.rstrip("*"), time, f"gpu:{kind[1]}:1" if kind else "gpu:1")


def trouble(host: Host, limits: str) -> str:
    """sbatch --test-only takes a time above the partition's: such a job would wait for ever."""
    longest = [found[1] for line in limits.split(";") if (found := re.search(r"\bMaxTime=(\S+)", line))]
    known = [seconds(time) for time in longest if re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", time)]
    if not host.time or not host.partition or len(known) != 1 or seconds(host.time) <= known[0]:
        return ""
    return f"time {host.time} is above the limit of partition {host.partition}, {longest[0]}: it would never start"


def at_once(host: Host) -> tuple[str, ...]:
    return ("srun", "--quiet", "--immediate=60", "--job-name=cosmosctl-check", *_asked_for(host), *host.extra)


def gpus(host: Host) -> int:
    counts = re.findall(r"gpu(?::[^:,]*[^:,\d][^:,]*)?(?::(\d+))?(?:,|$)", _gres(host))
    return max(1, sum(int(count or 1) for count in counts))


def limit_s(host: Host) -> int | None:
    return max(1, seconds(host.time) - drain_s(host)) if host.time else None


def drain_s(host: Host) -> int:
    """How many seconds before the end of its time a task is told to end after the row that it has in hand."""
    limit_s = seconds(host.time) if host.time else None
    return UNKNOWN_DRAIN_S if limit_s is None else max(1, min(DRAIN_S, (limit_s - LEAST_LIMIT_S) // 4))


def seconds(time: str) -> int:
    """A time limit as sbatch takes it: minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[…]]."""
    days, _, rest = time.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if days:
        hours, minutes, left = (*parts, 0, 0)[:3]
    else:
        hours, minutes, left = {1: (0, *parts, 0), 2: (0, *parts), 3: tuple(parts)}[len(parts)]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + left


def script(host: Host, model: Model, batch_dir: PurePosixPath) -> str:
    *supervisor, _ = engines.of(host).supervisor(host, model, batch_dir)
    begin = "".join(f"{line}\n" for line in host.prolog)
    return _SCRIPT.format(
        shell="/bin/bash -l" if host.prolog else "/bin/bash",
        batch=shlex.quote(str(batch_dir)),
        prolog=f"{begin}\n" if begin else "",
        supervisor=shlex.join(supervisor).replace(shlex.quote(f"{batch_dir}/{SUPERVISOR}"), SUPERVISOR),
        drained=DRAINED,
        path=PATH_LINE,
    )


def exported(batch: Batch, gpus: int, command: str) -> tuple[str, str]:
    """The options of jobs that cosmosctl submits itself; what the site wants beside them are arguments of sbatch."""
    host = replace(batch.host, gres=f"gpu:{gpus}")
    lines = (
        "#!/bin/bash",
        f"# Batch {batch.name}: sbatch [OPTION]... THIS. Submitted or requeued again, it goes on where it was.",
        *(f"#SBATCH {option}" for option in options(host, batch.there.folder)),
        PATH_LINE,
        f"exec {command}",
    )
    return "job.sbatch", "".join(f"{line}\n" for line in lines)


PATH_LINE = 'export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"'
"""With --export=NONE a job may have none."""
_SCRIPT = """\
#!{shell}
# One task of a batch of cosmosctl: it runs the shard with the number of the task, until each of its rows has an end.
# Submitted again, requeued or started on another node it goes on where the shard's events.jsonl says it was.
cd {batch} || exit 1
shard=shards/$SLURM_ARRAY_TASK_ID
exec </dev/null >>"$shard/job.out" 2>&1
{path}
export COSMOSCTL_JOB="${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID" COSMOSCTL_RESTART="${{SLURM_RESTART_COUNT:-0}}"

# Slurm signals this shell: USR1 before its time is up, TERM at the end of it, on scancel, on preemption.
supervisor= asked=
pass_on() {{
    asked=$1
    [ -z "$supervisor" ] || kill -s "$1" "$supervisor" 2>/dev/null
}}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM

{prolog}# USR1 says nothing until the supervisor listens to it: else it would be the end of a job that has just begun
(trap '' USR1 && exec {supervisor} "$shard") &
supervisor=$!
[ -z "$asked" ] || kill -s "$asked" "$supervisor"
while kill -0 "$supervisor" 2>/dev/null; do wait "$supervisor"; done
wait "$supervisor"
code=$?

# Slurm does not requeue for a time limit by itself. The rows that are left go on, unless somebody has ended the job.
if [ "$code" -eq {drained} ] && [ ! -e cancel ] && [ ! -e "$shard/cancel" ]; then
    case $(scontrol -o show job "$COSMOSCTL_JOB" 2>/dev/null) in
        *JobState=CANCELLED*) ;;
        *) scontrol requeue "$COSMOSCTL_JOB" ;;
    esac
fi
exit "$code"
"""


def tasks(said: str) -> Sequence[Task]:
    newest: dict[int, Task] = {}
    for task in filter(None, map(_task, said.splitlines())):
        known = newest.get(task.shard)
        if known is None or (not _is_over(task), int(task.job)) >= (not _is_over(known), int(known.job)):
            newest[task.shard] = task
    return tuple(newest.values())


def _task(line: str) -> Task | None:
    words = line.strip().split("|")
    if len(words) == 3:  # of sacct: JOB_TASK|STATE [by WHOM]|NODES
        job, _, number = words[0].partition("_")
        words = [job, number, words[1].partition(" ")[0], "None", words[2], "N/A"]
    if len(words) < 6 or not words[0].isdecimal() or not words[1].isdecimal():
        return None
    job, number, state, *reason, node, starts = words
    return Task(int(number), job, state, "|".join(reason), node, starts)


def _is_over(task: Task) -> bool:
    return task.state in _OVER


def standing(task: Task) -> Standing:
    if _is_over(task):
        return "ended"
    if task.state in _LIVE:
        return "running"
    return "held" if re.search(r"held|JobHeld", task.reason, re.IGNORECASE) else "queued"


def words(task: Task) -> str:
    if standing(task) == "ended":
        return f"its job has ended ({task.state})"
    if standing(task) == "running":
        return f"{task.state.lower()} on {task.node}"
    starts = re.fullmatch(r"\d{4}-\d\d-\d\dT(\d\d:\d\d):\d\d", task.starts)
    starts = None if standing(task) == "held" else starts  # what nobody releases does not, whatever is reckoned
    facts = [task.reason if task.reason not in ("", "None") else "", f"starts about {starts[1]}" if starts else ""]
    return f"{standing(task)} ({'; '.join(filter(None, facts)) or 'no reason told'})"


def is_away(said: str) -> bool:
    return re.search(_AWAY, said, re.IGNORECASE) is not None


def hint(said: str) -> str:
    return next((words for pattern, words in _HINTS if re.search(pattern, said, re.IGNORECASE)), "")


_AWAY = r"Unable to contact slurm|Connection refused|Socket timed out|connect failure"
_HINTS = (
    (_AWAY, "the controller may be restarting; try again"),
    (
        r"Invalid account or account/partition|account not (known|permitted)|AccountNotAllowed",
        "set account: of the host to one that `sacctmgr show assoc` lists",
    ),
    (r"invalid partition|user's group not permitted", "set partition: of the host to one that `sinfo` lists"),
    (r"Invalid qos|InvalidQOS|QOS not permitted", "set qos: of the host to one that `sacctmgr show qos` lists"),
    (
        r"time limit|PartitionTimeLimit|PartitionConfig",
        "set time: of the host to what `scontrol show partition` allows",
    ),
    (r"Invalid generic resource|gres", "set gres: of the host to what `sinfo -o '%P %G'` lists"),
    (r"feature specification|BadConstraints", "set constraint: of the host to what `sinfo -o '%P %f'` lists"),
    (r"array", "set nodes: of the host lower, or ask the site for its MaxArraySize"),
    (r"launch failed requeued held", "a node could not start it; `scontrol release JOB` lets it try again"),
    (r"JobHeldAdmin", "an administrator holds it; ask the site"),
    (r"JobHeldUser", "`scontrol release JOB` lets it start"),
    (r"ReqNodeNotAvail|Resources.*down", "its nodes are down or reserved; it starts once they are back"),
    (
        r"QOSMax|AssocMax|AssocGrp|QOSGrp|MaxCpuPerAccount",
        "a limit of the site keeps it; it starts when others have ended",
    ),
    (r"command not found|No such file", "Slurm's commands are not in the PATH of a login there"),
)

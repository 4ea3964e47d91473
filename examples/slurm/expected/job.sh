#!/bin/bash -l
# One task of a batch of cosmosctl: it runs the shard with the number of the task, until each of its rows has an end.
# Submitted again, requeued or started on another node it goes on where the shard's events.jsonl says it was.
cd /project/me/cosmosctl/batches/city_20261129_090000-3fa81c07 || exit 1
shard=shards/$SLURM_ARRAY_TASK_ID
exec </dev/null >>"$shard/job.out" 2>&1
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"
export COSMOSCTL_JOB="${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" COSMOSCTL_RESTART="${SLURM_RESTART_COUNT:-0}"

# Slurm signals this shell: USR1 before its time is up, TERM at the end of it, on scancel, on preemption.
supervisor= asked=
pass_on() {
    asked=$1
    [ -z "$supervisor" ] || kill -s "$1" "$supervisor" 2>/dev/null
}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM

module load apptainer

# USR1 says nothing until the supervisor listens to it: else it would be the end of a job that has just begun
(trap '' USR1 && exec python3 -B supervise "$shard") &
supervisor=$!
[ -z "$asked" ] || kill -s "$asked" "$supervisor"
while kill -0 "$supervisor" 2>/dev/null; do wait "$supervisor"; done
wait "$supervisor"
code=$?

# Slurm does not requeue for a time limit by itself. The rows that are left go on, unless somebody has ended the job.
if [ "$code" -eq 75 ] && [ ! -e cancel ] && [ ! -e "$shard/cancel" ]; then
    case $(scontrol -o show job "$COSMOSCTL_JOB" 2>/dev/null) in
        *JobState=CANCELLED*) ;;
        *) scontrol requeue "$COSMOSCTL_JOB" ;;
    esac
fi
exit "$code"

# Runs an exported batch to its end: starts it where it lies, or finds it started, and waits. It may be stopped and run again.
# usage: sh DIR/batches/BATCH_FOLDER/run.sh      as the one command of a job of Slurm, SkyPilot, Kubernetes or anybody
# exit codes: 0 the batch has ended; 1 it has not: run it again; others as launch.sh has them.
set -eu
batch=$(cd "$(dirname "$0")" && pwd)
sh "$batch/start.sh"
until grep -q '^{"ev":"batch_done"' "$batch/events.jsonl" 2>/dev/null; do
    flock -n -s "$batch/lock" true 2>/dev/null && break # nobody runs it
    flock -s -w 10 "$batch/lock" true 2>/dev/null || :
done
grep -q '^{"ev":"batch_done"' "$batch/events.jsonl" || {
    tail -n 5 "$batch/supervise.out" >&2
    exit 1
}

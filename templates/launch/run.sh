# Runs an exported batch to its end: starts it where it lies, or finds it started, and waits. It may be stopped and run again.
# usage: sh DIR/batches/BATCH_FOLDER/run.sh      as the one command of a job of Slurm, SkyPilot, Kubernetes or anybody
# exit codes: 0 the batch has ended; 1 it has not: run it again; others as launch.sh has them.

main() {
    set -eu
    batch=$(cd "$(dirname "$0")" && pwd)
    sh "$batch/start.sh"
    until finished "$batch"; do
        flock -n -s "$batch/lock" true 2>/dev/null && break # nobody runs it
        flock -s -w 10 "$batch/lock" true 2>/dev/null || :
    done
    finished "$batch" || {
        ! is_file "$batch/supervise.out" || tail -n 5 "$batch/supervise.out" >&2
        exit 1
    }
}

# Whether the batch in folder $1 has ended: all of its shards, where jobs share it.
finished() {
    if [ ! -d "$1/shards" ]; then set -- "$1/"; else set -- "$1"/shards/*/; fi
    for part in "$@"; do
        is_file "${part}events.jsonl" && grep -q '^{"ev":"batch_done"' "${part}events.jsonl" 2>/dev/null || return 1
    done
}

# What else lies in place of a file is not ours: a link leads to somebody's, and a pipe never ends.
is_file() {
    [ -f "$1" ] && [ ! -L "$1" ]
}

main "$@"

# Asks the job of a batch to end: what is finished stays, the rest is cancelled. Fed to `sh -s` on the host.
# usage: sh -s -- BATCH_DIR [RUNNING CANCEL]
#   RUNNING, CANCEL: commands, each quoted for a shell, of whatever queues the jobs of the batch: that prints a word for
#   each that waits or runs; that ends them all
# stdout: finished (too late: it has ended), cancelling (the supervisor sees the file within a tenth of a second and ends
# the model), gone (no job runs; the next launch ends what is left and writes the end). Exit code 66: no such batch.

main() {
    set -eu
    batch=$1 running=${2:-} cancel=${3:-}
    [ -d "$batch" ] || {
        printf 'there is no %s on the host\n' "$batch" >&2
        exit 66
    }
    if finished "$batch"; then
        echo finished
        return
    fi
    is_file "$batch/cancel" || rm -f "$batch/cancel"
    : >"$batch/cancel"
    if [ "$cancel" ]; then cancel_queued; return; fi
    if is_file "$batch/lock" && ! flock -n -s "$batch/lock" true; then echo cancelling; else echo gone; fi
}

# What runs sees the file within a tenth of a second, and so does what begins later: also while the queue does not answer.
cancel_queued() {
    left=$(eval "$running" 2>/dev/null </dev/null) || left=unknown
    eval "$cancel" >/dev/null 2>&1 </dev/null || :
    if [ "$left" ]; then echo cancelling; else echo gone; fi
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

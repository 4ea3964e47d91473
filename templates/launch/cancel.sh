# Asks the job of a batch to end: what is finished stays, the rest is cancelled. Fed to `sh -s` on the host.
# usage: sh -s -- BATCH_DIR
# stdout: finished (too late: it has ended), cancelling (the supervisor sees the file within a tenth of a second and ends
# the model), gone (no job runs; the next launch ends what is left and writes the end). Exit code 66: no such batch.

main() {
    set -eu
    batch=$1
    [ -d "$batch" ] || {
        printf 'there is no %s on the host\n' "$batch" >&2
        exit 66
    }
    if finished "$batch"; then
        echo finished
        return
    fi
    : >"$batch/cancel"
    if [ -e "$batch/lock" ] && ! flock -n -s "$batch/lock" true; then echo cancelling; else echo gone; fi
}

# Whether the batch in folder $1 has ended. A link is not read: it may lead to what never ends.
finished() {
    [ -f "$1/events.jsonl" ] && [ ! -L "$1/events.jsonl" ] && grep -q '^{"ev":"batch_done"' "$1/events.jsonl" 2>/dev/null
}

main "$@"

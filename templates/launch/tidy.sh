# Removes what keeps the job of a batch that has ended. Fed to `sh -s` on the host; may be repeated.
# usage: sh -s -- BATCH_DIR LOGS REMOVE
#   LOGS, REMOVE: commands of whatever keeps the job, each quoted for a shell; the job's name is put behind them
# What the supervisor said there is kept in BATCH_DIR/supervise.out. Exit code 65: the batch has not ended.
set -eu
batch=$1 logs=$2 remove=$3
name=${batch##*/}

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

finished "$batch" || exit 65
is_file "$batch/supervise.out" || rm -f "$batch/supervise.out"
eval "$logs \"\$name\"" </dev/null >>"$batch/supervise.out" 2>&1 || exit 0 # there is none
eval "$remove \"\$name\"" </dev/null >/dev/null

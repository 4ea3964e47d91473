# Copies a file of a batch's folder to stdout, byte for byte from an offset, as it grows, until the batch is over.
# Fed to `sh -s` on the host; may be repeated, and ends by itself when whoever reads it goes away.
# usage: sh -s -- BATCH_DIR OFFSET [FILE [ALIVE]]
#   FILE: below BATCH_DIR, events.jsonl if left out or empty; ALIVE: a command, quoted for a shell, of whatever keeps
#   the job, which prints true while it runs when the job's name is put behind it: such a job is waited for, however
#   long it takes until the supervisor begins
# exit codes: 0 all is sent and the batch has ended; 3 all is sent, no job runs and the batch has not ended;
#             4 the file is shorter than OFFSET; 65 it is a link or no file; 69 a tool is missing; anything else: cut off.

main() {
    batch=$1 offset=$2 file=$1/${3:-events.jsonl} alive=${4:-}
    find_parent "$PPID"
    grandparent=$parent
    patience=15 # fifths of a second
    watcher='' tail=''
    command -v flock >/dev/null || {
        echo "flock is not installed on the host; install it: apt-get install util-linux" >&2
        exit 69
    }
    trap 'kill $tail $watcher 2>/dev/null; exit 143' HUP INT TERM
    until [ -e "$file" ]; do
        if over; then end; fi
        read_by_somebody || exit 141
        sleep 0.2
    done
    is_file "$file" || {
        echo "$file is a link or no file: somebody has put it there, and it is not followed" >&2
        exit 65
    }
    [ "$(wc -c <"$file")" -ge "$offset" ] || exit 4
    watch &
    watcher=$!
    # --pid: tail ends after the watcher did, once everything is sent
    tail -s 0.2 --pid="$watcher" -c "+$((offset + 1))" -f "$file" &
    tail=$!
    wait "$tail"
    code=$?
    kill "$watcher" 2>/dev/null
    [ "$code" -eq 0 ] || exit "$code"
    end
}

end() {
    if finished "$batch"; then exit 0; else exit 3; fi
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

# Lives as long as the job, and as long as somebody reads what we send. While the job lives it waits on its lock.
watch() {
    while read_by_somebody && ! over; do
        if [ "$held" ]; then flock -s -w 2 "$batch/lock" true; else sleep 0.2; fi
    done
}

# Whether the job has ended, or has not begun within the patience we have.
over() {
    held=
    if is_file "$batch/lock" && ! flock -n -s "$batch/lock" true; then
        held=yes patience=0
        return 1
    fi
    patience=$((patience - 1))
    if [ "$patience" -lt 0 ] && [ "$alive" ] && is_alive; then patience=15; fi
    [ "$patience" -lt 0 ] || finished "$batch"
}

is_alive() {
    [ "$(eval "$alive \"\${batch##*/}\"" 2>/dev/null </dev/null)" = true ]
}

# Whether those who started us are still there. A broken stdout is noticed by tail.
read_by_somebody() {
    find_parent "$$"
    [ "$parent" = "$PPID" ] || return 1
    find_parent "$PPID"
    [ "$parent" = "$grandparent" ]
}

# Sets `parent` to the parent of process $1, "" when that one is dead, without starting a process.
find_parent() {
    parent=
    [ -r "/proc/$1/status" ] || return 0
    while read -r key value; do
        case $key$value in
            State:Z*) return ;;
            PPid:*) parent=$value && return ;;
        esac
    done 2>/dev/null <"/proc/$1/status"
}

main "$@"

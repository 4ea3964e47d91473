# Submits the jobs of a batch whose shards have not ended, but for those that wait or run. Travels with the bundle, and is
# run by launch.sh in the batch's folder, under its lock; may be repeated at any time.
# usage: sh submit.sh SHARDS RUNNING THROTTLE -- ARGV...
#   ARGV submits an array of jobs; which tasks of it, then THROTTLE, and job.sh are put behind it; what it prints is kept
#   in `jobs`. A task runs the shard of its number, below SHARDS. Those that have not ended are submitted, but for what
#   RUNNING, a command quoted for a shell, prints: numbers of tasks that wait or run. What is to be cancelled, the batch
#   or a shard, is submitted no more: what is left of it ends right here, where no model is started.
# exit codes: 70 the queue did not take them, or did not say what there is; stderr says more.

main() {
    set -eu
    shards=$1 running=$2 throttle=$3
    shift 4
    live=$(eval "$running" 2>submit.err </dev/null) || not_submitted
    live=" $(echo $live) " waiting=
    number=-1
    while number=$((number + 1)) && [ "$number" -lt "$shards" ]; do
        case $live in *" $number "*) continue ;; esac
        if finished "shards/$number"; then continue; fi
        if [ -e cancel ] || [ -e "shards/$number/cancel" ]; then
            python3 -B supervise "shards/$number" </dev/null >>"shards/$number/job.out" 2>&1 || :
        else
            waiting=$waiting${waiting:+,}$number
        fi
    done
    [ -z "$waiting" ] || submit "$@"
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

submit() {
    said=$("$@" "--array=$waiting$throttle" job.sh 2>submit.err </dev/null) || not_submitted
    printf '%s\n' "${said%%;*}" >>jobs
}

not_submitted() {
    tail -n 5 submit.err >&2
    exit 70
}

main "$@"

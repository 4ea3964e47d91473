# Starts the job of a batch on its host, or finds it started. Fed to `sh -s` there; may be repeated at any time.
# usage: sh -s -- DIR BATCH_FOLDER detach|detached -- ARGV...
#   ARGV starts supervise.py. detach: it runs as long as the batch and is given a session of its own here;
#   detached: it returns at once and the job lives on, as a container does.
# What a push left in DIR/batches/BATCH_FOLDER/incoming/ goes where it belongs first: whole videos into the pool,
# the bundle's files up into the batch's folder. What is already there is never replaced.
# exit codes, and what stdout says:
#    0  launched | finished
#   75  missing PATH       (a line each) the pool or the bundle lacks it: push again
#   76  held RUN BATCH     (a line each) that unfinished batch of this host has the run
#   69  a tool is missing; 70 the job did not start; 74 another launch does not end. stderr says more.

main() {
    set -eu
    dir=$1 folder=$2 mode=$3
    shift 4
    case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
    batch=$dir/batches/$folder
    pool=$dir/inputs
    incoming=$batch/incoming
    command -v flock >/dev/null || fail 69 "flock is not installed on the host; install it: apt-get install util-linux"
    mkdir -p "$pool" "$batch"
    exec 9>>"$dir/launch.lock"
    flock -w 60 9 || fail 74 "another launch holds $dir/launch.lock"
    if finished "$batch"; then
        echo finished
        return
    fi
    require_bundle
    fill_pool
    require_inputs
    [ -e "$batch/rows.txt" ] || require_free_rows
    move_bundle
    held "$batch" || start "$@"
    if finished "$batch"; then echo finished; else echo launched; fi
}

fail() {
    printf '%s\n' "$2" >&2
    exit "$1"
}

finished() {
    grep -q '^{"ev":"batch_done"' "$1/events.jsonl" 2>/dev/null
}

# Whether a supervisor runs on the batch folder $1.
held() {
    [ -e "$1/lock" ] && ! flock -n -s "$1/lock" true 9>&-
}

# The file $1 of the bundle, wherever it is by now.
bundled() {
    if [ -e "$batch/$1" ]; then printf %s "$batch/$1"; else printf %s "$incoming/bundle/$1"; fi
}

require_bundle() {
    for name in plan.json supervise.py inputs.txt rows.txt; do
        [ -e "$batch/$name" ] || [ -e "$incoming/bundle/$name" ] || {
            echo "missing bundle/$name"
            exit 75
        }
    done
    inputs=$(bundled inputs.txt && echo .)
    inputs=${inputs%.}
}

# Moves videos that arrived whole into the pool: a half-sent one stays where the next push goes on with it.
fill_pool() {
    while read -r name bytes; do
        arrived=$incoming/inputs/$name
        [ -f "$arrived" ] && [ "$(size "$arrived")" = "$bytes" ] || continue
        mkdir -p "$pool/${name%/*}"
        if [ -e "$pool/$name" ] && [ "$(size "$pool/$name")" != "$bytes" ]; then
            mv -f "$pool/$name" "$pool/$name.damaged"
        fi
        mv -n "$arrived" "$pool/$name"
        rm -f "$arrived"
    done <"$inputs"
}

size() {
    echo $(($(wc -c <"$1")))
}

# Touches the pool folders of all inputs, so that gc spares them, and only then looks whether all are there.
require_inputs() {
    [ -s "$inputs" ] || return 0
    cd "$pool"
    cut -d / -f 1 <"$inputs" | xargs touch -c
    missing=$(cut -d ' ' -f 1 <"$inputs" | xargs wc -c 2>/dev/null | awk '
        !wanted { size[$2] = $1; next }
        !($1 in size) || size[$1] != $2 { print "missing inputs/" $1 }' - wanted=1 "$inputs")
    cd /
    [ -z "$missing" ] || {
        printf '%s\n' "$missing"
        exit 75
    }
}

# A run is in one unfinished batch only, whoever sent it. A cancelled batch that nobody runs has none.
require_free_rows() {
    conflict=
    for rows in "$dir"/batches/*/rows.txt; do
        other=${rows%/rows.txt}
        [ -e "$rows" ] && [ ! -e "$other/abandoned" ] || continue
        [ ! -e "$other/cancel" ] || held "$other" || continue
        finished "$other" && continue
        for run in $(awk '!theirs { mine[$1, $2]; next } ($1, $2) in mine { print $2 }' \
            "$incoming/bundle/rows.txt" theirs=1 "$rows"); do
            printf 'held %s %s\n' "$run" "${other##*/}"
            conflict=yes
        done
    done
    [ -z "$conflict" ] || exit 76
}

# Moves the bundle's files up, rows.txt first: from then on this batch has its runs.
move_bundle() {
    for entry in "$incoming/bundle/rows.txt" "$incoming"/bundle/*; do
        [ -e "$entry" ] || continue
        [ -e "$batch/${entry##*/}" ] || mv "$entry" "$batch/${entry##*/}"
        rm -rf "$entry"
    done
    rmdir "$incoming/bundle" "$incoming"/inputs/* "$incoming/inputs" 2>/dev/null || :
}

start() {
    if [ "$mode" = detached ]; then
        "$@" </dev/null >"$batch/supervise.out" 2>&1 9>&- || did_not_start
        return
    fi
    setsid=$(command -v setsid || echo nohup)
    pid=$("$setsid" "$@" </dev/null >>"$batch/supervise.out" 2>&1 9>&- & echo $!)
    tries=0
    until held "$batch" || finished "$batch"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ] || ! kill -0 "$pid" 2>/dev/null; then
            held "$batch" || finished "$batch" || did_not_start
        fi
        sleep 0.05
    done
}

did_not_start() {
    tail -n 5 "$batch/supervise.out" >&2
    fail 70 "the job of $folder did not start; see $batch/supervise.out on the host"
}

main "$@"

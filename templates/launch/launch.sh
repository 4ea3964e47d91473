# Starts the job of a batch on its host, or finds it started. Fed to `sh -s` there; may be repeated at any time.
# usage: sh -s -- DIR BATCH_FOLDER detach -- ARGV...
#        sh -s -- DIR BATCH_FOLDER START ALIVE LOGS REMOVE MADE_OF ENV_FILES -- ARGV...
#        sh -s -- DIR BATCH_FOLDER queue SHARDS RUNNING THROTTLE -- ARGV...
#   detach: ARGV runs the supervisor as long as the batch takes; it is given a session of its own here.
#   Otherwise ARGV creates the job, which is named BATCH_FOLDER. One that runs is left alone, one that has stopped is
#   replaced. The five before are commands of whatever keeps it, each quoted for a shell; the name is put behind them:
#   START runs it, ALIVE prints true while it runs, LOGS prints what it said, REMOVE ends it and leaves nothing of it,
#   MADE_OF prints the digest of its image, or is empty. ENV_FILES: files, quoted likewise, whose lines are not shown.
#   queue: ARGV submits jobs to whatever queues them, which submit.sh does; it came with the bundle and is given all four.
# What a push left in DIR/batches/BATCH_FOLDER/incoming/ goes where it belongs first: whole videos into the pool,
# the bundle's files up into the batch's folder. What is already there is never replaced.
# exit codes, and what stdout says:
#    0  launched | finished
#   75  missing PATH       (a line each) the pool or the bundle lacks it: push again
#   76  held RUN BATCH     (a line each) that unfinished batch of this host has the run
#   77  named BATCH        this host has another batch of that project and name: another clone made it
#   69  a tool is missing; 70 the job did not start; 74 another launch does not end. stderr says more.

PROGRAM='supervise/__main__.py supervise/batch.py supervise/files.py supervise/folder.py supervise/gpu_lock.py
    supervise/log.py supervise/model.py supervise/outputs.py supervise/plan.py supervise/process.py supervise/record.py
    supervise/verdict.py supervise/words.py supervise/wrapping.py' # all of it: a push may have been cut off
TRAVELLING='transfer1_warm.py diffusers_rows/cosmos3.py diffusers_rows/fit.py diffusers_rows/footage.py
    diffusers_rows/guard.py diffusers_rows/hub.py diffusers_rows/making.py diffusers_rows/memory.py
    diffusers_rows/progress.py diffusers_rows/said.py diffusers_rows/serve.py
    diffusers_rows/transfer25.py' # of the programs that a plan may start in place of the host's own

main() {
    set -eu
    dir=$1 folder=$2 start=$3 detached= shards=0
    if [ "$start" = detach ] && [ "$4" = -- ]; then
        detached=yes
        shift 4
    elif [ "$start" = queue ] && [ "${7:-}" = -- ]; then
        shards=$4 running=$5 throttle=$6
        shift 7
    else
        alive=$4 logs=$5 remove=$6 made_of=$7 env_files=$8
        shift 9
    fi
    case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
    batch=$dir/batches/$folder
    pool=$dir/inputs
    incoming=$batch/incoming
    command -v flock >/dev/null || fail 69 "flock is not installed on the host; install it: apt-get install util-linux"
    mkdir -p "$pool" "$batch"
    exec 9>>"$dir/launch.lock"
    flock -w 60 9 || fail 74 "another launch holds $dir/launch.lock"
    is_ours "$batch/events.jsonl" || fail 70 "$batch/events.jsonl is a link, or no file: what happened there cannot be told from it"
    for entry in "$batch"/* "$batch"/shards/*/*; do is_ours "$entry" || rm -f "$entry"; done
    if finished "$batch"; then
        echo finished
        return
    fi
    held "$batch" || require_bundle # what runs has all it needs, also where an earlier version started it
    inputs=$(bundled inputs.txt && echo .)
    inputs=${inputs%.}
    fill_pool
    require_inputs
    [ -e "$batch/rows.txt" ] || {
        require_own_name
        require_free_rows
    }
    move_bundle
    if [ "$shards" -gt 0 ]; then start_queued "$@"; else held "$batch" || start "$@"; fi
    if finished "$batch"; then echo finished; else echo launched; fi
}

# Whether $1 is a file or a folder, or not there. We make no links, pipes and devices, and write to nobody's.
is_ours() {
    is_file "$1" || { [ ! -L "$1" ] && { [ -d "$1" ] || [ ! -e "$1" ]; }; }
}

fail() {
    printf '%s\n' "$2" >&2
    exit "$1"
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

# Whether a supervisor runs on the batch folder $1, or on a shard of it.
held() {
    for part in "$1/" "$1"/shards/*/; do
        is_file "${part}lock" || continue
        flock -n -s "${part}lock" true 9>&- || return 0
    done
    return 1
}

# The file $1 of the bundle, wherever it is by now.
bundled() {
    if [ -e "$batch/$1" ]; then printf %s "$batch/$1"; else printf %s "$incoming/bundle/$1"; fi
}

require_bundle() {
    for name in plan.json inputs.txt rows.txt $PROGRAM $(parts_of_shards) $(travelling); do
        [ -e "$batch/$name" ] || [ -e "$incoming/bundle/$name" ] || {
            echo "missing bundle/$name"
            exit 75
        }
    done
}

# Of the programs that travel, all parts of those that the plan starts.
travelling() {
    started=$(grep -soE '^ *"\{batch\}/[a-z0-9_]+[./]' "$(bundled plan.json)" || :)
    for name in $TRAVELLING; do
        case $started in *"{batch}/${name%%[./]*}"[./]*) echo "$name" ;; esac
    done
}

# What the jobs of a queue need beside the rest.
parts_of_shards() {
    [ "$shards" -gt 0 ] || return 0
    echo job.sh
    echo submit.sh
    number=0
    while [ "$number" -lt "$shards" ]; do
        echo "shards/$number/plan.json"
        number=$((number + 1))
    done
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

# Within a project a name, all of the folder but the key, is that of one batch: git holds one report of it. rows.txt
# begins with the project.
require_own_name() {
    read -r project _ <"$incoming/bundle/rows.txt" || return 0
    for rows in "$dir/batches/${folder%-*}-"*/rows.txt; do
        other=${rows%/rows.txt}
        is_file "$rows" && [ "$other" != "$batch" ] && [ "${other%-*}" = "${batch%-*}" ] || continue
        read -r theirs _ <"$rows" || continue
        [ "$theirs" != "$project" ] || {
            printf 'named %s\n' "${other##*/}"
            exit 77
        }
    done
}

# The same run with the same spec is in one unfinished batch only, whichever copy of the project sent it: nothing is
# computed twice at once. A cancelled batch that nobody runs has none.
require_free_rows() {
    conflict=
    for rows in "$dir"/batches/*/rows.txt; do
        other=${rows%/rows.txt}
        is_file "$rows" && [ ! -e "$other/abandoned" ] || continue
        [ ! -e "$other/cancel" ] || held "$other" || continue
        finished "$other" && continue
        for run in $(awk '!theirs { mine[$1, $2, $3]; next } ($1, $2, $3) in mine { print $2 }' \
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
    if [ "$detached" ]; then start_here "$@"; else start_kept "$@"; fi
}

start_queued() {
    cd "$batch"
    is_file submit.sh || { # of what runs nothing was required, and an earlier version started it
        echo "missing bundle/submit.sh"
        exit 75
    }
    sh submit.sh "$shards" "$running" "$throttle" -- "$@" </dev/null 9>&-
}

start_here() {
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

start_kept() {
    make_locks_folder
    if ! is_alive; then
        keeper "$remove" >/dev/null 2>&1 || :
        unfit=$(each_env_file tell_unfit_lines)
        [ -z "$unfit" ] || fail 70 "$unfit"
        created=yes
        said=$("$@" 2>&1 >/dev/null </dev/null 9>&-) || created=
        printf '%s\n' "$said" | unquoted >"$batch/supervise.out"
        [ "$created" ] || did_not_start
        note_image
        keeper "$start" >/dev/null 2>>"$batch/supervise.out" || did_not_start
    fi
    # the entrypoint of an image may take its time; whoever follows goes on waiting for it
    tries=0
    until held "$batch" || finished "$batch" || [ "$tries" -gt 100 ]; do
        tries=$((tries + 1))
        if [ $((tries % 10)) -eq 0 ] && ! is_alive; then
            held "$batch" || finished "$batch" || {
                keeper "$logs" 2>&1 | tail -n 5 | unquoted >>"$batch/supervise.out" || :
                keeper "$remove" >/dev/null 2>&1 || :
                did_not_start
            }
        fi
        sleep 0.1
    done
}

# Gives the job's name to the command $1, which must not hold our files open in what it leaves running, the lock of
# the launches least of all.
keeper() {
    eval "$1 \"\$folder\"" </dev/null 9>&-
}

is_alive() {
    [ "$(keeper "$alive" 2>/dev/null)" = true ]
}

# Where GPUs are locked, for all users of the machine; the supervisor makes it where there is no container.
make_locks_folder() {
    [ -d /var/tmp/cosmosctl ] || (umask 0 && mkdir -m 1777 /var/tmp/cosmosctl 2>/dev/null) || :
}

# Leaves the digest of the image that the job was really made of for the supervisor to tell.
note_image() {
    [ "$made_of" ] || return 0
    image=$(keeper "$made_of" 2>/dev/null) || image=
    case $image in
        '' | *[!0-9a-z:]*) ;;
        *) printf '{"image": "sha256:%s"}\n' "${image#sha256:}" >"$batch/facts.json" ;;
    esac
}

# Calls `$1 FILE` for each of the env_files.
each_env_file() {
    do=$1
    eval "set -- $env_files"
    for file in "$@"; do "$do" "$file"; done
}

# Names the lines of an env_file, which nobody but its owner may see, that no engine takes: by number alone.
tell_unfit_lines() {
    [ -f "$1" ] && [ -r "$1" ] || return 0
    LC_ALL=C awk 'NR == 1 { sub(/^\357\273\277/, "") }
        { sub(/^[ \t]+/, ""); sub(/\r$/, "") }
        !/^(#|$)/ && !/^[A-Za-z_][A-Za-z0-9_.-]*(=|[*]?$)/ { found = found sep NR; sep = ", " }
        END { if (found) print "line " found " of the env_file is not NAME=value: " FILENAME }' "$1"
}

# What was said (stdin) of a command that reads env_files, without the lines that quote a word of one.
unquoted() {
    said=$(cat)
    [ "$said" ] || return 0
    each_env_file unquote
    printf '%s\n' "$said"
}

unquote() {
    if [ -f "$1" ] && [ -r "$1" ]; then
        said=$(printf '%s\n' "$said" | LC_ALL=C awk '
            !theirs && !/^[ \t]*#/ { n = split($0, word, /[ \t\r"=\047]+/); for (i = 1; i <= n; i++) seen[word[i]] }
            !theirs { next }
            { for (one in seen) if (length(one) > 3 && index($0, one)) { $0 = "(a line that quotes the env_file)"; break } }
            { print }' "$1" theirs=1 -)
    else
        said="what the engine said may quote the env_file, which cannot be read here, and is not shown: look at $1"
    fi
}
# end of what stands in check.sh too

did_not_start() {
    ! is_file "$batch/supervise.out" || tail -n 5 "$batch/supervise.out" >&2
    fail 70 "the job of $folder did not start; see $batch/supervise.out on the host"
}

main "$@"

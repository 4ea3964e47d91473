# Looks at everything that a batch needs of a host and prints what it found: a line `name<TAB>value` for each thing.
# Judges nothing. Fed to `sh -s` on the host; leaves nothing behind but the folders that a batch would make too.
# usage: sh -s -- DIR ANSWERS VERSION STOPPED IMAGE_ID ENV_FILES IMAGE REPO CHECKPOINTS ENV_FILE CACHE HUB_MODELS SPANS \
#            ENVIRONMENT -- TRIAL...
#   ANSWERS VERSION STOPPED IMAGE_ID: commands of an engine with images, each quoted for a shell, or empty: that it can
#   be used; its version; a line for each job that has ended; the digest of an image, which is put behind it.
#   ENV_FILES: files that TRIAL reads, quoted likewise, whose lines are not shown; HUB_MODELS: words, each ORG/NAME;
#   SPANS: words, each FIRST..FIXED, two commits of REPO; ENVIRONMENT: a folder of setup.sh, or a Python;
#   TRIAL: a command that runs as a batch does; empty: none.
# What is looked for and not configured is empty and then not told.

main() {
    dir=$1 answers=$2 version=$3 stopped=$4 image_id=$5 env_files=$6
    shift 6
    image=$1 repo=$2 checkpoints=$3 env_file=$4 cache=$5 hub_models=$6 spans=$7 environment=$8
    shift 9
    umask 022
    tell system "$(uname -sm)"
    tell clock "$(date +%s)"
    tell user "$(id -un) $(id -u)"
    tell rsync "$(rsync --version 2>&1 | head -n 1)"
    tell flock "$(command -v flock)"
    tell python3 "$(python3 --version 2>&1)"
    look_at_dir
    look_at_gpus
    [ -z "$answers" ] || look_at_engine
    look_at_files
    [ $# -eq 0 ] || try "$@"
    tell end here
}

tell() {
    printf '%s\t' "$1"
    printf '%s' "$2" | tr '\n\t' '  '
    echo
}

look_at_dir() {
    mkdir -p -- "$dir/inputs" "$dir/batches" 2>/dev/null
    if ! [ -d "$dir" ]; then
        tell dir "cannot be made"
    elif ! [ -O "$dir" ]; then
        tell dir "of another user: $(ls -ld -- "$dir" | awk 'NR == 1 { print $3 }')"
    elif (: >"$dir/.check-$$") 2>/dev/null; then
        rm -f -- "$dir/.check-$$"
        tell dir ours
    else
        tell dir "not writable"
    fi
    tell free-kib "$(df -Pk -- "$dir" 2>/dev/null | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /%$/) print $(i - 1) }')"
    [ -d /var/tmp/cosmosctl ] || (umask 0 && mkdir -m 1777 /var/tmp/cosmosctl 2>/dev/null)
    tell locks "$(ls -ld /var/tmp/cosmosctl 2>/dev/null | cut -c 1-10)"
    tell used-kib "$(du -sk -- "$dir" 2>/dev/null | head -n 1 | cut -f 1)"
    all=0 open=0
    for batch in "$dir"/batches/*/; do
        [ -d "$batch" ] || continue
        all=$((all + 1))
        finished "$batch" || open=$((open + 1))
    done
    tell batches "$all $open"
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

look_at_gpus() {
    tell gpu-mib "$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits 2>/dev/null | sort -n | head -n 1)"
    tell gpus "$(nvidia-smi --query-gpu=index,name,driver_version --format=csv,noheader 2>/dev/null | tr '\n' ';')"
    tell gpu-users "$(nvidia-smi --query-compute-apps=pid,process_name --format=csv,noheader 2>/dev/null | tr '\n' ';')"
}

look_at_engine() {
    said=$(eval "$answers" 2>&1 >/dev/null </dev/null) && said=yes
    tell engine "$said"
    tell engine-version "$(eval "$version" 2>&1 </dev/null | head -n 1)"
    if said=$(eval "$image_id \"\$image\"" 2>/dev/null </dev/null); then
        tell image "$(printf '%s\n' "$said" | tail -n 1)"
    else
        tell image ""
        tell image-trouble "$(eval "$image_id \"\$image\"" 2>&1 >/dev/null </dev/null | tail -n 1)"
    fi
    tell linger "$(loginctl show-user "$(id -un)" --property=Linger --value 2>/dev/null)"
    tell containers "$(eval "$stopped" 2>/dev/null </dev/null | wc -l)"
}

look_at_files() {
    [ -z "$environment" ] || tell environment "$(whole "$environment")"
    [ -z "$repo" ] || tell repo "$(kind "$repo")"
    [ -z "$repo" ] || [ -z "$spans" ] || tell within "$(within)"
    [ -z "$checkpoints" ] || tell checkpoints "$(kind "$checkpoints")"
    if [ "$env_file" ]; then
        if [ -r "$env_file" ] && [ -f "$env_file" ]; then
            tell env-file "readable $(ls -lLd -- "$env_file" | head -n 1 | cut -c 8)"
        else
            tell env-file "not readable"
        fi
    fi
    [ "$cache" ] || return
    tell cache "$(kind "$cache") $([ -w "$cache" ] && echo writable)"
    for model in $hub_models; do
        found="$cache/hub/models--${model%%/*}--${model#*/}"
        [ -d "$found" ] || printf '%s ' "$model"
    done | { read -r missing || :; tell hub-missing "$missing"; }
}

# the spans that the commit of the repository lies in; of what is no clone of git's nothing is known
within() {
    for span in $spans; do
        holds "${span%..*}" && ! holds "${span#*..}" && printf '%s ' "$span"
    done
}

holds() {
    git -C "$repo" merge-base --is-ancestor "$1" HEAD 2>/dev/null
}

whole() {
    if [ -e "$1/complete" ] || { [ -f "$1" ] && [ -x "$1" ]; }; then
        echo there
    elif [ -d "$1" ]; then
        echo "not whole"
    else
        echo "not there"
    fi
}

kind() {
    if ! [ -d "$1" ]; then
        echo missing
    elif ! [ -r "$1" ] || ! [ -x "$1" ]; then
        echo unreadable
    elif [ -z "$(ls -A -- "$1")" ]; then
        echo empty
    else
        echo there
    fi
}

try() {
    unfit=$(each_env_file tell_unfit_lines)
    if [ "$unfit" ]; then
        tell trial-errors "$unfit"
        return
    fi
    limit=$(command -v timeout >/dev/null && echo 'timeout 240')
    errors=$(mktemp "${TMPDIR:-/tmp}/cosmosctl-check.XXXXXX") || return
    closed=$(mktemp "$dir/.check-closed-XXXXXX" 2>/dev/null) || closed= # only we can read it: can the container?
    $limit "$@" </dev/null 2>"$errors" | grep '^trial-'
    tell trial-errors "$(unquoted <"$errors" | tail -n 3)"
    rm -f "$errors" "$closed"
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
# end of what stands in launch.sh too

main "$@"

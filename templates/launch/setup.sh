# Makes the Python environment of a program that travels with batches, fetches its weights, or removes it. Fed to `sh -s`
# on the host; may be repeated at any time: what is whole is left alone, what was cut off goes on.
# usage: sh -s -- make DIR ENV DRIVER NEED_KIB PACKAGES...
#          ENV is the environment, a folder in DIR/envs; DRIVER the first number of NVIDIA's driver that the packages
#          need at least.
#        sh -s -- weights DIR PYTHON ENV_FILE CACHE TEXT NAME=VALUE... -- PARTS...
#          TEXT is the Python program that fetches PARTS, run with these variables and those of ENV_FILE, which nobody
#          else reads; why it cannot stands in the last line of stderr.
#        sh -s -- remove DIR ENV
# exit codes: 0 done; 69 the driver, a tool or room is missing; 70 an installation or a download failed; 75 another setup
# or an unfinished batch is at it. stderr says more.

main() {
    set -eu
    do=$1 dir=$2 env=$3
    shift 3
    command -v flock >/dev/null || fail 69 "flock is not installed on the host; install it: apt-get install util-linux"
    mkdir -p "$dir/envs"
    exec 9>>"$dir/envs/lock"
    flock -n 9 || fail 75 "another setup is at work in $dir/envs; wait for it"
    "do_$do" "$@"
}

fail() {
    printf '%s\n' "$2" >&2
    exit "$1"
}

do_make() {
    driver=$1 need_kib=$2
    shift 2
    if [ -e "$env/complete" ]; then
        echo "the environment is whole: $env"
        return
    fi
    require_driver
    free=$(df -Pk -- "$dir/envs" | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /%$/) print $(i - 1) }')
    [ "${free:-0}" -ge "$need_kib" ] || fail 69 "$((${free:-0} / 1048576)) GiB are free in $dir, and an environment needs \
$((need_kib / 1048576)); make room there, or set another dir"
    echo "making $env: several GiB are downloaded, which takes minutes; $((free / 1048576)) GiB are free"
    mkdir -p "$env.tmp"
    TMPDIR=$env.tmp
    export TMPDIR
    if command -v uv >/dev/null; then
        [ -e "$env/bin/python" ] || made "uv venv" uv venv --quiet "$env"
        made "uv pip install" uv pip install --python "$env/bin/python" "$@"
    else
        python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail 69 "$(python3 --version) is too old for these \
packages, which need Python 3.10; install a newer one, or uv, which brings one"
        [ -x "$env/bin/pip" ] || made "python3 -m venv (apt-get install python3-venv, or uv)" python3 -m venv "$env"
        made pip "$env/bin/python" -m pip install --disable-pip-version-check --progress-bar off "$@"
    fi
    rm -rf "$env.tmp"
    : >"$env/complete"
    echo "the environment is whole: $env"
}

# Runs a command, called $1; what it says is shown as it comes, and a disk that it filled is told.
made() {
    called=$1
    shift
    exec 4>&1
    said=$({
        { "$@" 9>&- 2>&1 && echo 0 >&3 || echo 1 >&3; } |
            awk '{ print; fflush() } /No space left on device/ { full = 1 } END { if (full) print "full" | "cat >&3" }' >&4
    } 3>&1)
    exec 4>&-
    case $said in
        0*) ;;
        *full*) fail 69 "the disk of $dir is full; make room there, or set another dir; what came is kept" ;;
        *) fail 70 "$called failed, see above; what came is kept" ;;
    esac
}

# What is too old is told before anything is downloaded; without a driver there may be none to look at.
require_driver() {
    found=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)
    case ${found%%.*} in
        '' | *[!0-9]*) echo "nvidia-smi tells of no GPU there" ;;
        *) [ "${found%%.*}" -ge "$driver" ] ||
            fail 69 "NVIDIA's driver $found is too old for the CUDA of these packages, which needs $driver; update it first" ;;
    esac
}

do_weights() {
    python=$env env_file=$1 cache=$2 text=$3
    shift 3
    command -v "$python" >/dev/null || fail 69 "there is no $python"
    while [ "$1" != -- ]; do
        export "$1"
        shift
    done
    shift
    unset HF_HUB_OFFLINE # which is for batches, once all is there
    [ -z "$env_file" ] || read_env_file
    [ -z "$cache" ] || {
        HF_HOME=$cache
        export HF_HOME
    }
    code=0
    TQDM_MININTERVAL=30 "$python" -c "$text" "$@" 9>&- 3>&2 2>&1 || code=$?
    case $code in
        0) ;;
        3) exit 70 ;; # it has said why
        *) fail 70 "not all weights are there, see above; what came is kept" ;;
    esac
}

# Its variables go to the program that fetches; no line of it is ever printed.
read_env_file() {
    [ -f "$env_file" ] && [ -r "$env_file" ] || fail 69 "the env_file cannot be read: $env_file"
    end=$(printf '\r')
    while IFS= read -r line || [ "$line" ]; do
        line=${line%"$end"}
        case ${line%%=*} in
            '' | [0-9]* | *[!A-Za-z0-9_]*) ;;
            *) case $line in *=*) export "${line%%=*}=${line#*=}" ;; esac ;;
        esac
    done <"$env_file"
}

do_remove() {
    for batch in "$dir"/batches/*/; do
        [ -d "$batch" ] || continue
        finished "${batch%/}" || ! names_env "${batch}plan.json" "$batch"shards/*/plan.json ||
            fail 75 "the unfinished batch ${batch%/} runs with it; wait for its end or cancel it"
    done
    rm -rf "$env" "$env.tmp"
    echo "removed: $env"
}

# Whether one of these plans runs with the environment.
names_env() {
    for plan in "$@"; do
        if is_file "$plan" && grep -qF "$env/" "$plan"; then return; fi
    done
    return 1
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

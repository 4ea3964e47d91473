# Makes the host's folders ready for a push, once what can be known before is known. Fed to `sh -s`; may be repeated.
# usage: sh -s -- DIR BATCH_FOLDER NEED_KIB [IMAGE BUILD ANSWERS IMAGE_ID IMAGE_USER SAME_USERS USER \
#            [ADDRESS PULL]]
#   NEED_KIB: room that the batch needs in DIR; IMAGE: what its job is made of, where it is made of one
#   BUILD: what a person types to make IMAGE there; it is only told
#   ANSWERS IMAGE_ID IMAGE_USER: commands of the engine, each quoted for a shell: that it can be used; the digest of an
#   image and who it runs as, where the image is put behind them
#   SAME_USERS: not empty where users in a container are those of the host, by their numbers
#   USER: who the container runs as, "keep-id" for ourselves, empty for the image's own user
#   ADDRESS, PULL: where IMAGE, a file, comes from, and the command that fetches it once, a file and ADDRESS behind it
# Prompts, videos and results are closed to other users of the machine, unless the container's user could not read them.
# exit codes: 69 a tool or image is missing, 73 the disk is too full, 77 DIR is not ours. stderr says more.

main() {
    set -eu
    dir=$1 folder=$2 need_kib=$3 image=${4:-} build=${5:-}
    answers=${6:-} image_id=${7:-} image_user=${8:-} same_users=${9:-} user=${10:-} address=${11:-} pull=${12:-}
    require_rsync
    if [ -e "$dir" ] && ! [ -O "$dir" ]; then
        fail 77 "$dir belongs to another user; set dir: to a folder of your own"
    fi
    umask 022
    mkdir -p -- "$dir/inputs" "$dir/batches/$folder"
    if reads_what_is_closed; then close_to_others; else chmod go+rx -- "$dir/inputs" "$dir/batches/$folder"; fi
    mkdir -p -- "$dir/batches/$folder/incoming"
    rm -rf -- "$dir/batches/$folder/incoming/bundle" # small, and maybe of another version: a push goes on with tails
    require_room
    [ -z "$address" ] || pull_image
    [ -z "$image_id" ] || require_image
}

fail() {
    printf '%s\n' "$2" >&2
    exit "$1"
}

# Whether the model's process is ours or root's: it reads files that nobody else does.
reads_what_is_closed() {
    [ "$image_id" ] && [ "$user" != keep-id ] || return 0
    [ "$user" ] || user=$(eval "$image_user \"\$image\"" 2>/dev/null </dev/null) || user=
    case ${user%%:*} in '' | 0 | root) return 0 ;; esac
    [ "$same_users" ] || return 1 # its numbers are those of other users here
    [ "${user%%:*}" = "$(id -u)" ]
}

# The pool stays open while a batch that is not over needs it open.
close_to_others() {
    chmod 700 -- "$dir/batches/$folder"
    for other in "$dir"/batches/*/; do
        [ -n "$(find "$other" -prune -perm -005 2>/dev/null)" ] || continue
        finished "$other" || [ -e "$other/abandoned" ] || return 0
    done
    chmod 700 -- "$dir/inputs"
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

require_rsync() {
    command -v rsync >/dev/null 2>&1 || fail 69 "rsync is not installed on the host; install it: apt-get install rsync"
    version=$(rsync --version 2>&1 | head -n 1)
    case $version in
        *openrsync*) fail 69 "the host's rsync is openrsync, which lacks what a push needs; there: brew install rsync" ;;
        "rsync  version "[012].* | "rsync  version 3.0."*)
            version=${version#rsync  version }
            fail 69 "the host's rsync ${version%% *} is too old, 3.1 is needed; there: apt-get install rsync"
            ;;
    esac
}

require_room() {
    free_kib=$(df -Pk -- "$dir" | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /%$/) print $(i - 1) }')
    [ "${free_kib:-$need_kib}" -ge "$need_kib" ] ||
        fail 73 "$dir has $((free_kib / 1024)) MiB left, the batch needs about $((need_kib / 1024)); cosmosctl gc makes room"
}

# Fetches the image once, whole or not at all; who comes while another fetches it waits. gc.sh spares what was used.
pull_image() {
    mkdir -p -- "${image%/*}"
    : >"${image%.sif}.used"
    [ ! -e "$image" ] || return 0
    command -v flock >/dev/null || fail 69 "flock is not installed on the host; install it: apt-get install util-linux"
    exec 8>>"${image%/*}/pull.lock"
    flock 8
    [ ! -e "$image" ] || return 0
    new=${image%.sif}.new.sif
    echo "fetching $address, once for this host: it may take a while"
    said=$(eval "$pull \"\$new\" \"\$address\"" 2>&1 </dev/null 8>&-) || {
        rm -f -- "$new"
        fail 69 "$address could not be pulled ($(printf '%s\n' "$said" | tail -n 1)); try it there: $build"
    }
    mv -f -- "$new" "$image"
    exec 8>&-
}

require_image() {
    said=$(eval "$image_id \"\$image\"" 2>&1 </dev/null) && return
    # is it the engine or the image?
    answer=$(eval "$answers" 2>&1 >/dev/null </dev/null) || fail 69 "the container engine does not answer: $answer"
    fail 69 "image $image is not on the host ($said); make it there: $build"
}

main "$@"

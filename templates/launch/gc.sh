# Tells what a host keeps, or removes what nobody needs any more. Fed to `sh -s` on the host; may be repeated.
# usage: sh -s -- list DIR
#        sh -s -- remove|would DIR REMOVE KEEP BATCH_FOLDER...
# list prints `PROJECT<TAB>BATCH_FOLDER<TAB>KIB` for each batch that has ended and was not touched for a day.
# remove takes these folders, which whoever calls has the results of, and their jobs; then the inputs that no
# batch left here names and that were not touched for a day, and likewise images that were pulled; would only tells. A
# line `batch|input|image<TAB>NAME<TAB>KIB` for each. REMOVE: a command, quoted for a shell, that removes the job whose name is put behind it, or empty.
# KEEP: inputs, and images that were pulled, that stay although no batch names them, commas between; `*`: all inputs do.
# Only what launches made is looked at: a folder with their lock, batches named NAME-KEY, inputs named by 16 hex digits.
# A launch touches the inputs it needs before it looks whether they are there, and both hold the same lock.

DAY_MIN=1440
HEX='[0-9a-f]'
KEY=$HEX$HEX$HEX$HEX$HEX$HEX$HEX$HEX

main() {
    set -eu
    what=$1 dir=$2
    [ -d "$dir/batches" ] || return 0
    if ! [ -O "$dir" ]; then
        echo "$dir belongs to another user" >&2
        exit 77
    fi
    [ -f "$dir/launch.lock" ] || return 0
    if [ "$what" = list ]; then
        list
        return
    fi
    remove=$3 keep=$4
    shift 4
    exec 9>>"$dir/launch.lock"
    flock -w 60 9 || {
        echo "a launch holds $dir/launch.lock" >&2
        exit 74
    }
    named=$(mktemp "${TMPDIR:-/tmp}/cosmosctl-gc.XXXXXX")
    trap 'rm -f "$named"' EXIT
    remove_batches "$@"
    [ "$keep" != '*' ] || return 0
    name_inputs "$@"
    printf '%s\n' "$keep" | tr , '\n' >>"$named"
    remove_inputs
    remove_images
}

list() {
    for batch in "$dir"/batches/*-$KEY/; do
        batch=${batch%/}
        if [ -d "$batch" ] && [ ! -L "$batch" ] && over "$batch"; then
            is_file "$batch/rows.txt" || continue
            read -r project rest 2>/dev/null <"$batch/rows.txt" || continue
            printf '%s\t%s\t%s\n' "$project" "${batch##*/}" "$(kib "$batch")"
        fi
    done
}

# Whether the batch in folder $1 has ended, nobody runs it, and a day has gone by.
over() {
    finished "$1" || return 1
    for part in "$1/" "$1"/shards/*/; do
        [ ! -e "${part}lock" ] || { is_file "${part}lock" && flock -n -s "${part}lock" true 9>&-; } || return 1
        [ ! -e "${part}events.jsonl" ] || old "${part}events.jsonl" || return 1
    done
    old "$1"
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

old() {
    [ -n "$(find "$1" -prune -mmin "+$DAY_MIN" 2>/dev/null)" ]
}

kib() {
    du -sk -- "$1" | head -n 1 | cut -f 1
}

remove_batches() {
    for folder in "$@"; do
        batch=$dir/batches/$folder
        case $folder in */* | .* | '') continue ;; *-$KEY) ;; *) continue ;; esac
        [ -d "$batch" ] && [ ! -L "$batch" ] && over "$batch" || continue
        printf 'batch\t%s\t%s\n' "$folder" "$(kib "$batch")"
        [ "$what" = remove ] || continue
        [ -z "$remove" ] || eval "$remove \"\$folder\"" >/dev/null 2>&1 </dev/null 9>&- || :
        rm -rf -- "$batch"
    done
}

# Writes the pool folders that a batch which stays names, sent or being sent, and its image to the file $named.
name_inputs() {
    for list in "$dir"/batches/*/inputs.txt "$dir"/batches/*/incoming/bundle/inputs.txt; do
        is_file "$list" || continue
        folder=${list#"$dir/batches/"}
        folder=${folder%%/*}
        stays=yes
        if [ "$what" = would ]; then
            for gone in "$@"; do [ "$gone" != "$folder" ] || ! over "$dir/batches/$folder" || stays=; done
        fi
        [ "$stays" ] || continue
        cut -d / -f 1 <"$list" >>"$named"
        is_file "${list%/*}/plan.json" || continue
        grep -o '/images/[^"/]*[.]sif"' "${list%/*}/plan.json" 2>/dev/null | tr -d '"' | sed 's|.*/||' >>"$named" || :
    done
}

remove_inputs() {
    for input in "$dir"/inputs/$KEY$KEY/; do
        input=${input%/}
        [ -d "$input" ] && [ ! -L "$input" ] && old "$input" || continue
        grep -qxF -- "${input##*/}" "$named" && continue
        printf 'input\t%s\t%s\n' "${input##*/}" "$(kib "$input")"
        [ "$what" = would ] || rm -rf -- "$input"
    done
}

# prepare.sh touches NAME.used beside each image that a batch takes: an image itself keeps its time, by which it is known.
remove_images() {
    [ -d "$dir/images" ] && [ ! -L "$dir/images" ] || return 0
    for image in "$dir"/images/*-$KEY.sif; do
        is_file "$image" && old "$image" || continue
        used=${image%.sif}.used
        if [ -e "$used" ]; then old "$used" || continue; fi
        grep -qxF -- "${image##*/}" "$named" && continue
        printf 'image\t%s\t%s\n' "${image##*/}" "$(kib "$image")"
        [ "$what" = would ] || rm -f -- "$image" "$used"
    done
}

main "$@"

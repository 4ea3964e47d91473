# Looks at a machine that is to become a host and prints what it found: a line `name<TAB>value` for each thing.
# Judges and changes nothing. Fed to `sh -s` there.
# usage: sh -s -- NAMES QUEUES [ENGINE PROGRAM ANSWERS IMAGES]...
#   NAMES: words; what the folder of a model's repository may be called
#   QUEUES: lines; the name of a queue for jobs that the machine may have, a tab, a command of it that lists what there is
#   ENGINE: the name of one that the machine may have; PROGRAM: its program; ANSWERS, IMAGES: its commands, each quoted
#   for a shell: that it can be used, and which images it has

main() {
    names=$1 queues=$2
    shift 2
    tell user "$(id -un) $(id -u)"
    tell home "$HOME"
    tell gpus "$(nvidia-smi --query-gpu=index,name --format=csv,noheader 2>/dev/null | tr '\n' ';')"
    while [ $# -gt 3 ]; do
        ! command -v "$2" >/dev/null 2>&1 || look_at_engine "$1" "$3" "$4"
        shift 4
    done
    printf '%s\n' "$queues" | while IFS='	' read -r queue listed; do
        said=$(eval "$listed" 2>/dev/null </dev/null) && [ "$said" ] && tell "queue $queue" "$(printf '%s' "$said" | tr '\n' ';')"
    done
    for place in /data /scratch /mnt/data /mnt /srv "$HOME"; do
        [ -d "$place" ] && [ -w "$place" ] && tell room "$(free_kib "$place") $place"
        [ -d "$place/$(id -un)" ] && [ -w "$place/$(id -un)" ] && tell room "$(free_kib "$place") $place/$(id -un)"
    done
    for name in $names; do
        for place in "$HOME" /data /opt /srv /scratch /mnt/data "/data/$(id -un)"; do
            [ -d "$place/$name" ] && tell repo "$place/$name"
        done
    done
    for place in "${HF_HOME:-}" "$HOME/.cache/huggingface" /data/hf; do
        [ "$place" ] && [ -d "$place" ] && [ -w "$place" ] && tell cache "$place"
    done
    for place in "$HOME/.config/cosmos.env" "$HOME/.cosmos.env"; do
        [ -r "$place" ] && tell env-file "$place"
    done
    for place in /data/checkpoints "$HOME/checkpoints"; do
        [ -d "$place" ] && tell checkpoints "$place"
    done
    tell end here
}

look_at_engine() {
    if eval "$2" >/dev/null 2>&1 </dev/null; then
        tell "$1" plain
        images=$(eval "$3" 2>/dev/null </dev/null)
    elif eval "sudo -n $2" >/dev/null 2>&1 </dev/null; then
        tell "$1" sudo
        images=$(eval "sudo -n $3" 2>/dev/null </dev/null)
    else
        tell "$1" refused
        images=
    fi
    printf '%s\n' "$images" | grep -i cosmos | while read -r image; do tell "image $1" "$image"; done
}

tell() {
    printf '%s\t' "$1"
    printf '%s' "$2" | tr '\n\t' '  '
    echo
}

free_kib() {
    df -Pk -- "$1" 2>/dev/null | awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /%$/) print $(i - 1) }'
}

main "$@"

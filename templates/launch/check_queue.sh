# Asks a queue what it thinks of the jobs of a host and prints a line `name<TAB>value` for each answer, its lines parted
# by `;`. Judges and submits nothing. Fed to `sh -s` on the host.
# usage: sh -s -- [NAME COMMAND]...
#   COMMAND: quoted for a shell; NAME-failed is told in place of NAME where it fails, with what it said
while [ $# -gt 1 ]; do
    name=$1
    said=$(eval "$2" 2>&1 </dev/null) || name=$name-failed
    printf '%s\t' "$name"
    printf '%s' "$said" | tr '\n\t' '; '
    echo
    shift 2
done
printf 'end\there\n'

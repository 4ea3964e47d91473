# Makes the host's folders ready for a push. Fed to `sh -s` on the host; may be repeated.
# usage: sh -s -- DIR BATCH_FOLDER
set -eu
dir=$1
folder=$2
if ! command -v rsync >/dev/null 2>&1; then
    echo "rsync is not installed on the host; install it: apt-get install rsync" >&2
    exit 69
fi
version=$(rsync --version 2>&1 | head -n 1)
case $version in
    *openrsync*)
        echo "the host's rsync is openrsync, which lacks what a push needs; install rsync there: brew install rsync" >&2
        exit 69
        ;;
    "rsync  version "[012].* | "rsync  version 3.0."*)
        version=${version#rsync  version }
        echo "the host's rsync ${version%% *} is too old, 3.1 is needed; install it there: apt-get install rsync" >&2
        exit 69
        ;;
esac
if [ -e "$dir" ] && ! [ -O "$dir" ]; then
    echo "$dir belongs to another user; set dir: to a folder of your own" >&2
    exit 77
fi
umask 022
mkdir -p -- "$dir/inputs" "$dir/batches/$folder/incoming"

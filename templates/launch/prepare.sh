# Makes the host's folders ready for a push. Fed to `sh -s` on the host; may be repeated.
# usage: sh -s -- DIR BATCH_FOLDER
set -eu
dir=$1
folder=$2
if ! command -v rsync >/dev/null 2>&1; then
    echo "rsync is not installed on the host; install it: apt-get install rsync" >&2
    exit 69
fi
if rsync --version | head -n 1 | grep -qi openrsync; then
    echo "the host's rsync is openrsync, which lacks what a push needs; install rsync 3: brew install rsync" >&2
    exit 69
fi
umask 022
mkdir -p -- "$dir/inputs" "$dir/batches/$folder/incoming"
if ! [ -O "$dir" ]; then
    echo "$dir belongs to another user; set dir: to a folder of your own" >&2
    exit 77
fi

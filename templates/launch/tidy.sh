# Removes the container of a batch that has ended. Fed to `sh -s` on the host; may be repeated.
# usage: sh -s -- BATCH_DIR ENGINE       ENGINE: the command of the container engine, quoted for a shell
# What the supervisor said there is kept in BATCH_DIR/supervise.out. Exit code 65: the batch has not ended.
set -eu
batch=$1 engine=$2
name=${batch##*/}
grep -q '^{"ev":"batch_done"' "$batch/events.jsonl" 2>/dev/null || exit 65
eval "$engine logs \"\$name\"" </dev/null >>"$batch/supervise.out" 2>&1 || exit 0 # there is none
eval "$engine rm -f \"\$name\"" </dev/null >/dev/null

#!/usr/bin/env bash
# A prompt and a run for each scene folder, all of them batched under one name.
# usage, inside a project: batch-scenes.sh SCENES_FOLDER PROMPT_TEXT BATCH_NAME
set -euo pipefail

scenes=$1
text=$2
name=$3

for scene in "$scenes"/*/; do
    prompt=$(cosmosctl create prompt "$text" "$scene")
    run=$(cosmosctl create run "$prompt" --weights 0.3 0.4 0.2 0.1)
    echo "$scene: $prompt $run" >&2
done

mapfile -t runs < <(cosmosctl list runs --status pending --json | jq -r '.[].id')
cosmosctl batch "${runs[@]}" --batch-name "$name" >&2

cosmosctl list runs --status completed --json | jq -r '.[] | [.id, .scene, .output] | @tsv'

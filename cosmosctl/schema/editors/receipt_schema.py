"""JSON Schemas of the two receipts that git sees, result.yaml and batch.yaml: what each key tells, for who reads one.

Other keys may be there: a newer version may write more.
"""

from typing import Any

_TEXT, _WHOLE, _NUMBER, _YES_NO = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
_NAMES = {"type": "array", "items": _TEXT}
_FACTS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_DIGESTS = {"type": "object", "additionalProperties": _TEXT}


def _told(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **schema}


_FORMAT = _told("Version of this file's format.", _WHOLE)

_RESULT_KEYS = {
    "format": _FORMAT,
    "run": _told("The run whose result this is.", _TEXT),
    "batch": _told("The batch that it comes from.", _TEXT),
    "batch_size": _told("How many runs that batch had.", _WHOLE),
    "status": _told("`completed`: a receipt is written for a finished video alone.", _TEXT),
    "primary_output": _told("The video, relative to the folder of this file.", _TEXT),
    "primary_bytes": _told("The size of the video in bytes.", _WHOLE),
    "model": _told("The model family that made it.", _TEXT),
    "preview": _told("true: no model ran, it is a picture of what one would be given.", _YES_NO),
    "host": _told("Where it was made, by the host's name then.", _TEXT),
    "ended": _told("When it was finished, UTC.", _TEXT),
    "attempts": _told("How many tries it took.", _WHOLE),
    "load_s": _told("Seconds that loading the model took: the longest of the batch.", _NUMBER),
    "video_s": _told("Seconds that this video took.", _NUMBER),
    "prompt_id": _told("The prompt that was used.", _TEXT),
    "prompt": _told("Its text, as used.", _TEXT),
    "seed": _told("The seed, as used.", {"type": ["integer", "number", "string", "boolean", "null"]}),
    "spec": _told("Hash of `effective`: where the files' now is another, the run is `changed`.", _TEXT),
    "effective": _told("Every fact that the result depends on.", _FACTS),
    "sources": _told("Where each setting came from: run, prompt, project or model.", _DIGESTS),
    "inputs": _told("sha256 of each video that was sent.", _DIGESTS),
    "outputs": _told("sha256 of each file that came back.", _DIGESTS),
    "warnings": _told("What was surprising.", _NAMES),
    "number": _told("The batch's number: one above that of every batch known when it was planned.", _WHOLE),
    "parents": _told("The batches that this result comes after.", _NAMES),
    "image": _told("Digest of the container's image, where the host knows it.", _TEXT),
    "commit": _told("Commit of the model's repository, where the host knows it.", _TEXT),
    "gpu": _told("Name of the GPU, where there is one; `4 x NAME` where the video was made on four at once.", _TEXT),
    "driver": _told("Its driver.", _TEXT),
    "made_with": _told("What the program said of itself: versions, the revision on the Hub, its GPU.", _DIGESTS),
}

_NOT_ALWAYS = ("format", "warnings", "number", "parents", "image", "commit", "gpu", "driver", "made_with")

_BATCH_RUN = {
    "type": "object",
    "properties": {
        "prompt": _told("Its prompt.", _TEXT),
        "spec": _told("Hash of all that its result depends on.", _TEXT),
        "weights": _told("The weight of each control in its set.", {"type": "object", "additionalProperties": _NUMBER}),
        "parents": _told("The batches that its result comes after.", _NAMES),
    },
    "required": ["prompt", "spec", "weights"],
}

_GROUP = {
    "type": "object",
    "properties": {
        "name": _told("The folder of the group: its place and its controls.", _TEXT),
        "settings": _told("What holds for the whole model start.", _FACTS),
        "runs": _told("The runs of this model start.", {"type": "object", "additionalProperties": _BATCH_RUN}),
    },
    "required": ["name", "settings", "runs"],
}

_BATCH_KEYS = {
    "format": _FORMAT,
    "batch": _told("The batch: the name of this folder.", _TEXT),
    "number": _told("Its number: one above that of every batch known when it was planned.", _WHOLE),
    "key": _told("Tells it from a batch of the same name of another project.", _TEXT),
    "project": _told("The project whose batch it is.", _TEXT),
    "created": _told("When it was planned, UTC.", _TEXT),
    "model": _told("The model family of all its runs.", _TEXT),
    "host": _told("The host as cosmosctl.yaml had it then.", {"type": "object"}),
    "groups": _told("Its model starts, in their order.", {"type": "array", "items": _GROUP}),
}


def _receipt(description: str, keys: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"description": description, "type": "object", "properties": keys, "required": required}


RESULT = _receipt(
    "The receipt of a run's newest result. cosmosctl writes it; do not edit it.",
    _RESULT_KEYS,
    [key for key in _RESULT_KEYS if key not in _NOT_ALWAYS],
)
BATCH = _receipt(
    "The plan of a batch for people. cosmosctl writes it; do not edit it.",
    _BATCH_KEYS,
    ["format", "batch", "project", "model", "host", "groups"],
)

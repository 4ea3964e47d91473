"""Why a run has no result: a closed list, each with what it means and what to do.

`docs/troubleshooting.md` explains the same words at length.
"""

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "blocked": "the model's guardrail refused the prompt or the video; reword the prompt or change the input",
    "gpu-oom": "the GPU ran out of memory, and would again with the same settings",
    "host-oom": "the host killed the model (137), most likely out of memory; free memory there, then retry",
    "bad-input": "an input video is missing, damaged or not what the model reads",
    "model-error": "the model program ended with an error; its log says where",
    "not-reached": "the model ended before it came to this run; retry runs it",
    "stalled": "the model wrote nothing for too long and was ended",
    "host-lost": "the job is gone from the host and left no end; attach starts it again",
    "time-limit": "the time of its job was up again and again before the video was done; raise `time` of the host",
    "bad-output": "the video does not decode, does not match its sha256 or is not this run's",
}

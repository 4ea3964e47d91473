"""How much of what a host tells is taken."""

MAX_TIME_S = 253402300799
"""The last second of the year 9999, where Python's calendar ends."""
MOST_S = 1e9
MOST_WORD, MOST_DETAIL, MOST_ANSWER = 300, 4000, 1 << 20
"""Characters of a word, of why something happened, and of what a queue says."""
MOST_COUNT = 1 << 50
MOST_NAMES, MOST_GPUS, MOST_FILES = 200_000, 64, 200
"""Entries of a list: runs of a start, GPUs of a machine, outputs of a run."""

"""Whole files, locks, links, streams: how bytes get to and from disk. Knows no prompt, run or batch."""

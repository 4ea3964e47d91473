"""Runs to their results: batched, followed, fetched, cancelled, run again."""

"""Durations and counts in words."""

from cosmosctl.domain.words import counted, duration, some

__all__ = ["counted", "duration", "some"]

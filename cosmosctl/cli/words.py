"""Durations and counts in words."""


def duration(seconds: float) -> str:
    """A duration as people say it: 45 s, 6 min, 2 h 10 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(number: int, what: str) -> str:
    """A number and the word for it: 1 run, 2 runs."""
    return f"{number} {what}{'s' if number != 1 else ''}"

"""The lines by which cosmosctl tells how far this program is, and what ends a row in words."""

from __future__ import annotations

NAME = "diffusers_rows"


class Blocked(Exception):
    """The guardrail refused a prompt or a video."""


class BadInput(Exception):
    """A video of the row is not what its line says."""


def said(text: str) -> None:
    """Print one line of ours; line breaks within it would be lines of nobody."""
    print(f"{NAME}: {' '.join(text.split())}", flush=True)

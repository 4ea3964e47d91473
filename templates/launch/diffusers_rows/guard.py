"""The guardrail: what it refuses ends the row in words."""

from __future__ import annotations

from typing import Any

from said import Blocked


class Guard:
    """The checker of the pipeline, which gives back a black video without a word: here it raises."""

    def __init__(self, checker: Any) -> None:
        self._checker = checker

    def to(self, *args: Any, **kwargs: Any) -> "Guard":
        self._checker.to(*args, **kwargs)
        return self

    def check_text_safety(self, text: str) -> bool:
        if not self._checker.check_text_safety(text):
            raise Blocked("the guardrail refused the prompt")
        return True

    def check_video_safety(self, frames: Any) -> Any:
        checked = self._checker.check_video_safety(frames)
        if checked is None:
            raise Blocked("the guardrail refused the video")
        return checked

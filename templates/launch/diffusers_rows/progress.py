"""How far a row is, by the calls of a pipeline's scheduler: one of `set_timesteps` a chunk, one of `step` a step."""

from __future__ import annotations

from typing import Any, Callable, Optional

from said import said


class Progress:
    """Counts the chunks and steps of the row that is made."""

    def __init__(self, scheduler: Any) -> None:
        self.chunk = self.steps = 0
        self._in_chunk = self._chunks = 0
        self._on_chunk: Optional[Callable[[int], None]] = None
        set_timesteps, step = scheduler.set_timesteps, scheduler.step

        def begin(num_inference_steps: int, *args: Any, **kwargs: Any) -> Any:
            answer = set_timesteps(num_inference_steps, *args, **kwargs)
            self._begin(len(scheduler.timesteps))
            return answer

        def advance(*args: Any, **kwargs: Any) -> Any:
            answer = step(*args, **kwargs)
            self._advance()
            return answer

        scheduler.set_timesteps, scheduler.step = begin, advance

    def start(self, chunks: int, on_chunk: Optional[Callable[[int], None]] = None) -> None:
        """A row of that many chunks begins; `on_chunk` hears the index of each before its first step."""
        self.chunk, self.steps, self._in_chunk, self._chunks, self._on_chunk = -1, 0, 0, chunks, on_chunk

    def require_whole(self) -> None:
        """Raises: RuntimeError when the pipeline took another number of chunks than the row has."""
        if self.chunk + 1 != self._chunks:
            raise RuntimeError(f"diffusers made {self.chunk + 1} chunks of {self._chunks}")

    def _begin(self, steps: int) -> None:
        self.chunk, self._in_chunk = self.chunk + 1, steps
        said(f"chunk {self.chunk + 1}/{self._chunks} of {steps} steps")
        if self._on_chunk is not None:
            self._on_chunk(self.chunk)

    def _advance(self) -> None:
        self.steps += 1
        said(f"step {self.steps}/{self._chunks * self._in_chunk}")

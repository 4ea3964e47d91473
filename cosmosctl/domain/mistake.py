"""What is wrong with one of the user's files, and where: the place is carried, never read out of a message."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """`line` and `column` count from 1; 0 where it is one of the whole file, `file` "" where it is of the project.

    `words` is what people read: place and message.
    """

    file: str
    line: int
    column: int
    message: str
    words: str

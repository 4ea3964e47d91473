"""Log lines as loguru prints them there."""

import time


def _line(level: str, message: str) -> None:
    print(f"[{time.strftime('%m-%d %H:%M:%S')}|{level}|standin:1:f] {message}", flush=True)


def info(message: str) -> None:
    _line("INFO", message)


def warning(message: str) -> None:
    _line("WARNING", message)


def critical(message: str) -> None:
    _line("CRITICAL", message)

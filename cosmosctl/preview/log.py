"""Log lines as transfer.py prints them: loguru on stdout, `[MM-DD HH:MM:SS|LEVEL|path:line:function] message`."""

import os
import sys
from datetime import datetime


def info(message: str) -> None:
    """One line about the usual."""
    _line("INFO", message)


def warning(message: str) -> None:
    """One line about something ignored."""
    _line("WARNING", message)


def critical(message: str) -> None:
    """One line about the guardrail."""
    _line("CRITICAL", message)


def _line(level: str, message: str) -> None:
    code = sys._getframe(2)
    place = f"{os.path.relpath(code.f_code.co_filename)}:{code.f_lineno}:{code.f_code.co_name}"
    print(f"[{datetime.now():%m-%d %H:%M:%S}|{level}|{place}] {message}", flush=True)

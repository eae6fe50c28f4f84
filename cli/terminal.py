"""What commands print: for a terminal, or plain for a file or another program."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

_PIPED_WIDTH = 200  # columns; nothing is cut where nobody sees an edge


def console(stderr: bool = False, record: bool = False) -> Console:
    """Give the console of a stream. If it is piped, its lines are long, and without colors."""
    found = Console(stderr=stderr, record=record)
    if found.is_terminal or "COLUMNS" in os.environ:
        return found
    return Console(stderr=stderr, record=record, width=_PIPED_WIDTH)


def write(to: Console, *shown: RenderableType) -> None:
    """Print texts so that the terminal wraps them, which keeps them whole when they are copied."""
    for one in shown:
        to.print(one, soft_wrap=isinstance(one, Text), highlight=False)


def write_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def problem(text: str) -> None:
    """Print what is wrong on standard error."""
    to = console(stderr=True)
    to.print(Text(f"Error: {text}", "red"), soft_wrap=True)

"""Where tables and lists are printed: a terminal as wide as it is, or plain text without codes and trailing spaces."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TextIO

from rich.console import Console, RenderableType

PLAIN_WIDTH = 130
LEAST_WIDTH = 80


def show(render: Callable[[int], RenderableType], file: TextIO | None = None) -> None:
    """Print what `render` makes for a width to a file (default: standard output).

    A terminal is used as wide as it is (80 columns at least); elsewhere there are 130 columns and no colours.
    """
    file = file or sys.stdout
    terminal = Console(file=file, highlight=False)
    if terminal.is_terminal:
        width = max(terminal.width, LEAST_WIDTH)
        Console(file=file, width=width, highlight=False).print(render(width))
        return
    page = io.StringIO()
    Console(file=page, width=PLAIN_WIDTH, highlight=False, color_system=None).print(render(PLAIN_WIDTH))
    file.write("".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines()))

"""Ctrl-C and SIGTERM: held back while a step of work must not be torn, then honoured."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Held:
    """Whether an interrupt is waiting."""

    def __init__(self) -> None:
        self.waiting = False

    def honour(self) -> None:
        """Raise KeyboardInterrupt if one is waiting."""
        if self.waiting:
            raise KeyboardInterrupt


_commands = 0
"""How many commands of ours are at work in this process: a caller's own signals are not ours to touch."""


@contextmanager
def hold_interrupts() -> Iterator[Held]:
    """Inside, a first Ctrl-C or SIGTERM only sets `waiting`; a second one interrupts at once.

    Signals reach the main thread only, and are held only while a command is at work: elsewhere nothing is held.
    """
    held = Held()

    def note(number: int, frame: FrameType | None) -> None:
        if held.waiting:
            raise KeyboardInterrupt
        held.waiting = True

    if not _commands or threading.current_thread() is not threading.main_thread():
        yield held
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Inside, SIGTERM (a cluster's warning) is a KeyboardInterrupt, so that it ends as cleanly as Ctrl-C does; and both
    may be held back. For commands: nothing is done outside of the main thread.
    """
    global _commands
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    _commands += 1
    try:
        yield
    finally:
        _commands -= 1
        signal.signal(signal.SIGTERM, before)

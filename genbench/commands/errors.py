"""What a person asked for and cannot have."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path


class UserError(Exception):
    """One clear line for the person at the keyboard; ends the program with exit code 2 and no traceback."""


def not_there(what: str, name: str, valid: Sequence[str], results: Path) -> UserError:
    """A run or sweep that the results folder does not have: the nearest that it has, or where else to look."""
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.3)
    hint = f"did you mean '{near[0]}'?" if near else "--results names another folder"
    return UserError(f"no {what} '{name}' in '{results}'; {hint}")

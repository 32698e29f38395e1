"""What a person asked for and cannot have."""

from __future__ import annotations


class UserError(Exception):
    """One clear line for the person at the keyboard; ends the program with exit code 2 and no traceback."""

"""What is wrong with the data a person named."""

from __future__ import annotations


class DataError(ValueError):
    """One line for the person at the keyboard: what was wrong, where, and what to do about it."""

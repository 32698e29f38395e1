"""Errors that more than one module raises or tells apart."""

from __future__ import annotations


class DivergedError(RuntimeError):
    """A loss, a weight or an image is no longer a finite number."""

"""Names that nobody registered, answered with the nearest ones."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class UnknownNameError(LookupError):
    """A kind or a name that nobody registered; the message lists the nearest ones."""


def unknown_name(kind: str, name: str, valid: Sequence[str]) -> str:
    """One line: what was not found, the nearest valid name, and all of them."""
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'.{hint} Valid: {', '.join(valid) or 'none are installed'}"

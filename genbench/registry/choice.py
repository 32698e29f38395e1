"""A registered entry with options: what a plan names."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from genbench.registry.entries import Entry


@dataclass(frozen=True)
class Choice:
    """A registered entry with its options. Of a value (sampler, schedule, …) the options are the value itself."""

    entry: Entry
    options: Any

    @property
    def name(self) -> str:
        """The registered name."""
        return self.entry.name

    def build(self) -> Any:
        """Call the component with its options, importing it now."""
        return self.entry.load()(self.options)

    def values(self) -> dict[str, Any]:
        """The options by name, one level deep."""
        options = self.options
        return {field.name: getattr(options, field.name) for field in fields(options)} if is_dataclass(options) else {}

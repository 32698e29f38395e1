"""Everything that can be chosen by name: kinds, entries, choices, and digests of code."""

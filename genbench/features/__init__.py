"""Feature extractors: one a file, with their options kept apart so that listing them imports no torch."""

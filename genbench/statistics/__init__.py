"""Standard errors, comparisons and rankings."""

"""Real images: one source a file, splits and columns, and the fingerprint of their content."""

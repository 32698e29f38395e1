"""Real images: one source a file, and the fingerprint of their content."""

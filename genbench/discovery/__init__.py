"""Finding, loading and blocking plugins; what the core itself brings."""

"""What is kept on disk: artifacts by content, one record per run, sweeps, provenance."""

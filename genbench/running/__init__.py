"""One run: its plan, the story of the benchmark, identity, jobs, progress, the shipped tasks."""

"""What a person sees of records: the sweep's table, image grids, lists of what is installed."""

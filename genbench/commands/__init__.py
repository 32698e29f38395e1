"""What a person types after `genbench`: one command a file, each with `add(commands)`; imports stay light."""

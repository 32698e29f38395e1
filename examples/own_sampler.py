"""A sampler of one's own, in a loose plugin (plugins/consistency.py): the model is trained once for all samplers."""

import os
from pathlib import Path

import genbench

# As `genbench --plugins-dir examples/plugins run …` does; an installed plugin needs nothing.
os.environ["GENBENCH_PLUGINS"] = str(Path(__file__).with_name("plugins"))

sweep = genbench.run(model="latent_diffusion_tiny", sampler=["consistency", "heun"], features="pixels", debug="quick")
print(sweep)

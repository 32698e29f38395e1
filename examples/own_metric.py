"""A metric of one's own, in a loose plugin (plugins/roughness/), measured beside a shipped one."""

import os
from pathlib import Path

import genbench

os.environ["GENBENCH_PLUGINS"] = str(Path(__file__).with_name("plugins"))

sweep = genbench.run(model="gan_tiny", metrics=("roughness", "frechet_distance"), features="pixels", debug="quick")
for name, measurements in sweep.records[0].rows.items():
    roughness = measurements["roughness"]
    print(f"{name:24} {roughness.value:8.3f} ± {roughness.standard_error:.3f} {roughness.unit}")

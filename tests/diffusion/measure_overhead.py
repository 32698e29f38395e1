"""What the executor itself costs: prints microseconds per row, without noise and networks, on one thread."""

from __future__ import annotations

import statistics
import time

import torch

from genbench.diffusion import executor
from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.grids import Karras
from genbench.diffusion.guidance import ClassifierFree
from genbench.diffusion.predictions import Prediction
from genbench.diffusion.samplers import DDIM, Ancestral, Heun
from genbench.diffusion.schedules import EDM

SHAPE, BATCH, STEPS, REPETITIONS = (1, 8, 8), 8, 100, 60
CASES = {
    "ddim": (DDIM(STEPS), {}),
    "ancestral": (Ancestral(STEPS), {}),
    "heun": (Heun(STEPS), {}),
    "ddim, guided": (DDIM(STEPS), {"guidance": ClassifierFree(2)}),
    "ddim, clipped": (DDIM(STEPS), {"on_x0": lambda x0, level: x0.clamp_(-1, 1)}),
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    fixed = torch.randn(BATCH, *SHAPE)
    executor.normal = lambda *_: fixed
    denoiser = Denoiser(lambda inputs, labels, /: fixed, Prediction.edm, 0.5)
    for name, (sampler, options) in CASES.items():
        table = sampler.table(EDM(), Karras().times(EDM(), STEPS))
        trajectory = executor.Trajectory(
            table,
            {"conditional": denoiser, "unconditional": denoiser},
            shape=SHAPE,
            batch_size=BATCH,
            device=torch.device("cpu"),
            **options,
        )
        seconds = []
        for _ in range(REPETITIONS):
            started = time.perf_counter()
            trajectory.run(torch.arange(BATCH))
            seconds.append((time.perf_counter() - started) / len(table.rows))
        print(f"{name:<14} {1e6 * min(seconds):5.1f} at best, {1e6 * statistics.median(seconds):5.1f} median")

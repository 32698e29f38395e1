"""One thread for every test: two OpenMP threads on a busy two-core machine can be twenty times slower than one."""

from __future__ import annotations

import torch

torch.set_num_threads(1)

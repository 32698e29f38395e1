"""Two workers of one sweep: joblib's processes share the store, and time in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_a_two_worker_sweep_is_whole(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "genbench", "run", "-m", "model=gan_tiny,pixelcnn_tiny", "seed=0,1", "debug=quick"),
        *("features=pixels", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (sweep,) = (json.loads(path.read_text()) for path in (tmp_path / "results/sweeps").glob("*.json"))
    assert len(sweep["runs"]) == 4
    records = [json.loads((tmp_path / "results" / run / "result.json").read_text()) for run in sweep["runs"]]
    assert {record["status"] for record in records} == {"done"}
    assert {record["provenance"]["seeds"]["training"] for record in records} == {0, 1}
    assert "2 seeds" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"results"}
    assert not list((tmp_path / "results/artifacts").glob("*/*.partial"))

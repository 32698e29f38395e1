"""SIGKILL at ten moments of one sweep, and the same command again each time: it ends whole, and nothing is corrupt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from genbench.store.records import Status, read_record

COMMAND = [
    *(sys.executable, "-m", "genbench", "run", "-m", "model=gan_tiny,pixelcnn_tiny", "debug=quick", "features=pixels"),
    *("training.steps=60", "training.checkpoint_seconds=0.2"),
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
MOMENTS = (
    "[1/2 gan] training",
    "[1/2 gan] trained",
    "[1/2 gan] drawing",
    "[1/2 gan] timing",
    "[1/2 gan] scoring",
    "[1/2 gan] scored",
    "[2/2 pixelcnn] training",
    "[2/2 pixelcnn] drew",
    "[2/2 pixelcnn] timed",
    "[2/2 pixelcnn] scored",
)


def run_until(moment: str, folder: Path) -> None:
    """Kill the sweep as soon as it says so; a moment that is past already lets it end."""
    process = subprocess.Popen(
        COMMAND, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(moment):
            process.kill()
            break
    process.stderr.close()
    process.wait(timeout=120)


def test_a_sweep_survives_ten_kills(tmp_path: Path) -> None:
    for moment in MOMENTS:
        run_until(moment, tmp_path)
        for path in (tmp_path / "results").rglob("*.json"):
            json.loads(path.read_text())
        for path in (tmp_path / "results").glob("*/result.json"):
            assert read_record(path).status is Status.DONE
    done = subprocess.run(COMMAND, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    records = [read_record(path) for path in (tmp_path / "results").glob("*/result.json")]
    assert sorted(record.model.name for record in records) == ["gan", "pixelcnn"]
    artifacts = tmp_path / "results" / "artifacts"
    assert {kind: len(list((artifacts / kind).glob("*"))) for kind in ("models", "samples", "timings")} == {
        "models": 2,
        "samples": 2,
        "timings": 2,
    }

"""Prints the ids of all three models' runs, from the tree that stands first on the path.

Reads a JSON list of jobs from standard input, each {"edits": [[file, old, new], ...], "overrides": [...]}: the files
are changed (a new one is made where `old` is empty), a fresh child process that has imported torch and nothing of
genbench tells the ids, and the files are changed back. Forking after the slow imports makes forty fresh processes
affordable.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import hydra  # noqa: F401
import lightning_fabric  # noqa: F401
import rich.progress  # noqa: F401
import safetensors.torch  # noqa: F401
import sklearn.datasets  # noqa: F401
import torch
import torch.profiler

MODELS = ("latent_diffusion", "gan", "pixelcnn")


def ids(overrides: list[str]) -> dict[str, dict[str, Any]]:
    """By model: what each artifact of its run is called."""
    from genbench.config.commandline import parse
    from genbench.config.entry import prepare
    from genbench.running.lookup import look_up
    from genbench.running.now import identities

    named = [word for word in overrides if word.startswith("model=")] or [f"model={','.join(MODELS)}"]
    words = [word for word in overrides if not word.startswith("model=")]
    answer = {}
    for plan in prepare(parse(["-m", *named, "device=cpu", *words]), "sweep", "command").plans:
        asked = look_up(plan)
        run = {"dataset": asked.dataset.fingerprint, "family": asked.ids.family, "clock_family": asked.ids.clock_family}
        artifacts = {name: identity.id for name, identity in identities(plan).items()}
        answer[plan.model.name] = {**run, "run": asked.ids.run, **artifacts}
    return answer


def in_a_child(overrides: list[str]) -> Any:
    """The ids as a fresh process sees them; what went wrong as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "w") as file:
            try:
                json.dump(ids(overrides), file)
            except BaseException:  # the parent has to hear of it
                json.dump(traceback.format_exc(), file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        answer = json.load(file)
    os.waitpid(child, 0)
    return answer


def main() -> None:
    """One answer a job."""
    torch.set_num_threads(1)
    answers = []
    for job in json.load(sys.stdin):
        before: dict[Path, str | None] = {}
        for file, old, new in job["edits"]:
            path = Path(file)
            before[path] = path.read_text() if path.exists() else None
            assert old in (before[path] or ""), f"{path} holds no {old!r}"
            path.write_text((before[path] or "").replace(old, new, 1) if old else new)
        try:
            answers.append(in_a_child(job["overrides"]))
        finally:
            for path, text in before.items():
                path.unlink() if text is None else path.write_text(text)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

"""Models that share an autoencoder train it once, in whatever order, with whatever else; and why runs differ."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import genbench
from genbench.store.records import RunRecord, Status

CHEAP: dict[str, Any] = {
    "features": ("pixels",),
    "metrics": ("frechet_distance",),
    "sampling": {"num_samples": 20, "batch_size": 20, "steps": 2},
    "timing": {"repetitions": 1, "seconds": 0.01},
}


def stages(record: RunRecord) -> dict[str, str]:
    """The id of each stage."""
    assert record.status == Status.DONE
    assert record.model is not None
    return {stage.name: stage.id for stage in record.model.stages}


def weights(results: Path, id: str) -> bytes:
    return (results / "artifacts" / "stages" / id / "final.safetensors").read_bytes()


def stored(results: Path) -> set[str]:
    return {path.name for path in (results / "artifacts" / "stages").iterdir()}


@pytest.fixture(scope="module")
def denoisers(tmp_path_factory: pytest.TempPathFactory) -> genbench.LoadedSweep:
    """Latent diffusion with denoisers of two widths, of two tasks each."""
    return genbench.run(
        model="latent_diffusion",
        model__autoencoder={"width": 8, "budget": "steps:4"},
        model__denoiser={"width": [8, 16], "blocks": 1, "budget": "steps:3"},
        task=["unconditional", "class_conditional"],
        results=tmp_path_factory.mktemp("denoisers") / "results",
        **CHEAP,
    )


def test_denoisers_of_other_options_and_tasks_share_one_autoencoder(denoisers: genbench.LoadedSweep) -> None:
    ids = [stages(record) for record in denoisers.records]
    assert len({each["autoencoder"] for each in ids}) == 1
    assert len({each["denoiser"] for each in ids}) == 4
    assert len(stored(denoisers.results)) == 5
    reused = [
        {artifact.name: artifact.reused for artifact in record.artifacts if artifact.kind == "stages"}
        for record in denoisers.records
    ]
    trained = {"autoencoder": False, "denoiser": False}
    assert reused == [trained, *3 * [{**trained, "autoencoder": True}]]


@dataclass(frozen=True)
class Sharing:
    """Runs of two plugins in a copied folder: `early` before `late` in one store, `late` alone in another."""

    plugins: Path
    first: Path
    second: Path
    early: RunRecord
    late: RunRecord
    alone: RunRecord


@pytest.fixture(scope="module")
def sharing(with_plugins: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Sharing:
    folder = tmp_path_factory.mktemp("sharing")
    plugins = Path(__file__).with_name("plugins")
    for name in ("early", "late"):
        shutil.copytree(plugins / name, folder / "plugins" / name, ignore=shutil.ignore_patterns("__pycache__"))
    with_plugins(folder / "plugins")
    first, second = folder / "first", folder / "second"
    (early,) = genbench.run(model="early", results=first, **CHEAP).records
    (late,) = genbench.run(model="late", results=first, **CHEAP).records
    (alone,) = genbench.run(model="late", results=second, **CHEAP).records
    return Sharing(folder / "plugins", first, second, early, late, alone)


def test_two_plugins_share_a_stage_whichever_comes_first(sharing: Sharing, drawn: Any) -> None:
    """`early` builds and trains a network of its own before the autoencoder, `late` nothing."""
    assert list(stages(sharing.early)) == ["light", "autoencoder"]
    assert list(stages(sharing.late)) == ["autoencoder"]
    id = stages(sharing.early)["autoencoder"]
    assert stages(sharing.late) == stages(sharing.alone) == {"autoencoder": id}
    assert len(stored(sharing.first)) == 2
    assert [artifact.reused for artifact in sharing.late.artifacts if artifact.kind == "stages"] == [True]
    assert [artifact.reused for artifact in sharing.alone.artifacts if artifact.kind == "stages"] == [False]
    assert weights(sharing.first, id) == weights(sharing.second, id)
    images = [drawn(*run)["images"] for run in ((sharing.first, sharing.late), (sharing.second, sharing.alone))]
    assert (images[0] == images[1]).all()


# ---------------------------------------------------------------------------------------------------------------- why


def lines(said: str) -> dict[str, str]:
    """What `genbench runs --why` says of each artifact: the text beside its name, on however many lines."""
    facts: dict[str, str] = {}
    name = ""
    for line in said.splitlines()[2:]:
        if match := re.match(r"(\S.*?)  +(.*)", line):
            name = match[1]
            facts[name] = match[2].strip()
        elif name and line.strip():
            facts[name] += f" {line.strip()}"
    return facts


def test_why_two_denoisers_differ(denoisers: genbench.LoadedSweep, typed: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    widths: dict[int, str] = {}
    for record in denoisers.records:
        if record.task and record.task.name == "unconditional":
            widths[record.config["model"]["denoiser"]["width"]] = record.run_id
    code, said, _ = typed("runs", "--why", widths[8], widths[16], "--results", str(denoisers.results))
    assert code == 0
    facts = lines(said)
    assert facts["stage autoencoder"] == "equal"
    assert facts["stage denoiser"] == "option denoiser width is 8 here, 16 there"
    assert facts["samples"].startswith("another stage denoiser")


def test_why_two_models_differ_that_share_a_stage(sharing: Sharing, typed: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    runs = sharing.early.run_id, sharing.late.run_id
    code, said, _ = typed("runs", "--why", *runs, "--results", str(sharing.first))
    assert code == 0
    facts = lines(said)
    assert facts["model"] == "is early here, late there"
    assert facts["stage autoencoder"] == "equal"
    assert facts["stage light"] == "only here"


def test_why_a_run_would_be_made_anew_after_an_edit(sharing: Sharing, python: Callable[..., Any]) -> None:
    """A runner's file is edited, then a learner's; each time a fresh process says what would be made now."""
    file = sharing.plugins / "early" / "model.py"

    def why() -> dict[str, str]:
        words = "-m", "genbench", "runs", "--why", sharing.early.run_id, "--results", str(sharing.first)
        done = python(*words, cwd=sharing.first, GENBENCH_PLUGINS=str(sharing.plugins), COLUMNS="300")
        assert done.returncode == 0, done.stderr
        return lines(done.stdout)

    source = file.read_text()
    file.write_text(source.replace("+ self.light)", "+ 2 * self.light)"))
    facts = why()
    assert facts["2 stages"] == "in the store"
    assert facts["samples"] == "anew: definition EarlyRunner differs"
    assert facts["timing"] == "anew: definition EarlyRunner differs"
    assert facts["score generated/pixels/frechet_distance"] == "anew: other samples; other features generated/pixels"
    file.write_text(source.replace("0.1)}", "0.2)}"))
    facts = why()
    assert facts["stage light"] == "anew: definition LightStage differs"
    assert facts["stage autoencoder"] == "in the store"
    assert facts["samples"] == "anew: another stage light"
    file.write_text(source)


# -------------------------------------------------------------------------------------------------------------- prune


def test_prune_keeps_a_shared_stage_while_either_run_lives(sharing: Sharing, typed: Any) -> None:
    results = ("--results", str(sharing.first))
    light, autoencoder = (stages(sharing.early)[name] for name in ("light", "autoencoder"))
    assert typed("runs", "--prune", "--yes", *results)[0] == 0
    assert stored(sharing.first) == {light, autoencoder}
    assert typed("runs", "delete", sharing.early.run_id, "--yes", *results)[0] == 0
    assert typed("runs", "--prune", "--yes", *results)[0] == 0
    assert stored(sharing.first) == {autoencoder}
    assert typed("runs", "delete", sharing.late.run_id, "--yes", *results)[0] == 0
    assert typed("runs", "--prune", "--yes", *results)[0] == 0
    assert stored(sharing.first) == set()

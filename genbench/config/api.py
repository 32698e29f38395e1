"""`genbench.run`: from Python what the command line does, in the caller's process."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.config.commandline import parse, quoted
from genbench.config.entry import prepare
from genbench.config.measuring import compose_measuring
from genbench.config.mistakes import MistakeError
from genbench.config.start import start
from genbench.discovery.plugins import load_plugins
from genbench.registry.choice import Choice
from genbench.reports.loaded import LoadedSweep
from genbench.running.jobs import came_of
from genbench.store.records import RunRecord
from genbench.store.sweeps import new_sweep_id

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from genbench.interfaces.data import Dataset, ImageSet


def run(*overrides: str, **options: Any) -> LoadedSweep:
    """Train or load models, draw, time, measure, and return the sweep.

    Takes what the command line takes: `genbench.run(model="gan", seed=[0, 1])` is `genbench run -m model=gan seed=0,1`.
    A list asks for one run with each of its values; a tuple is one value that is a list (`metrics=("kid", "prdc")`);
    dotted options are written with two underscores (`sampler__steps=10`), as a mapping (`sampling={"steps": 10}`), or
    as an override ("sampler.steps=10"). Touches neither sys.argv, the environment nor signals. Raises
    genbench.MistakeError for what cannot be meant, before any work, and where every job was refused; what goes wrong in
    a run is in its record.
    """
    words = [*overrides, *_words(options)]
    command = parse(["-m", *words])
    prepared = prepare(command, new_sweep_id(), shlex.join(["genbench", "run", "-m", *words]))
    records = start(prepared)
    plan = prepared.plans[0]
    sweep = came_of(plan)
    if all(job.state == "refused" for job in sweep.jobs):
        raise MistakeError("\n".join(dict.fromkeys(job.reason or "" for job in sweep.jobs)))
    return LoadedSweep(sweep, tuple(records), plan.results)


def evaluate(
    generated: ImageSet | Tensor | NDArray[Any] | str | Path,
    real: ImageSet | Tensor | NDArray[Any] | str | Path,
    *,
    training: ImageSet | Tensor | NDArray[Any] | str | Path | None = None,
    held_out: ImageSet | Tensor | NDArray[Any] | str | Path | None = None,
    name: str = "",
    sweep: str = "",
    results: str | Path = "results",
    **options: Any,
) -> RunRecord:
    """Measure images that were made elsewhere, against real ones, and keep the record.

    Images are a folder of image files, uint8 [N, C, H, W] as a tensor or array, or a split of a dataset
    (`genbench.dataset("digits").splits["train"]`). `training` are the images that the model learnt from and `held_out`
    real ones that it did not, where these are known. `name` is what tables show; `sweep` the start of the id of a sweep
    that the run is to stand in. `options` are those of features, metrics, tracking and extraction, as for
    `genbench.run`: `features="inception", metrics=("frechet_distance", "kid")`.

    Raises genbench.MistakeError for options that cannot be meant and ValueError for images that cannot be read.
    """
    from genbench.measuring.image_sets import image_set
    from genbench.measuring.scores import check_metrics
    from genbench.running import evaluation

    words = _words(options)
    chosen = compose_measuring(words)
    check_metrics(chosen.metrics)
    path = Path(generated) if isinstance(generated, str | Path) else None
    return evaluation.evaluate(
        evaluation.Question(
            name=name or (path.name if path else "images"),
            generated=image_set(generated),
            reference=image_set(real),
            training=None if training is None else image_set(training),
            held_out=None if held_out is None else image_set(held_out),
            features=chosen.features,
            metrics=chosen.metrics,
            extraction=chosen.extraction,
            tracking=chosen.tracking,
            catalogue=chosen.catalogue,
            config=chosen.config,
            command=f"genbench.evaluate({', '.join(words)})",
        ),
        Path(results).absolute(),
        sweep,
    )


def dataset(name: str, **options: Any) -> Dataset:
    """A dataset by its registered name and options: `genbench.dataset("image_folder", root="photos")`. Raises what
    `genbench run` would say in one line.
    """
    from genbench.data.loading import load as load_dataset

    entry = load_plugins().registry.get("dataset", name)
    return load_dataset(Choice(entry, entry.options(**options)))


def _words(options: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Options as overrides."""
    words: list[str] = []
    for name, value in options.items():
        key = prefix + name.replace("__", ".")
        if isinstance(value, Mapping):
            words += _words(value, f"{key}.")
        elif isinstance(value, list):
            words.append(f"{key}={','.join(map(_value, value))}")
        else:
            words.append(f"{key}={_value(value)}")
    return words


def _value(value: Any) -> str:
    """One value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(_value, value))}]"
    if not isinstance(value, str | Path):
        raise TypeError(f"{value!r} is no value of an option: use numbers, texts, true or false, or sequences of these")
    return quoted(str(value))

"""What goes into each hash. Equal ids promise equal numbers; how a run is executed is in no hash.

model   = H(dataset, model and the groups it uses, task, budget, training seed, source, precision)
samples = H(model, sampler, grid, guidance, task, sampling seed, count, batch size, dtype, source)
score   = H(image set, reference set, n, extractor, metric, its settings and source)
timing  = H(model, sampler, grid, guidance, batch size, dtype, hardware, torch, threads, repetitions)
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, is_dataclass, replace
from enum import Enum
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from genbench import EXPORTS
from genbench.running.plan import Choice, Plan
from genbench.store.provenance import hardware


@dataclass(frozen=True)
class RunIds:
    """The artifacts that a run joins, and `run`, the hash of all that its record holds."""

    model: str
    samples: str
    timing: str
    run: str


def digest(**parts: Any) -> str:
    """16 hexadecimal digits of SHA-256 over canonical JSON: independent of the order of the arguments."""
    text = json.dumps(parts, sort_keys=True, default=plain, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(value: Any) -> Any:
    """A value (dataclass, Enum, path) as JSON can hold it; a dataclass keeps its class, two of one name differ."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"": f"{type(value).__module__}.{type(value).__qualname__}", **asdict(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} cannot be part of an identity")


def choice_parts(choice: Choice) -> dict[str, Any]:
    """A registered thing as part of a hash: its name, options and source."""
    return {"name": choice.entry.name, "options": choice.options, "source": source_digest(choice.entry.module)}


def value_parts(value: Any) -> list[Any]:
    """A sampler, schedule, grid, guidance or task as part of a hash: its class, options and source."""
    return [value, source_digest(type(value).__module__)]


def model_id(plan: Plan, dataset: str) -> str:
    """`dataset` is the dataset's fingerprint."""
    return digest(
        dataset=dataset,
        model=choice_parts(plan.model),
        schedule=value_parts(plan.schedule) if plan.schedule else None,
        task=value_parts(plan.task),
        training={"seed": plan.training.seed, "steps": plan.training.steps, "images": plan.training.images},
        precision=plan.training.precision,
        loop=source_digest("genbench.training.loop"),
        device=_family(plan.device),
    )


def _drawing(plan: Plan, model: str) -> dict[str, Any]:
    """What the bytes of an image depend on besides its key: the harness's own part of the way counts too."""
    return {
        "model": model,
        "values": [value_parts(value) for value in (plan.sampler, plan.grid, plan.guidance, plan.task) if value],
        "harness": source_digest("genbench.drawing.draw"),
        "noise": _noise_table(),
        "batch_size": plan.sampling.batch_size,
        "dtype": plan.sampling.dtype,
    }


def samples_id(plan: Plan, model: str) -> str:
    """Images of the model with this id. The batch size counts: kernels, and so the last bits, depend on it."""
    return digest(
        **_drawing(plan, model),
        seed=plan.sampling.seed,
        num_samples=plan.sampling.num_samples,
        device=_family(plan.device),
    )


def timing_id(plan: Plan, model: str) -> str:
    """Timing of the model with this id, on this machine."""
    machine = hardware(plan.device)
    return digest(
        **_drawing(plan, model),
        machine=machine,
        threads=plan.threads,
        timing=plan.timing,
        clock=source_digest("genbench.drawing.clock"),
    )


def score_id(images: str, reference: str, n: int, extractor: str, metric: Choice) -> str:
    """One metric of the first n images of one set against a reference set, both named by id."""
    return digest(images=images, reference=reference, n=n, extractor=extractor, metric=choice_parts(metric))


def run_ids(plan: Plan, dataset: str) -> RunIds:
    """All ids of a run on the dataset with this fingerprint."""
    model = model_id(plan, dataset)
    return RunIds(model, samples_id(plan, model), timing_id(plan, model), _run_digest(plan, dataset))


def family_id(plan: Plan, dataset: str) -> str:
    """Runs that differ in nothing but their seeds are replicates of one family."""
    training, sampling = replace(plan.training, seed=0), replace(plan.sampling, seed=0)
    return _run_digest(replace(plan, training=training, sampling=sampling), dataset)


def _run_digest(plan: Plan, dataset: str) -> str:
    model = model_id(plan, dataset)
    return digest(
        samples=samples_id(plan, model),
        timing=timing_id(plan, model),
        scores=[[choice_parts(choice) for choice in chosen.values()] for chosen in (plan.features, plan.metrics)],
        harness=source_digest("genbench.measuring.evaluator"),
        quick=plan.quick,
    )


@cache
def _noise_table() -> str:
    """The normal distribution's table is data, not source (`drawing/noise.py`)."""
    return hashlib.sha256((Path(__file__).parents[1] / "drawing" / "normal_table.npy").read_bytes()).hexdigest()


def _family(device: str) -> str:
    """Numbers differ between kinds of device, not between two of a kind: "cuda:1" -> "cuda"."""
    return device.partition(":")[0]


# ---------------------------------------------------------------------------------------------------------- source


@cache
def source_digest(module: str) -> str:
    """A hash of a module's code and of all it imports from its own distribution (or folder) and from genbench.

    Comments, formatting and docstrings do not count. The package's other modules count if they are imported.
    """
    folder, packages = _home(module.partition(".")[0])
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or (path := _path(name)) is None:
            continue
        tree = ast.parse(path.read_bytes())
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for found in _imports(tree, package):
            top = found.partition(".")[0]
            if top in packages or (folder and (folder / top).exists()) or (folder and (folder / f"{top}.py").exists()):
                waiting.append(found)
        seen[name] = hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest()
    if module not in seen:
        raise ModuleNotFoundError(
            f"the source of module '{module}' cannot be found, so its results cannot be identified"
        )
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]


def _home(top: str) -> tuple[Path | None, set[str]]:
    """Where a top-level module's own distribution is: the folder it lies in, or, installed among others, the names of
    the top-level modules that came with it.
    """
    path = _path(top)
    if path is None:
        return None, {"genbench", top}
    folder = path.parents[1] if path.name == "__init__.py" else path.parent
    if folder.name not in ("site-packages", "dist-packages"):
        return folder, {"genbench", top}
    owners = packages_distributions()
    return None, {"genbench", *(name for name, of in owners.items() if set(of) & set(owners.get(top, [])))}


def _path(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _imports(tree: ast.Module, package: str) -> Iterable[str]:
    """Names that may be modules, as imported by a module of this package.

    `from genbench import X` leads to the module that defines X, not to every export.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            if source == "genbench":
                yield from (EXPORTS.get(alias.name, f"genbench.{alias.name}") for alias in node.names)
            else:
                yield source
                yield from (f"{source}.{alias.name}" for alias in node.names)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return tree

"""What earlier plugins used and this version replaced: found in their source, without importing it.

A plugin that uses something of it could fail in the middle of a run, with words that help nobody. It is refused when it
is loaded instead, with the one line that says what to write now.
"""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from genbench import interfaces

REPLACED: Mapping[str, str] = {
    "genbench.interfaces": "import contracts from genbench itself: from genbench import Generator, Stage",
    "genbench.samplers.one_shot": "it is genbench.drawing.one_shot now",
    "genbench.samplers.diffusion": "it is genbench.diffusion.samplers now",
    "genbench.samplers.raster": "it is genbench.autoregressive.samplers now",
    "genbench.diffusion.solvers": "a solver is the `table` of its sampler, in genbench.diffusion.samplers",
    "genbench.seeds": "it is genbench.drawing.seeds now",
    "genbench.registry": "import NoOptions from genbench itself: from genbench import NoOptions",
    "Split": "splits are image sets with columns: genbench.ArrayImages(id, images, {'label': labels})",
    "Features": "an extractor returns a mapping from the names in its `outputs` to tensors",
    "Direction": "a direction is 'lower' or 'higher'",
    "TrainingView(...)": "a TrainingView is what a stage is given: training images are read with view.images(indices)",
    "StageSpec(name, steps)": "a stage is named in its StagePlan; write StageSpec(budget=Budget.parse('steps:700'),"
    " batch_size=64) and return it from the classmethod spec(options)",
    "Stage.averaged": "name the averaged modules in the spec: StageSpec(averaged=('generator',))",
    "Generator.stages": "write the classmethod plan(config, data), which returns a StagePlan for each stage",
    "Generator.state": "stages keep what they learnt; load_state(state) is given {stage: {module: tensors}}",
    "Generator.unsupported(sampler, guidance)": "write unsupported(cls, config, data, draw, schedule): the sampler is"
    " draw.sampler, the guidance draw.guidance",
    "Metric.compute": "write measure(evidence), which returns a Score, and declare `reads` and `measures`",
    "registry.provider": "a plugin registers under its own name; there is nothing to set",
    "'label' in data.conditions": "conditions have kinds and shapes now: ask 'label' in data.condition_names",
}
"""What was replaced, as it was written, and what to write now."""

MOVED = tuple(name for name in REPLACED if name.startswith("genbench."))
INTERFACES = frozenset(module.name for module in pkgutil.iter_modules(interfaces.__path__))
"""Modules of genbench.interfaces, which was a module itself."""


def outdated(files: list[Path]) -> str | None:
    """The first use of something that was replaced: where, what, and what to write now. None if there is none."""
    for file in files:
        try:
            content = file.read_bytes()
            tree = ast.parse(content) if b"genbench" in content else ast.Module([], [])
        except (OSError, SyntaxError, ValueError):
            continue  # importing it says what is wrong
        for line, use in sorted(_uses(tree)):
            return f"{file.name}, line {line}: {use} was replaced: {REPLACED[use]}"
    return None


def _uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, key of REPLACED) of everything old."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from ((node.lineno, old) for old in MOVED if _lies_in(alias.name, old, alias.name))
        elif isinstance(node, ast.ImportFrom) and not node.level and (module := node.module):
            for alias in node.names:
                yield from ((node.lineno, old) for old in MOVED if _lies_in(module, old, f"{module}.{alias.name}"))
                if module.partition(".")[0] == "genbench":
                    names[alias.asname or alias.name] = alias.name
                if module == "genbench" and alias.name in REPLACED:
                    yield node.lineno, alias.name
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef():
                yield from _of_class(node, {_genbench_name(base, names) for base in node.bases})
            case ast.Call() if _genbench_name(node.func, names) == "TrainingView":
                yield node.lineno, "TrainingView(...)"
            case ast.Call() if _genbench_name(node.func, names) == "StageSpec" and _names_steps(node):
                yield node.lineno, "StageSpec(name, steps)"
            case ast.Attribute(value=ast.Name(id="genbench"), attr=("Split" | "Features" | "Direction") as old):
                yield node.lineno, old
            case ast.Attribute(value=ast.Name(id="registry"), attr="provider"):
                yield node.lineno, "registry.provider"
            case ast.Compare(
                left=ast.Constant(value=str()),
                ops=[ast.In() | ast.NotIn()],
                comparators=[ast.Attribute(attr="conditions", value=ast.Name(id="data") | ast.Attribute(attr="data"))],
            ):
                yield node.lineno, "'label' in data.conditions"


def _lies_in(module: str, old: str, full: str) -> bool:
    """Whether the import names what was replaced: `old` or something below it, the packages of that name aside."""
    if old == "genbench.interfaces":
        return module == old and full.rpartition(".")[2] not in INTERFACES
    if old == "genbench.registry":
        return module == old and full == f"{old}.NoOptions"
    return module == old or full == old


def _genbench_name(node: ast.expr, names: Mapping[str, str]) -> str:
    """The name of genbench's that an expression is, or "" for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "genbench":
        return node.attr
    return ""


def _of_class(node: ast.ClassDef, bases: set[str]) -> Iterator[tuple[int, str]]:
    methods = {part.name: part for part in node.body if isinstance(part, ast.FunctionDef)}
    old = {"Stage": ["averaged"]}
    if "plan" not in methods:
        old["Generator"] = ["stages", "state"]
    if "measure" not in methods:
        old["Metric"] = ["compute"]
    for base in bases & old.keys():
        yield from ((methods[name].lineno, f"{base}.{name}") for name in old[base] if name in methods)
    unsupported = methods.get("unsupported")
    if "Generator" in bases and unsupported and {"sampler", "guidance"} & {one.arg for one in unsupported.args.args}:
        yield unsupported.lineno, "Generator.unsupported(sampler, guidance)"


def _names_steps(call: ast.Call) -> bool:
    named = any(keyword.arg in ("steps", "name") for keyword in call.keywords)
    return named or (bool(call.args) and isinstance(call.args[0], ast.Constant))

"""The shipped code, copied and edited: a change reaches what uses it and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

GAN, LATENT, PIXELS = (f"genbench_{name}" for name in ("gan", "latent_diffusion", "pixelcnn"))
PREPARED = ("__init__", "load_state", "prepare")
ROOTS = {
    "gan learns": f"{GAN}.model:AdversarialStage",
    "gan draws": (f"{GAN}.model:GAN", PREPARED),
    "latent diffusion learns": f"{LATENT}.stages:DenoiserStage",
    "latent diffusion draws": (f"{LATENT}.model:LatentDiffusion", PREPARED),
    "pixelcnn learns": f"{PIXELS}.model:Likelihood",
    "pixelcnn draws": (f"{PIXELS}.model:PixelCNN", PREPARED),
    "pixelcnn scores": (f"{PIXELS}.model:PixelCNN", ("__init__", "load_state", "log_prob")),
    "heun": "genbench.diffusion.samplers:Heun",
    "ddim": "genbench.diffusion.samplers:DDIM",
    "flow": "genbench.diffusion.schedules:Flow",
    "karras": "genbench.diffusion.grids:Karras",
    "classifier_free": "genbench.diffusion.guidance:ClassifierFree",
    "digits": "genbench.features.digits:Digits",
    "pixels": "genbench.features.pixels:Pixels",
    "frechet_distance": "genbench.metrics.frechet:FrechetDistance",
    "bits_per_dim": "genbench.metrics.bits_per_dim:BitsPerDim",
}
LEARNERS = {name for name in ROOTS if name.endswith("learns")}
DRAWERS = {name for name in ROOTS if name.endswith("draws")}
NOTHING: set[str] = set()

GAN_MODEL, GAN_NETWORKS = f"plugins/gan/{GAN}/model.py", f"plugins/gan/{GAN}/networks.py"
EDITS = {
    "unused in samplers": ("genbench/diffusion/samplers.py", "", NOTHING),
    "unused in guidance": ("genbench/diffusion/guidance.py", "", NOTHING),
    "unused in schedules": ("genbench/diffusion/schedules.py", "", NOTHING),
    "unused in noise": ("genbench/drawing/noise.py", "", NOTHING),
    "unused in a plugin": (GAN_MODEL, "", NOTHING),
    "unused in interfaces": ("genbench/interfaces/training.py", "", NOTHING),
    "registry": ("genbench/registry/names.py", "unknown_name", NOTHING),
    "signals": ("genbench/training/signals.py", "hold_interrupts", NOTHING),
    "refusals of the gan": (GAN_MODEL, "GAN.unsupported", NOTHING),
    "options of the gan": (f"plugins/gan/{GAN}/options.py", "GANOptions", NOTHING),
    "plan of latent diffusion": (f"plugins/latent_diffusion/{LATENT}/model.py", "LatentDiffusion.plan", NOTHING),
    "heun": ("genbench/diffusion/samplers.py", "Heun", {"heun"}),
    "flow": ("genbench/diffusion/schedules.py", "Flow", {"flow"}),
    "karras": ("genbench/diffusion/grids.py", "Karras", {"karras"}),
    "rows of tables": ("genbench/diffusion/tables.py", "Row", {"heun", "ddim"}),
    "executor": ("genbench/diffusion/executor.py", "Trajectory.run", {"latent diffusion draws"}),
    "loss of diffusion": ("genbench/diffusion/objective.py", "denoising_loss", {"latent diffusion learns"}),
    "loss of the gan": (GAN_MODEL, "hinge", {"gan learns"}),
    "truncation": (GAN_MODEL, "truncated", {"gan draws"}),
    "runner of the gan": (GAN_MODEL, "OneShotRunner.run", {"gan draws"}),
    "network of the gan": (GAN_NETWORKS, "GeneratorNetwork.forward", {"gan draws", "gan learns"}),
    "likelihood of pixelcnn": (f"plugins/pixelcnn/{PIXELS}/model.py", "_log_prob", {"pixelcnn scores"}),
    "noise": ("genbench/drawing/noise.py", "_bits", DRAWERS),
    "normal noise": ("genbench/drawing/noise.py", "_table", DRAWERS - {"pixelcnn draws"}),
    "extractor": ("genbench/features/pixels.py", "Pixels.extract", {"pixels"}),
    "formula": ("genbench/metrics/bits_per_dim.py", "bits_per_dim", {"bits_per_dim"}),
    "standard error": (
        "genbench/statistics/standard_errors.py", "delta_standard_error", {"bits_per_dim", "frechet_distance"},
    ),
    "default in a contract": ("genbench/interfaces/training.py", "Stage.load_state", LEARNERS),
    "method without default in a contract": ("genbench/interfaces/training.py", "Stage.step", NOTHING),
}  # fmt: skip

SCRIPT = '''
import ast, json, sys
from pathlib import Path
from genbench.registry.code import code

UNUSED = "\\n\\ndef unused(x):\\n    return x\\n\\n\\nclass Unused:\\n    value = 1\\n"
roots, edits = json.load(sys.stdin)

def digests():
    methods = {"learns": ("begin", "state", "load_state")}
    return {
        name: code(root if isinstance(root, str) else (root[0], tuple(root[1])),
                   contract=methods.get(name.split()[-1], ("load_state",))).digest
        for name, root in roots.items()
    }

def edited(text, path):
    """With another statement in the definition, after its docstring; without a path, with unused definitions."""
    if not path:
        return text + UNUSED
    node = ast.parse(text)
    for name in path.split("."):
        (node,) = [part for part in node.body if getattr(part, "name", "") == name]
    first = node.body[0]
    lines = text.splitlines(keepends=True)
    place = first.end_lineno if isinstance(first, ast.Expr) else first.lineno - 1
    lines.insert(place, " " * first.col_offset + "edited = 1\\n")
    return "".join(lines)

before, changed = digests(), {}
for name, (file, path) in edits.items():
    text = Path(file).read_text()
    Path(file).write_text(edited(text, path))
    after = digests()
    changed[name] = sorted(key for key in before if before[key] != after[key])
    Path(file).write_text(text)
assert digests() == before, "what was taken back changes something"
json.dump(changed, sys.stdout)
'''


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """For each edit, what it changes; all in one fresh process, which imports little of what it reads."""
    folder = tmp_path_factory.mktemp("tree")
    for name in ("genbench", "plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "tests"))
    packages = [str(path) for path in sorted((folder / "plugins").iterdir())]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *packages])}
    edits = {name: edit[:2] for name, edit in EDITS.items()}
    done = subprocess.run(
        [sys.executable, "-B", "-c", SCRIPT],
        input=json.dumps([ROOTS, edits]),
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_reaches_what_uses_it(changed: dict[str, list[str]], edit: str) -> None:
    assert set(changed[edit]) == EDITS[edit][2]


def test_data_files_are_part_of_what_reads_them() -> None:
    from genbench.registry.code import code

    assert "digits.safetensors" in code("genbench.features.digits:Digits").parts
    assert "normal_table.npy" in code("genbench.drawing.noise:normal").parts
    assert "normal_table.npy" not in code("genbench.drawing.noise:uniform").parts


def test_all_of_it_is_read_in_little_time() -> None:
    """Counted, not timed: a second asking reads nothing."""
    from genbench.registry import program as programs
    from genbench.registry.code import code

    roots = list(ROOTS.values())
    first = code(*roots)
    program = programs.program()
    walks = len(program.walks)
    assert code(*roots) == first
    assert programs.program() is program
    assert len(program.walks) == walks

"""Plugins that use what was replaced are told so, each thing by its one line; others are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from genbench.discovery.replaced import REPLACED, outdated

ROOT = Path(__file__).parents[2]

OLD = {
    "genbench.interfaces": ["from genbench.interfaces import Generator", "import genbench.interfaces"],
    "genbench.samplers.one_shot": ["from genbench.samplers import one_shot", "import genbench.samplers.one_shot"],
    "genbench.samplers.diffusion": ["import genbench.samplers.diffusion"],
    "genbench.samplers.raster": ["def f():\n    from genbench.samplers.raster import Raster"],
    "genbench.diffusion.solvers": ["from genbench.diffusion import solvers", "import genbench.diffusion.solvers"],
    "genbench.seeds": ["from genbench.seeds import mix", "from genbench import seeds"],
    "genbench.registry": ["from genbench.registry import NoOptions"],
    "Split": ["from genbench import Split", "import genbench\ndef f(): return genbench.Split(1)"],
    "Features": ["from genbench import FeatureExtractor, Features"],
    "Direction": ["from genbench import Direction"],
    "TrainingView(...)": ["from genbench import TrainingView\ndef f(x): return TrainingView(x, {})"],
    "StageSpec(name, steps)": [
        "from genbench import StageSpec as Spec\ndef f(): return Spec('vae', 700, 64)",
        "import genbench\ndef f(): return genbench.StageSpec(steps=700, batch_size=64)",
    ],
    "Stage.averaged": ["from genbench import Stage\nclass S(Stage):\n    def averaged(self): return ('g',)"],
    "Generator.stages": ["from genbench import Generator\nclass G(Generator):\n    def stages(self, train): ..."],
    "Generator.state": ["import genbench\nclass G(genbench.Generator):\n    def state(self): return {}"],
    "Generator.unsupported(sampler, guidance)": [
        "from genbench import Generator\nclass G(Generator):\n"
        "    @classmethod\n    def unsupported(cls, config, data, sampler, guidance): ..."
    ],
    "Metric.compute": ["from genbench import Metric as M\nclass D(M):\n    def compute(self, a, b): ..."],
    "registry.provider": ["import genbench\ndef genbench_register(registry):\n    print(registry.provider)"],
    "'label' in data.conditions": [
        "import genbench\ndef f(data): return 'label' in data.conditions",
        "import genbench\ndef f(self): return 'label' not in self.data.conditions",
    ],
}  # fmt: skip


def test_everything_that_was_replaced_has_an_example() -> None:
    assert OLD.keys() == REPLACED.keys()


@pytest.mark.parametrize(("use", "source"), [(use, source) for use, sources in OLD.items() for source in sources])
def test_each_use_is_told_with_its_line(tmp_path: Path, use: str, source: str) -> None:
    (tmp_path / "fine.py").write_text("import genbench\n")
    file = tmp_path / "model.py"
    file.write_text(f'"""A plugin."""\n{source}\n')
    said = outdated([tmp_path / "fine.py", file])
    assert said is not None
    place, _, rest = said.partition(": ")
    assert place.startswith("model.py, line ")
    assert rest == f"{use} was replaced: {REPLACED[use]}"
    assert "\n" not in said


NEW = """
import torch
from genbench import ArrayImages, Budget, Generator, Metric, NoOptions, Stage, StagePlan, StageSpec, TrainingView
from genbench.diffusion.samplers import Heun
from genbench.drawing.seeds import mix
from genbench.drawing.one_shot import OneShot
from genbench.interfaces.data import ConditionKind
from genbench.interfaces import training

class Net(torch.nn.Module):
    def state(self): ...
    def compute(self): ...
    def unsupported(self, sampler): ...

class Mine(Generator):
    def __init__(self, config, data, schedule):
        self.labels = "label" in data.condition_names
        self.generator = torch.Generator()
    @classmethod
    def plan(cls, config, data):
        return (StagePlan("vae", Learner),)
    @classmethod
    def unsupported(cls, config, data, draw, schedule): ...
    def stages(self): ...

class Learner(Stage):
    @classmethod
    def spec(cls, options):
        return StageSpec(budget=Budget.parse("steps:700"), batch_size=64)
    def begin(self, train: TrainingView): ...
    def state(self): ...
    def step(self, batch, update):
        return "label" in batch.conditions

class Score(Metric):
    def compute(self): ...
    def measure(self, evidence): return self.compute()
"""


def test_what_is_written_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(NEW)
    assert outdated([tmp_path / "model.py"]) is None
    assert outdated(sorted((ROOT / "plugins").glob("*/genbench_*/*.py"))) is None


def test_what_is_not_python_is_left_to_the_import(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("import genbench\ndef (:")
    (tmp_path / "bytes.py").write_bytes(b"import genbench\0")
    assert outdated([tmp_path / "model.py", tmp_path / "bytes.py", tmp_path / "missing.py"]) is None

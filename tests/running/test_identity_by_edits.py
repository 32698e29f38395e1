"""What makes what anew, shown by real edits: the tree is copied, a file changed, the ids told by a fresh process.

M stages, S samples, T timings, F features of the reference, C scores of the held-out images: what depends on the
generated images follows from S and is asserted for every row.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ALL = ("gan", "latent_diffusion", "pixelcnn", "probe")
ADDED = "    def added(self):\n        return 1\n\n"
EVERY_METRIC = "metrics=[vendi_score,prdc,bits_per_dim,kid,inception_score,frechet_distance]"
UNUSED = "from __future__ import annotations\n\n\ndef unused(x):\n    return x\n\n\nclass Unused:\n    value = 1\n"
FUTURE = "from __future__ import annotations\n"

PROBE = {
    "probe/__init__.py": '''
"""A model and an extractor whose parts read files."""
from dataclasses import dataclass
from genbench import hookimpl
from probe.task import ProbeTask

@dataclass
class ProbeOptions:
    budget: str = "steps:2"

@hookimpl
def genbench_register(registry):
    registry.model("probe", "probe.model:Probe", ProbeOptions, summary="reads files", sampler="one_shot")
    registry.component("features", "probe", "probe.extractor:ProbeFeatures", summary="reads files")
    registry.component("metrics", "probe", "probe.metric:ProbeMetric", summary="one more")
    registry.value("task", "probe_task", ProbeTask, summary="compares with some images")
''',
    "probe/model.py": '''
from pathlib import Path
import torch
from genbench import Budget, Generator, Runner, Stage, StagePlan, StageSpec, files_digest
from probe.helper import for_learner, for_runner

class ProbeStage(Stage):
    def __init__(self, options, data, schedule, before):
        self.network = torch.nn.Linear(1, 1)
        self.text = Path(__file__).with_name("learner.txt").read_text()
    @classmethod
    def spec(cls, options):
        return StageSpec(Budget.parse(options.budget), 4)
    def modules(self):
        return {"network": self.network}
    def optimizers(self):
        return {"sgd": torch.optim.SGD(self.network.parameters(), 0.1)}
    def step(self, batch, update):
        return {"loss": for_learner(batch)}

class ProbeRunner(Runner):
    networks = {}
    def run(self, request):
        text = Path(__file__).with_name("runner.txt").read_text()
        return for_runner(request)

class Probe(Generator):
    def __init__(self, config, data, schedule):
        self.config = config
    @classmethod
    def plan(cls, config, data):
        return (StagePlan("probe", ProbeStage),)
    @classmethod
    def fingerprint(cls, options):
        return files_digest([Path(__file__).parents[1] / "declared.txt"])
    def load_state(self, state):
        pass
    def prepare(self, draw):
        return ProbeRunner()
''',
    "probe/task.py": '''
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True)
class ProbeTask:
    defaults: ClassVar[dict] = {}
    def conditions(self, data):
        return ()
    def unsupported(self, dataset):
        return None
    def training(self, batch, indices, generator):
        return {}
    def request(self, dataset, keys, start):
        return {}
    def reference(self, dataset):
        from genbench import ArrayImages
        train = dataset.splits["train"]
        return ArrayImages("an id that never changes", train.read(0, 200)[train.columns["label"][:200] == 0])
    def pairs(self, dataset, keys, start):
        return None
    def baselines(self, dataset):
        return {}
''',
    "probe/metric.py": '''
from genbench import MeasureInfo, Measurement, Metric, Score

class ProbeMetric(Metric):
    reads = ("generated",)
    measures = (MeasureInfo(name="probe", heading="probe", kind="fidelity", ranks=False),)
    def __init__(self, options):
        pass
    def measure(self, evidence):
        return Score({"probe": Measurement(value=1.0, estimand="one", n=1, reason="exact")})
''',
    "probe/helper.py": '''
def for_learner(batch):
    return batch.images.mean()

def for_runner(request):
    return request.keys
''',
    "probe/extractor.py": '''
from pathlib import Path
from genbench import FeatureExtractor

class ProbeFeatures(FeatureExtractor):
    name = "probe"
    def __init__(self, options):
        self.text = Path(__file__).with_name("extractor.txt").read_text()
    def extract(self, images):
        return {"features": images.float().flatten(1)}
''',
    "probe/learner.txt": "a",
    "probe/runner.txt": "a",
    "probe/extractor.txt": "a",
    "probe/unread.txt": "a",
    "probe/conf/model/probe_small.yaml": "# @package model\nbudget: steps:1\n",
    "probe/README.md": "a",
    "declared.txt": "a",
}  # fmt: skip

GAN, LATENT, PIXELS = (f"plugins/{name}/genbench_{name}" for name in ("gan", "latent_diffusion", "pixelcnn"))


class Change(NamedTuple):
    """Edits and overrides, and what they make anew: letters by model ("*": every one). `under` are overrides before and
    after.
    """

    edits: list[tuple[str, str, str]]
    anew: Mapping[str, str]
    overrides: tuple[str, ...] = ()
    under: tuple[str, ...] = ()


def unused_in(file: str) -> Change:
    return Change([(file, FUTURE, UNUSED)], {})


CHANGES = {
    # ------------------------------------------------------------------------------------------------------- nothing
    "unused definitions in samplers": unused_in("genbench/diffusion/samplers.py"),
    "unused definitions in guidance": unused_in("genbench/diffusion/guidance.py"),
    "unused definitions in the loop": unused_in("genbench/training/loop.py"),
    "unused definitions in the clock": unused_in("genbench/drawing/timing.py"),
    "unused definitions in an extractor": unused_in("genbench/features/pixels.py"),
    "an error's text in a contract": Change(
        [("genbench/interfaces/training.py", "a stage needs batch_size", "every stage needs batch_size")], {}
    ),
    "an error's text in a learner's way": Change(
        [("genbench/training/stages.py", "two stages are called", "there are two stages called")], {}
    ),
    "a docstring, a comment and an annotation": Change(
        [
            ("genbench/drawing/noise.py", '"""Standard normal noise', '"""Normal noise'),
            ("genbench/training/loop.py", "REPORTS = 100", "# So many.\nREPORTS = 100"),
            (f"{GAN}/model.py", "def hinge(real: Tensor, fake: Tensor) -> Tensor:", "def hinge(real, fake):"),
        ],
        {},
    ),
    "signals": Change([("genbench/training/signals.py", "held.waiting = True", "held.waiting = bool(1)")], {}),
    "progress": Change([("genbench/running/progress.py", "SILENCE = 5.0", "SILENCE = 6.0")], {}),
    "the registry": Change([("genbench/registry/names.py", "cutoff=0.5", "cutoff=0.4")], {}),
    "a definition moved to another file": Change(
        [
            (f"{GAN}/model.py", "def hinge(", "from genbench_gan.losses import hinge\n\n\ndef unused("),
            (f"{GAN}/losses.py", "", "HINGE"),
        ],
        {},
    ),
    "a method added to a contract": Change(
        [("genbench/interfaces/training.py", "    def begin(self", ADDED + "    def begin(self")],
        {},
    ),
    "what nobody reads in a plugin": Change(
        [
            ("loose/probe/unread.txt", "a", "b"),
            ("loose/probe/README.md", "a", "b"),
            ("loose/probe/conf/model/probe_small.yaml", "steps:1", "steps:2"),
            (f"{GAN}/conf/model/gan_tiny.yaml", "\n", "\n\n"),
        ],
        {},
    ),
    "order of metrics": Change([], {}, (EVERY_METRIC,)),
    "tracking and checkpoints": Change([], {}, ("training.checkpoint_seconds=1", "objective=digits/kid")),
    "a sampler that nobody uses": Change(
        [("genbench/diffusion/samplers.py", "self.eta, draw)", "self.eta, draw + 0)")], {}
    ),
    # -------------------------------------------------------------------------------------------------------- models
    "construction": Change(
        [("genbench/training/stages.py", "torch.manual_seed(stage_seed(", "torch.manual_seed(1 + stage_seed(")],
        {"*": "M"},
    ),
    "the training loop": Change([("genbench/training/averages.py", "(1 + step)", "(2 + step)")], {"*": "M"}),
    "the order of batches": Change(
        [("genbench/training/order.py", "divmod(start, self.count)", "divmod(start + 1, self.count)")], {"*": "M"}
    ),
    "a learner's loss": Change([(f"{GAN}/model.py", "F.relu(1 - real)", "F.relu(2 - real)")], {"gan": "M"}),
    "the loss of diffusion": Change(
        [("genbench/diffusion/objective.py", "torch.randn_like(x0)", "2 * torch.randn_like(x0)")],
        {"latent_diffusion": "M"},
    ),
    "a default in a contract": Change(
        [("genbench/interfaces/training.py", "warmup_steps: int = 0", "warmup_steps: int = 3")],
        {"gan": "M", "probe": "M"},
    ),
    "the training seed": Change([], {"*": "M"}, ("training.seed=1",)),
    "the budget": Change([], {"*": "M"}, ("training.budget=steps:7",)),
    "a learner's helper": Change(
        [("loose/probe/helper.py", "batch.images.mean()", "batch.images.sum()")], {"probe": "M"}
    ),
    "data that a learner reads": Change([("loose/probe/learner.txt", "a", "b")], {"probe": "M"}),
    # ------------------------------------------------------------------------------------------- samples and timings
    "the executor": Change(
        [("genbench/diffusion/executor.py", "rows = self.table.rows", "rows = tuple(self.table.rows)")],
        {"latent_diffusion": "ST"},
    ),
    "keyed noise": Change(
        [("genbench/drawing/noise.py", "_MULTIPLIERS = -0x40A7B892E31B1A47", "_MULTIPLIERS = -0x40A7B892E31B1A49")],
        {"gan": "ST", "latent_diffusion": "ST", "pixelcnn": "ST"},
    ),
    "quantising": Change([("genbench/images.py", "mul(127.5)", "mul(127.4)")], {"*": "ST"}),
    "a runner": Change([(f"{GAN}/model.py", "if self.truncation:", "if self.truncation > 0:")], {"gan": "ST"}),
    "one solver": Change(
        [("genbench/diffusion/samplers.py", "half, half_next =", "edited = half, half_next =")],
        {"latent_diffusion": "ST"},
    ),
    "the sampling seed": Change([], {"*": "S"}, ("sampling.seed=1",)),
    "the batch size": Change([], {"*": "ST"}, ("sampling.batch_size=100",)),
    "plain or fast": Change([], {"*": "ST"}, ("sampling.fast=true",)),
    "a runner's helper": Change(
        [("loose/probe/helper.py", "return request.keys", "return -request.keys")], {"probe": "ST"}
    ),
    "data that a runner reads": Change([("loose/probe/runner.txt", "a", "b")], {"probe": "ST"}),
    "a declared file": Change([("loose/declared.txt", "a", "b")], {"probe": "ST"}),
    "the clock": Change([("genbench/drawing/rounds.py", "WARM_UP_RUNS = 3", "WARM_UP_RUNS = 4")], {"*": "T"}),
    "threads": Change([], {"*": "T"}, ("threads=2",)),
    # --------------------------------------------------------------------------------------------- features, scores
    "an extractor": Change([("genbench/features/pixels.py", ".flatten(1)", ".flatten(1) * 100")], {"*": "F(pixels)"}),
    "data that an extractor reads": Change([("loose/probe/extractor.txt", "a", "b")], {"*": "F(probe)"}),
    "the order of extraction": Change(
        [("genbench/measuring/extraction.py", "images.read(start, stop)", "images.read(start, stop).flip(0)")],
        {"*": "F(digits) F(pixels) F(probe)"},
    ),
    "the batch size of extraction": Change([], {"*": "F(digits) F(pixels) F(probe)"}, ("extraction.batch_size=32",)),
    "the images that a task compares with": Change(
        [("loose/probe/task.py", "== 0", "== 3")],
        {"*": "F(digits) F(pixels) F(probe)"},
        under=("task=probe_task",),
    ),
    "one more metric": Change([], {}, (EVERY_METRIC.replace("]", ",probe]"),)),
    "a metric's formula": Change([("genbench/metrics/kid.py", ".add_(1)", ".add_(2)")], {"*": "C(kid)"}),
    "an option of a metric": Change([], {"*": "C(prdc)"}, ("metrics.prdc.k=3",)),
    "the likelihood's formula": Change(
        [(f"{PIXELS}/model.py", "math.log(len(labels))", "math.log(1 + len(labels))")], {"pixelcnn": "L"}
    ),
    "the formula of bits per dimension": Change(
        [("genbench/metrics/bits_per_dim.py", "math.log(2)", "math.log(4)")], {"*": "L"}
    ),
}


UNDER = tuple(dict.fromkeys(change.under for change in CHANGES.values()))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """The ids after each change, by its name, and those of the untouched tree by the overrides."""
    folder = tmp_path_factory.mktemp("tree")
    for name in ("genbench", "plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "tests"))
    for name, text in PROBE.items():
        (folder / "loose" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "loose" / name).write_text(text)
    model = (folder / GAN / "model.py").read_text()
    hinge = model[model.index("def hinge(") : model.index("class AdversarialStage")]
    moved = f"{FUTURE}\nfrom torch import Tensor\nfrom torch.nn import functional as F\n\n\n{hinge}"
    jobs: list[dict[str, Any]] = [{"edits": [], "overrides": list(under)} for under in UNDER]
    for change in CHANGES.values():
        edits = [(file, old, new.replace("HINGE", moved)) for file, old, new in change.edits]
        jobs.append({"edits": edits, "overrides": [*change.under, *change.overrides]})
    for job in jobs:
        job["overrides"] = [f"model={','.join(ALL)}", "features=[digits,pixels,probe]", *job["overrides"]]
    packages = [str(path) for path in sorted((folder / "plugins").iterdir())]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), *packages]),
        "GENBENCH_PLUGINS": str(folder / "loose"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-B", str(Path(__file__).with_name("identities.py"))],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip([*UNDER, *CHANGES], json.loads(done.stdout), strict=True))


def anew(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """What differs directly: of features and scores, those that do not depend on the generated images."""
    changed = {key for key in before if before[key] != after.get(key)}
    letters = set()
    if any(key.startswith("stages/") for key in changed):
        letters.add("M")
    if "samples" in changed and "M" not in letters:
        letters.add("S")
    if "timings" in changed and "M" not in letters:
        letters.add("T")
    features = {key.split("/")[2] for key in changed if key.startswith("features/reference/")}
    letters |= {f"F({extractor})" for extractor in features}
    scores = {
        key.split("/")[3] for key in changed if key.startswith("scores/held_out/") and key.split("/")[2] not in features
    }
    letters |= {f"C({metric})" for metric in scores}
    if "scores/generated/bits_per_dim" in changed and "M" not in letters:
        letters.add("L")
    return letters


def expected(change: Change, model: str) -> set[str]:
    words = change.anew.get(model, change.anew.get("*", ""))
    if "(" in words:
        return set(words.split())
    return set(words)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_makes_anew_what_depends_on_it_and_nothing_else(told: dict[Any, Any], name: str) -> None:
    change, answer = CHANGES[name], told[name]
    assert isinstance(answer, dict), answer
    for model in ALL:
        before, after = told[change.under][model], answer[model]
        found = anew(before, after)
        wanted = expected(change, model)
        assert found == wanted, f"{model}: {name}"
        changed = {key for key in before if before[key] != after.get(key)}
        if "M" in found:
            assert {"samples", "timings"} <= changed
        if {"M", "S"} & found:
            dependent = {key for key in before if key.startswith(("features/generated/", "scores/generated/"))}
            assert dependent - {"scores/generated/bits_per_dim"} <= changed
            assert "run" in changed
        of_seeds = name in ("the training seed", "the sampling seed")
        of_reference = name == "the images that a task compares with"
        assert ("family" in changed) == ((bool({"M", "S"} & found) and not of_seeds) or of_reference), model
        assert ("clock_family" in changed) == (bool({"M", "T"} & found) and not of_seeds), model
        if not found:
            assert not changed, f"{model}: {sorted(changed)}"

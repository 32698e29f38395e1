"""Defects put into a copy of the tree, one at a time: each must be seen by the fast test that is there for it.

`python tests/mutants.py` prints a line of JSON for each; `python tests/mutants.py FILE OLD NEW TEST` tries another one.
tests/test_mutants.py asserts. Every test runs in a fork of one process, so that torch is imported once.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("genbench", "tests", "conf", "plugins", "pyproject.toml")
PASSED, FAILED = 0, 1
"""What pytest returns for tests that ran; errors of another kind, such as an import's, return more."""


@dataclass(frozen=True)
class Mutant:
    """An edit of one file: the `nth` of the places where `old` stands becomes `new`, and `test` has to fail."""

    name: str
    file: str
    old: str
    new: str
    test: str
    nth: int = 0

    def applied(self, text: str) -> str:
        """The text with the edit. Raises ValueError where the place is no longer there."""
        parts = text.split(self.old)
        if len(parts) < self.nth + 2:
            raise ValueError(f"{self.name}: {self.file} has no place {self.nth} with {self.old!r}; correct the mutant")
        return self.old.join(parts[: self.nth + 1]) + self.new + self.old.join(parts[self.nth + 1 :])


ROUNDS, OPTIMISATION = "genbench/drawing/rounds.py", "genbench/training/optimisation.py"
SYNCHRONISE = "            self.clock.synchronise(self.requests.device)\n"
CLOCK_TEST = "tests/drawing/test_timing.py::test_percentiles_rate_and_spread_are_those_of_the_measured_runs"
TRAINING = "tests/training/test_optimisation.py::"

MUTANTS = (
    Mutant(
        "p90 is the median",
        ROUNDS,
        'statistics.quantiles(times, n=10, method="inclusive")[8]',
        "statistics.median(times)",
        CLOCK_TEST,
    ),
    Mutant("the clock does not warm up", ROUNDS, "range(WARM_UP_RUNS)", "range(0)", CLOCK_TEST),
    Mutant("the clock starts before the device is idle", ROUNDS, SYNCHRONISE, "", CLOCK_TEST),
    Mutant("the clock stops before the device is idle", ROUNDS, SYNCHRONISE, "", CLOCK_TEST, nth=1),
    Mutant(
        "two timings at once",
        "genbench/drawing/timing.py",
        "with exclusive(str(draw.device)):",
        "if True:",
        "tests/drawing/test_timing.py::test_the_device_is_locked_from_the_first_runner_to_the_last_run",
    ),
    Mutant(
        "shared parameters count twice",
        "genbench/drawing/counting.py",
        "{id(p): p.numel()",
        "{object(): p.numel()",
        "tests/drawing/test_counting.py::test_shared_parameters_count_once",
    ),
    Mutant(
        "images of one sampling seed are those of the next",
        "genbench/drawing/seeds.py",
        "mix(sampling_seed, start + i)",
        "mix(sampling_seed + start + i)",
        "tests/drawing/test_seeds.py::test_replicates_share_no_image",
    ),
    Mutant(
        "training without autocast",
        OPTIMISATION,
        "with self.autocast():",
        "with nullcontext():",
        TRAINING + "test_autocast_wraps_forward_passes_and_nothing_else",
    ),
    Mutant(
        "clip_norm is ignored",
        OPTIMISATION,
        "if self.spec.clip_norm is not None:",
        "if False:",
        TRAINING + "test_the_norm_before_clipping_is_returned_and_the_clipped_gradient_used",
    ),
    Mutant(
        "gradients of this process alone",
        OPTIMISATION,
        "            self.ranks.average_(gradients)\n",
        "",
        TRAINING + "test_gradients_and_running_statistics_are_averaged_over_the_ranks",
    ),
    Mutant(
        "conditions alike in every process",
        OPTIMISATION,
        "self.step, self.ranks.rank, 0)",
        "self.step, 0, 0)",
        TRAINING + "test_ranks_draw_conditions_of_their_own",
    ),
    Mutant(
        "a checkpoint may hold code",
        "genbench/training/checkpoints.py",
        "weights_only=True",
        "weights_only=False",
        "tests/training/test_checkpoints.py::test_a_checkpoint_runs_no_code",
    ),
    Mutant(
        "bits are nats",
        "genbench/metrics/bits_per_dim.py",
        "(dimensions * math.log(2))",
        "dimensions",
        "tests/metrics/test_bits_per_dim.py::test_a_uniform_model_needs_log2_of_the_levels",
    ),
    Mutant(
        "rounding decides between equal distances",
        "genbench/metrics/prdc.py",
        "TIE = 1e-12",
        "TIE = 0.0",
        "tests/metrics/test_prdc.py::test_order_blocks_and_offset_do_not_matter",
    ),
)


class Copy:
    """A copy of the tree, in a folder, in which single tests run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy2(ROOT / part, folder / part)

    def run(self, tests: Sequence[str]) -> tuple[int, str]:
        """pytest's exit code and output for these tests, run in a fork."""
        log = self.folder / "log"
        child = os.fork()
        if child == 0:
            code = 99
            try:
                code = self._pytest(tests, log)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), log.read_text()

    def mutated(self, mutant: Mutant) -> tuple[int, str]:
        """The same for the mutant's test, with its edit."""
        place = self.folder / mutant.file
        place.write_text(mutant.applied(place.read_text()))
        try:
            return self.run([mutant.test])
        finally:
            shutil.copy2(ROOT / mutant.file, place)

    def _pytest(self, tests: Sequence[str], log: Path) -> int:
        import pytest

        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(self.folder)
        # In front of what is installed, editable or not.
        sys.path[:0] = [str(self.folder), *map(str, (self.folder / "plugins").iterdir())]
        code = pytest.main(["-x", "-p", "no:cacheprovider", *tests])
        sys.stdout.flush()
        return int(code)


def main(arguments: Sequence[str]) -> None:
    """Print for each mutant its name, the exit code of its test and the end of the output; first for no edit at all."""
    import torch

    torch.set_num_threads(1)  # before the first fork: threads do not survive one
    mutants = [Mutant("asked for", *arguments)] if arguments else MUTANTS
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        _say("no edit", *copy.run(sorted({mutant.test for mutant in mutants})))
        for mutant in mutants:
            _say(mutant.name, *copy.mutated(mutant))


def _say(name: str, code: int, output: str) -> None:
    print(json.dumps({"name": name, "code": code, "output": output[-2000:]}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

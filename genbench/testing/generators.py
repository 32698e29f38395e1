"""What every Generator must do, as tests: how it refuses, plans, learns and takes over what was learnt."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from genbench.discovery.plugins import load_plugins
from genbench.drawing.seeds import image_keys
from genbench.interfaces.data import ConditionKind, ConditionSpec, DataSpec
from genbench.interfaces.drawing import HasLikelihood
from genbench.interfaces.training import StagePlan, StageSpec
from genbench.store.digests import plain
from genbench.store.records import AT_HELD_OUT, GENERATED, HELD_OUT, NOISE
from genbench.testing.generator_drawing import DrawingSuite, train_once
from genbench.testing.images import check_images
from genbench.testing.made_up import COLOUR, GREY, LABELLED
from genbench.testing.suite import assert_reason

DTYPES = (torch.float32, torch.float64)
ROWS = (GENERATED, AT_HELD_OUT, HELD_OUT, NOISE)
"""Rows that every run has: other sets of images need other names."""


class GeneratorConformance(DrawingSuite):
    """Subclass it as `class TestMine(GeneratorConformance)` with the `name` the model is registered by and `options`
    so small that training takes a second (options inside options as nested dicts).

    `sampler_options` are set on the sampler that the model brings. `data` are the kinds of images tried, with the
    conditions that a task shows; those that `unsupported` refuses are skipped. Set `discrete` if pixels are picked from
    the levels one after another: in float32 a near-tie may then change an image.
    """

    data: ClassVar[Sequence[DataSpec]] = (GREY, LABELLED, COLOUR)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Tries every kind of data, every device that is there, both floating-point types."""
        devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
        tried: dict[str, Sequence[Any]] = {"spec": self.data, "device": devices, "dtype": DTYPES}
        for argument in tried.keys() & set(metafunc.fixturenames):
            metafunc.parametrize(argument, tried[argument], ids=map(_describe, tried[argument]))

    # ------------------------------------------------------------------------------------------------------ refusals

    def test_it_draws_with_the_sampler_it_brings(self) -> None:
        reasons = [self._subject(spec).unsupported() for spec in self.data]
        assert None in reasons, f"unsupported() refuses all data of this suite: {reasons[0]}"

    def test_it_refuses_samplers_it_does_not_understand(self) -> None:
        subject = self._subject(self.data[0])
        registry = load_plugins().registry
        samplers = {f"sampler={name}": registry.get("sampler", name).options() for name in registry.names("sampler")}
        samplers["a sampler of a family that nobody knows"] = _OfNoFamily()
        for what, sampler in samplers.items():
            if sampler.family != subject.sampler.family:
                assert_reason(subject.unsupported(sampler=sampler), what)

    def test_it_refuses_conditions_it_does_not_understand(self) -> None:
        spec = replace(self.data[0], conditions=(ConditionSpec("a condition that nobody knows", ConditionKind.TEXT),))
        assert_reason(self._subject(spec).unsupported(), "a task with a condition that nobody knows")

    # --------------------------------------------------------------------------------------------------------- plans

    def test_its_stages_are_planned_before_any_work(self, spec: DataSpec) -> None:
        subject = self._supported(spec)
        planned = subject.cls.plan(subject.config, spec)
        assert isinstance(planned, tuple), f"plan() returns {type(planned).__name__}: return a tuple of StagePlans"
        assert all(isinstance(stage, StagePlan) for stage in planned), "plan() returns something that is no StagePlan"
        assert subject.cls.plan(subject.config, spec) == planned, (
            "planning twice gives two plans: decide by config and data"
        )
        try:
            stages, specs = subject.planned()
        except ValueError as error:
            pytest.fail(f"the plan cannot be followed: {error}")
        for stage in stages:
            assert isinstance(specs[stage.name], StageSpec), (
                f"{stage.stage.__name__}.spec(options) returns no StageSpec"
            )
            assert "/" not in stage.name, f"stage '{stage.name}' is the name of a folder: leave out '/'"
            try:
                plain(stage.options)
            except TypeError as error:
                pytest.fail(f"the options of stage '{stage.name}' name what it learns: {error}")

    def test_a_model_without_stages_is_known_by_its_fingerprint(self, spec: DataSpec) -> None:
        subject = self._supported(spec)
        if subject.planned()[0]:
            pytest.skip("it has stages")
        fingerprint = subject.cls.fingerprint(subject.config)
        assert isinstance(fingerprint, str), (
            "a model without stages is known by nothing but fingerprint(options): return genbench.files_digest(paths)"
            " of the files that it reads, or a word for the version of what it computes"
        )
        assert fingerprint, "fingerprint(options) is empty: nothing would tell two contents of its files apart"
        assert fingerprint == subject.cls.fingerprint(subject.config), (
            "asked twice, fingerprint(options) says two things"
        )

    # ------------------------------------------------------------------------------------------------------ training

    def test_a_stage_is_built_from_its_seed_alone(self, spec: DataSpec) -> None:
        subject = self._supported(spec)
        before = train_once(self._supported, spec, "cpu")[1].restored
        for plan in subject.planned()[0]:
            states = []
            for seed in (1, 2):
                random.seed(seed)
                np.random.seed(seed)
                modules = subject.stage(plan, before).modules()
                states.append({f"{name}.{k}": v for name, m in modules.items() for k, v in m.state_dict().items()})
            for name, value in states[0].items():
                assert torch.equal(value, states[1][name]), (
                    f"'{name}' of stage '{plan.name}' begins with two values: draw initial weights from torch's global"
                    " generator, which is seeded from (training seed, stage name), and from nothing else"
                )

    def test_interrupted_training_ends_as_uninterrupted_training(self, device: str, tmp_path: Path) -> None:
        subject = self._supported(self.data[0], device)
        reports: list[str] = []
        whole = subject.trained(report=lambda progress: reports.append(progress.stage)).states
        if not whole:
            pytest.skip("a model without stages")
        left = len(reports) * 3 // 4
        assert left > 1, "the options of this suite train for too few steps to be interrupted: give a budget of steps:4"

        def interrupt(progress: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            subject.trained(tmp_path, interrupt)
        resumed = subject.trained(tmp_path).states
        for name, value in _flat(whole).items():
            assert torch.allclose(value, _flat(resumed)[name], rtol=1e-5, atol=1e-6), (
                f"'{name}' differs after training that was interrupted and went on: all that a stage changes must be in"
                " its modules() or optimizers(), and all its randomness from torch's global generator inside step()"
            )

    # --------------------------------------------------------------------------------------------------------- state

    def test_what_stages_learnt_goes_to_disk_and_back(self, spec: DataSpec, device: str, tmp_path: Path) -> None:
        subject, trained = train_once(self._supported, spec, device)
        for plan in subject.planned()[0]:
            state, name = trained.states[plan.name], plan.name
            assert any(state.values()), f"stage '{name}' learnt nothing: state() is empty"
            assert not any("/" in module for module in state), f"a module of stage '{name}' has '/' in its name"
            save_file(_flat({name: state}), tmp_path / name)
            read = load_file(tmp_path / name)
            again = _flat({name: subject.restored(plan, trained.restored, state, seed=1).state()})
            for key, value in again.items():
                assert key in read, f"'{key}' is in state() after load_state(), and was not before"
                assert torch.equal(value.cpu(), read[key]), (
                    f"'{key}' is another after load_state() on a fresh stage: it must be the inverse of state()"
                )

    def test_what_training_changed_is_kept(self, spec: DataSpec, device: str) -> None:
        subject, trained = train_once(self._supported, spec, device)
        for plan in subject.planned()[0]:
            fresh = subject.stage(plan, trained.restored).modules()
            for name, module in trained.finished[plan.name].modules().items():
                initial, kept = fresh[name].state_dict(), trained.states[plan.name].get(name)
                for key, value in module.state_dict().items():
                    assert kept is None or key in kept or torch.equal(value.cpu(), initial[key]), (
                        f"state() of stage '{plan.name}' keeps module '{name}' and leaves out its '{key}', which"
                        " training changed: keep the whole state_dict(), or leave the module out"
                    )

    def test_the_generator_takes_over_all_that_was_learnt(self, spec: DataSpec, device: str) -> None:
        subject, trained = train_once(self._supported, spec, device)
        keys = image_keys(0, 0, 4)
        images, others = (subject.draw(subject.generator(trained.states, seed), keys) for seed in (0, 1))
        assert torch.equal(images, others), (
            "two generators that were given the same state draw different images: load_state() leaves out something"
            " that the stages learnt, or __init__ draws something that is never replaced"
        )

    # ---------------------------------------------------------------------------------------------------- likelihood

    def test_likelihoods_are_those_of_each_image_alone(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        if not isinstance(generator, HasLikelihood):
            pytest.skip("the model has no likelihood")
        images = subject.dataset.splits["held_out"].read(0, 5)
        keys = image_keys(0, 0, 2)
        before, drawn = images.clone(), subject.draw(generator, keys)
        score = generator.log_prob(images)
        assert score.nats.shape == (5,), f"log_prob of 5 images has shape {tuple(score.nats.shape)}, not (5,)"
        assert score.nats.dtype == torch.float64, f"log_prob is {score.nats.dtype}: sum many terms in float64"
        assert score.levels == spec.levels, f"log_prob is of {score.levels} levels, the data has {spec.levels}"
        assert isinstance(score.exact, bool), "LogProb.exact says whether it is the likelihood itself, or a lower bound"
        assert bool((score.nats <= 0).all()), "a log-probability of an image of discrete levels is above 0"
        alone = torch.cat([generator.log_prob(images[i : i + 1]).nats for i in range(5)])
        assert torch.allclose(score.nats, alone, rtol=1e-8), (
            "an image's likelihood depends on its neighbours, or differs from call to call: nothing may look across the"
            " batch, and a bound by sampling must draw from a generator with a fixed seed for each image"
        )
        assert torch.equal(images, before), "log_prob changed the images that it was given: work on a copy"
        assert torch.equal(drawn, subject.draw(generator, keys)), "log_prob changed the model: work on a copy"

    # ----------------------------------------------------------------------------------------------- further rows

    def test_further_sets_are_images(self, spec: DataSpec, device: str) -> None:
        subject, generator = self._trained(spec, device)
        held_out = subject.dataset.splits["held_out"]
        sets = generator.extra_sets(held_out)
        if not sets:
            pytest.skip("no further sets")
        for name, images in sets.items():
            assert name not in ROWS, f"extra_sets() calls a set '{name}', which every run has: choose another name"
            check_images(images, f"extra_sets()['{name}']")


@dataclass(frozen=True)
class _OfNoFamily:
    family: str = "a family that nobody knows"


def _flat(states: Mapping[str, Mapping[str, Mapping[str, Tensor]]]) -> dict[str, Tensor]:
    """What stages learnt as named tensors: "stage/module/key"."""
    return {
        f"{stage}/{module}/{key}": value.detach()
        for stage, state in states.items()
        for module, values in state.items()
        for key, value in values.items()
    }


def _describe(value: object) -> str:
    if isinstance(value, DataSpec):
        return "-".join(("x".join(map(str, value.shape)), *value.condition_names))
    return str(value).removeprefix("torch.")

"""Rows that only some solvers need, guidance that remembers, and the hooks of the executor."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
import torch

from genbench.diffusion.denoiser import Denoiser
from genbench.diffusion.executor import Trajectory
from genbench.diffusion.grids import Karras, UniformTime
from genbench.diffusion.guidance import ClassifierFree
from genbench.diffusion.predictions import Prediction, preconditioning
from genbench.diffusion.samplers import DDIM, Ancestral, Euler, Heun
from genbench.diffusion.schedules import EDM, Flow, LinearBeta
from genbench.diffusion.tables import DATA, HOOK_DRAWS, Level, Memory, Row, Table
from genbench.drawing.noise import normal

SAMPLERS = [DDIM(7), DDIM(7, eta=0.5), Ancestral(7), Euler(7), Heun(7)]
SHAPE = (2, 3, 3)
KEYS = torch.arange(5) * 7919 + 3
NOISY, MIDDLE = Level(0.6, 0.8, 0.5), Level(0.8, 0.6, 0.4)
START = Row(0, NOISY, noise=((0, 0.8),))


def predictor(offset=0.0):
    """A network that predicts x_0 itself: any smooth function, each image by itself."""

    def predict(inputs, labels, /):
        return torch.sin(2 * inputs) + 0.3 * torch.tanh(labels).view(-1, 1, 1, 1) + 0.1 * inputs.flip(-1) + offset

    return Denoiser(predict, Prediction.x0)


CONDITIONAL, UNCONDITIONAL = predictor(), predictor(0.4)
BOTH = {"conditional": CONDITIONAL, "unconditional": UNCONDITIONAL}


def x0_hat(x, level, denoiser=CONDITIONAL):
    labels = torch.full((len(x),), min(-level.log_snr / 8, 5.0), dtype=torch.float64)
    return denoiser.network(x / np.hypot(level.alpha, level.sigma), labels)


def noise(draw, keys=KEYS):
    return normal(keys, draw, SHAPE, torch.float64)


def trajectory(table, denoisers=None, **options):
    if not isinstance(table, Table):
        table = table.table(LinearBeta(), Karras().times(LinearBeta(), table.steps))
    denoisers = denoisers or {"conditional": CONDITIONAL}
    options = {"batch_size": len(KEYS), "dtype": torch.float64, **options}
    return Trajectory(table, denoisers, shape=SHAPE, device=torch.device("cpu"), **options)


def assert_same(drawn, expected):
    torch.testing.assert_close(drawn, expected, rtol=1e-12, atol=1e-12)


SEEN = {"plain": {}, "clipped": {"on_x0": lambda x0, level: None}, "traced": {"trace": lambda row, state, x0: None}}


@pytest.mark.parametrize("options", SEEN.values(), ids=SEEN)
class TestRows:
    """Each of these whether or not a prediction is looked at before it is remembered."""

    def test_eps_is_remembered_and_rows_without_a_call_churn_and_mix(self, options):
        alpha, sigma = NOISY.alpha, NOISY.sigma
        eps_memory = Memory(1, on_state=1 / sigma, on_x0=-alpha / sigma)
        table = Table(
            (
                START,
                Row(0, NOISY, ((0, 1.0),), call=NOISY, memories=(eps_memory,)),
                Row(0, NOISY, ((0, 0.5),), noise=((2, 0.25),)),
                Row(2, NOISY, ((1, 3.0), (0, -1.0))),
                Row(0, DATA, ((0, 2.0), (3, 0.5), (1, -1.5), (2, 0.1)), call=NOISY, memories=(Memory(3),)),
            ),
            slots=4,
        )
        x = sigma * noise(0)
        eps = (x - alpha * x0_hat(x, NOISY)) / sigma
        x = 0.5 * x + 0.25 * noise(2)
        mixed = 3 * eps - x
        assert_same(trajectory(table, **options).run(KEYS), 2 * x + 0.5 * x0_hat(x, NOISY) - 1.5 * eps + 0.1 * mixed)
        assert table.nfe() == 2

    def test_the_stages_of_a_step_share_a_draw(self, options):
        table = Table(
            (
                START,
                Row(2, MIDDLE, ((0, 0.5), (1, 0.3)), ((1, 0.4), (2, 0.1)), call=NOISY),
                Row(
                    0, DATA, ((0, 0.2), (1, 0.6), (3, 0.7)), ((1, -0.5),), call=MIDDLE, source=2, memories=(Memory(3),)
                ),
            ),
            slots=4,
        )
        x = NOISY.sigma * noise(0)
        first = x0_hat(x, NOISY)
        stage = 0.5 * x + 0.3 * first + 0.4 * noise(1) + 0.1 * noise(2)
        expected = 0.2 * x + 0.6 * first + 0.7 * x0_hat(stage, MIDDLE) - 0.5 * noise(1)
        assert_same(trajectory(table, **options).run(KEYS), expected)

    def test_a_row_remembers_several_things(self, options):
        memories = (Memory(1), Memory(2, prediction="unconditional"), Memory(3, 0.5, -1.0), Memory(4, 2.0, 1.0))
        row = Row(0, DATA, ((0, 0.1), (1, 1.0), (2, 10.0), (3, 100.0), (4, 1000.0)), call=NOISY, memories=memories)
        x = NOISY.sigma * noise(0)
        strong, weak = x0_hat(x, NOISY), x0_hat(x, NOISY, UNCONDITIONAL)
        for guidance, guided in ((None, strong), (ClassifierFree(3), weak + 3 * (strong - weak))):
            drawn = trajectory(Table((START, row), slots=5), BOTH, guidance=guidance, **options).run(KEYS)
            assert_same(drawn, 0.1 * x + guided + 10 * weak + 100 * (0.5 * x - guided) + 1000 * (2 * x + guided))


def half_and_half(inputs, labels, /):
    return torch.cat([CONDITIONAL.network(inputs, labels), torch.tanh(3 * inputs)], dim=1)


def test_learned_variances_interpolate_between_the_bounds():
    low, high = 0.04, 0.25
    row = Row(0, DATA, ((0, 0.5), (1, 0.3)), ((1, math.sqrt(low)),), call=NOISY, variance=(low, high))
    table = Table((START, row), slots=2)
    x = NOISY.sigma * noise(0)
    mean = 0.5 * x + 0.3 * x0_hat(x, NOISY)
    fraction = (torch.tanh(3 * x) + 1) / 2
    deviation = torch.exp(0.5 * (fraction * math.log(high) + (1 - fraction) * math.log(low)))
    learned = {"conditional": Denoiser(half_and_half, Prediction.x0, learned_variance=True)}
    for options in SEEN.values():
        assert_same(trajectory(table, learned, **options).run(KEYS), mean + deviation * noise(1))
    assert_same(trajectory(table).run(KEYS), mean + 0.2 * noise(1))  # a network without them: the table's own weight
    for other in (CONDITIONAL, Denoiser(lambda x, labels, /: half_and_half(x, labels).sin(), Prediction.x0, 1.0, True)):
        guided = trajectory(table, {**learned, "unconditional": other}, guidance=ClassifierFree(2)).run(KEYS)
        strong, weak = x0_hat(x, NOISY), x0_hat(x, NOISY, other)[:, :2]
        combined = 0.5 * x + 0.3 * (2 * strong - weak)
        assert_same(guided, combined + deviation * noise(1))  # the variances are those of the first prediction


@pytest.mark.parametrize("sampler", [Euler(7), Heun(7)], ids=str)
def test_deterministic_solvers_ignore_learned_variances(sampler):
    learned = {"conditional": Denoiser(half_and_half, Prediction.x0, learned_variance=True)}
    assert torch.equal(trajectory(sampler, learned).run(KEYS), trajectory(sampler).run(KEYS))


@pytest.mark.parametrize("extra", [-1.0, 1.0])
def test_ancestral_sampling_follows_learned_variances(extra):
    def certain(inputs, labels, /):
        return torch.cat([CONDITIONAL.network(inputs, labels), torch.full_like(inputs, extra)], dim=1)

    learned = {"conditional": Denoiser(certain, Prediction.x0, learned_variance=True)}
    drawn = trajectory(Ancestral(5), learned).run(KEYS)
    x = None
    for row in Ancestral(5).table(LinearBeta(), Karras().times(LinearBeta(), 5)).rows:
        if row.call is None:
            x = row.fresh * noise(0)
            continue
        weights = dict(row.weights)
        x = weights.get(0, 0) * x + weights[1] * x0_hat(x, row.call)
        if row.variance:
            x = x + math.sqrt(row.variance[extra > 0]) * noise(row.noise[0][0])
    assert_same(drawn, x)


def test_guidance_that_reads_what_is_not_offered_is_refused():
    with pytest.raises(ValueError, match="reads the unconditional prediction, but the model offers conditional only"):
        trajectory(Euler(4), guidance=ClassifierFree(2))
    assert trajectory(Euler(4), guidance=ClassifierFree(2, log_snr_min=100)).nfe == 4  # reads it nowhere on this path


def test_predictions_may_be_of_different_kinds():
    other = Denoiser(CONDITIONAL.network, Prediction.edm, sigma_data=0.3)
    drawn = trajectory(Euler(1), {"conditional": CONDITIONAL, "unconditional": other}, guidance=ClassifierFree(2))
    level = drawn.table.rows[1].call
    x = level.sigma * noise(0)
    skip, out, scaling = (float(c) for c in preconditioning(Prediction.edm, level.alpha, level.sigma, 0.3))
    labels = torch.full((5,), -level.log_snr / 8, dtype=torch.float64)
    weak = skip * x + out * CONDITIONAL.network(scaling * x, labels)
    assert_same(drawn.run(KEYS), 2 * x0_hat(x, level) - weak)  # the only step ends in data


class Plus:
    """CFG++ (Chung et al. 2024, arXiv 2406.08070) for any step of DDIM's kind: the guided prediction, but the noise
    that the unconditional one predicts.
    """

    memory: ClassVar = False

    def __init__(self, scale):
        self.scale = scale

    def reads(self, log_snr):
        return ("conditional", "unconditional")

    def combine(self, predictions, source, target, fresh, memory):
        kept = math.sqrt(target.sigma**2 - fresh**2)
        scale = self.scale / (1 - source.alpha * kept / (target.alpha * source.sigma))
        return predictions["unconditional"].lerp_(predictions["conditional"], scale)


@pytest.mark.parametrize("schedule", [LinearBeta(), Flow()], ids=str)
@pytest.mark.parametrize("sampler", [DDIM(6), DDIM(6, 0.5), Ancestral(6)], ids=str)
def test_guidance_can_be_cfg_plus_plus(sampler, schedule):
    table = sampler.table(schedule, UniformTime().times(schedule, 6))
    x = None
    for row in table.rows:
        if row.call is None:
            x = row.fresh * noise(0)
            continue
        here, there = row.call, row.level
        strong, weak = (x0_hat(x, here, denoiser) for denoiser in BOTH.values())
        eps = (x - here.alpha * weak) / here.sigma
        x = there.alpha * torch.lerp(weak, strong, 0.6) + math.sqrt(there.sigma**2 - row.fresh**2) * eps
        for draw, weight in row.noise:
            x = x + weight * noise(draw)
    torch.testing.assert_close(trajectory(table, BOTH, guidance=Plus(0.6)).run(KEYS), x, rtol=1e-9, atol=1e-9)


class Momentum:
    """Guidance whose direction keeps half of what it was."""

    memory: ClassVar = True

    def reads(self, log_snr):
        return ("conditional", "unconditional")

    def combine(self, predictions, source, target, fresh, memory):
        memory.mul_(0.5).add_(predictions["conditional"]).sub_(predictions["unconditional"])
        return predictions["unconditional"].add_(memory)


def test_what_guidance_remembers_is_cleared_by_every_run():
    drawer, other = (trajectory(Euler(4), BOTH, guidance=Momentum()) for _ in range(2))
    x, direction = None, torch.zeros(5, *SHAPE, dtype=torch.float64)
    for row in drawer.table.rows:
        if row.call is None:
            x = row.fresh * noise(0)
            continue
        strong, weak = (x0_hat(x, row.call, denoiser) for denoiser in BOTH.values())
        direction = 0.5 * direction + strong - weak
        weights = dict(row.weights)
        x = weights.get(0, 0) * x + weights[1] * (weak + direction)
    assert_same(drawer.run(KEYS), x)
    other.run(KEYS + 1)
    assert_same(drawer.run(KEYS), x)
    alone = torch.cat([trajectory(Euler(4), BOTH, guidance=Momentum(), batch_size=1).run(key[None]) for key in KEYS])
    torch.testing.assert_close(alone, x, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_clipping_changes_every_prediction(sampler):
    levels = []

    def clip(x0, level):
        levels.append(level)
        x0.clamp_(-0.1, 0.1)

    drawer = trajectory(sampler, on_x0=clip)
    assert float(drawer.run(KEYS).abs().max()) <= 0.1 + 1e-12  # the last step returns the prediction
    assert levels == [row.call for row in drawer.table.rows if row.call]
    assert_same(
        trajectory(sampler, on_x0=lambda x0, level: x0.clamp_(-1e9, 1e9)).run(KEYS), trajectory(sampler).run(KEYS)
    )


KNOWN = torch.linspace(-1, 1, 18, dtype=torch.float64).view(SHAPE)
MASK = torch.zeros(SHAPE, dtype=torch.bool)
MASK[:, :, 0] = True


@pytest.mark.parametrize("schedule", [EDM(), Flow()], ids=str)
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_known_pixels_are_kept_at_every_level(sampler, schedule):
    draws, seen = [], []

    def keep(state, level, keys, draw):
        draws.append(draw)
        noisy = level.alpha * KNOWN + level.sigma * noise(draw, keys)
        state.copy_(torch.where(MASK, noisy, state))

    def looking(inputs, labels, /):
        seen.append(inputs[:, MASK].clone())
        return CONDITIONAL.network(inputs, labels)

    table = sampler.table(schedule, Karras().times(schedule, 7))
    drawn = trajectory(table, {"conditional": Denoiser(looking, Prediction.x0)}, on_state=keep).run(KEYS)
    assert torch.equal(drawn[:, MASK], KNOWN[MASK].expand(5, -1))
    calls = [row.call for row in table.rows if row.call]
    for inputs, level, draw in zip(seen, calls, draws, strict=False):
        noisy = level.alpha * KNOWN + level.sigma * noise(draw)
        assert_same(inputs, noisy[:, MASK] / np.hypot(level.alpha, level.sigma))
    assert len(set(draws)) == len(draws) == len(calls) + 1
    assert min(draws) >= HOOK_DRAWS  # no row may have such a draw
    free = trajectory(table).run(KEYS)
    assert not torch.allclose(drawn[:, ~MASK], free[:, ~MASK])  # the rest is drawn in their light


def test_a_trace_sees_every_row():
    rows, states, predictions = [], [], []

    def trace(row, state, x0):
        rows.append(row)
        states.append(state.clone())
        predictions.append(None if x0 is None else x0.clone())

    drawer = trajectory(Heun(4), trace=trace)
    drawn = drawer.run(KEYS)
    assert_same(drawn, trajectory(Heun(4)).run(KEYS))
    assert rows == list(drawer.table.rows)
    assert predictions[0] is None
    assert_same(states[0], rows[0].fresh * noise(0))
    assert_same(predictions[1], x0_hat(states[0], rows[1].call))
    assert_same(predictions[2], x0_hat(states[1], rows[2].call))
    assert torch.equal(states[-1], drawn)


@pytest.mark.parametrize("guidance", [None, ClassifierFree(2)], ids=str)
def test_a_trace_sees_predictions_that_the_row_writes_over(guidance):
    seen = []
    row = Row(1, DATA, ((1, 2.0), (0, 0.5)), call=NOISY, memories=(Memory(1),))

    def trace(row, state, x0):
        seen.append((state.clone(), None if x0 is None else x0.clone()))

    trajectory(Table((START, row), slots=2), BOTH, guidance=guidance, trace=trace).run(KEYS)
    (start, _), (state, x0) = seen
    assert_same(state, 2 * x0 + 0.5 * start)
    assert not torch.equal(state, x0)

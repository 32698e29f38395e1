"""Replicates against numpy, and who may share the lead."""

import numpy as np
import pytest

from genbench.interfaces.measurement import Measurement
from genbench.statistics.replicates import Estimate, by_clock_family, by_family, combine, leaders
from genbench.store.records import ProvenanceRecord, RunRecord, Status, TimingRecord


def record(run_id, family, clock=None):
    timing = clock and TimingRecord(
        id=run_id, family=clock, batch_size=1, dtype="float32", device="cpu", threads=1, fast=False, sittings=()
    )
    return RunRecord(
        run_id=run_id,
        status=Status.FAILED,
        reason="made up",
        family=family,
        config={},
        timing=timing,
        provenance=ProvenanceRecord(git_commit=None, versions={}, hardware={}, seeds={}, command="", utc=""),
    )


def measured(values, errors):
    return [
        Measurement(value=value, standard_error=error, estimand="e", n=1, reason="unknown")
        for value, error in zip(values, errors, strict=True)
    ]


def test_families_in_order_and_each_run_once():
    a0, b0, a1 = record("a0", "a"), record("b0", "b"), record("a1", "a")
    assert by_family([a0, b0, a1, a0]) == [(a0, a1), (b0,)]


def test_clocks_are_pooled_over_equal_timing_families_only():
    a0, a1, a2 = record("a0", "a", "epyc"), record("a1", "a", "xeon"), record("a2", "a", "epyc")
    untimed, b0 = record("a3", "a"), record("b0", "b")
    assert by_clock_family([a0, a1, untimed, b0, a2]) == [(a0, a2), (a1,), (untimed,), (b0,)]


def test_one_run_keeps_its_own_error():
    assert combine(measured([3.0], [0.2])) == Estimate(3.0, 0.2, 0.2, 1)
    assert combine(measured([3.0], [None])) == Estimate(3.0, None, None, 1)


@pytest.mark.parametrize("count", [2, 3, 10])
def test_replicates_agree_with_numpy(count):
    values = np.random.default_rng(count).normal(5.0, 2.0, count)
    found = combine(measured(values.tolist(), [None] * count))
    assert found.value == pytest.approx(values.mean())
    assert found.spread == pytest.approx(values.std(ddof=1))
    assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(count))
    assert found.count == count


def test_only_numbers_can_be_combined():
    nothing = Measurement(value=None, estimand="e", n=1, reason="it came to NaN")
    with pytest.raises(ValueError, match="at least one"):
        combine([])
    with pytest.raises(ValueError, match="that have a value"):
        combine([*measured([1.0], [0.1]), nothing])


def test_seeds_that_agree_by_chance_are_not_certain():
    found = combine(measured([5.0, 5.0], [0.3, 0.4]))
    assert found.spread == 0.0
    assert found.error == pytest.approx(np.sqrt((0.3**2 + 0.4**2) / 2) / np.sqrt(2))
    assert combine(measured([4.0, 6.0], [0.3, 0.4])).error == pytest.approx(1.0)


def estimate(value, error=None):
    return Estimate(value, error, error)


def test_the_lead_is_shared_within_two_combined_errors():
    # sqrt(0.3^2 + 0.4^2) = 0.5, so the lead reaches exactly 1.0 from the best.
    column = [estimate(2.0, 0.3), estimate(3.0, 0.4), estimate(3.01, 0.4), estimate(9.0, 0.1)]
    assert leaders(column, lower_is_better=True) == {0, 1}
    assert leaders(column, lower_is_better=False) == {3}


def test_a_noisy_rival_is_not_told_apart():
    assert leaders([estimate(1.0, 0.01), estimate(5.0, 3.0)], lower_is_better=True) == {0, 1}


def test_without_errors_only_the_best_and_its_equals_lead():
    assert leaders([estimate(1.0), estimate(1.001), estimate(1.0)], lower_is_better=True) == {0, 2}
    assert leaders([estimate(1.0, 0.1), estimate(1.001)], lower_is_better=True) == {0}


def test_entries_that_must_not_be_ranked():
    assert leaders([None, estimate(2.0, 0.1), estimate(4.0, 0.1)], lower_is_better=True) == {1}
    assert leaders([None, None], lower_is_better=True) == set()


def test_replicates_are_compared_by_the_error_of_their_mean():
    many = combine(measured([1.0, 2.0, 3.0, 4.0, 5.0, 1.0, 2.0, 3.0, 4.0, 5.0], [None] * 10))
    rival = estimate(many.value + 2 * many.spread, 0.0)
    assert leaders([many, rival], lower_is_better=True) == {0}

"""The clock's numbers as measurements: what each is, and what it depends on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

from genbench.drawing.counting import Counts
from genbench.drawing.preparing import Prepared
from genbench.drawing.rounds import ROUNDS, Scenario, percentile_90
from genbench.interfaces.measurement import EXACT, Json, MeasureInfo, Measurement

CLOCK_MEASURES = (
    MeasureInfo(name="images_per_second", heading="images/s", kind="cost", direction="higher", unit="images/s"),
    MeasureInfo(name="latency_ms_p50", heading="latency p50", kind="cost", direction="lower", unit="ms"),
    MeasureInfo(name="latency_ms_p90", heading="latency p90", kind="cost", direction="lower", unit="ms"),
    MeasureInfo(name="nfe", heading="NFE", kind="cost", ranks=False, unit="evaluations/image"),
    MeasureInfo(name="sequential_depth", heading="depth", kind="cost", ranks=False, unit="calls"),
    MeasureInfo(name="parameters", heading="parameters", kind="cost", ranks=False),
    MeasureInfo(name="flops_per_image", heading="FLOP", kind="cost", ranks=False, unit="FLOP/image"),
    MeasureInfo(name="peak_memory_bytes", heading="memory", kind="cost", ranks=False, unit="bytes"),
    MeasureInfo(name="prepare_seconds", heading="preparing", kind="cost", ranks=False, unit="s"),
)
"""What a timing holds, in the order of the columns."""

NO_NETWORKS = "the model names no networks"
ONE_READING = "measured once"

_INFO = {info.name: info for info in CLOCK_MEASURES}


def timed(
    throughput: Scenario, latency: Scenario, protocol: Mapping[str, Json], marks: tuple[str, ...]
) -> dict[str, Measurement]:
    """What the clock saw of the two scenarios, by name."""
    size = throughput.batch_size
    summaries = {
        "images_per_second": (throughput, "images a second", lambda times: size * len(times) / math.fsum(times)),
        "latency_ms_p50": (latency, "median of the time", lambda times: 1e3 * statistics.median(times)),
        "latency_ms_p90": (latency, "90th percentile of the time", lambda times: 1e3 * percentile_90(times)),
    }
    measurements = {}
    for name, (scenario, words, statistic) in summaries.items():
        value, spread = scenario.summary(statistic)
        measurements[name] = _cost(
            name,
            value,
            f"{words} from keys to float images; the error is the standard deviation over {ROUNDS} rounds",
            n=scenario.runs,
            error=spread,
            protocol={**protocol, "batch_size": scenario.batch_size},
            marks=marks,
        )
    return measurements


def counted(counts: Counts) -> dict[str, Measurement]:
    """The exact counts of one image, by name."""
    reason = EXACT if counts.calls else NO_NETWORKS
    calls = ", ".join(f"{name} {number}" for name, number in counts.calls.items())
    words = {
        "nfe": (counts.nfe, f"evaluations of the main network for one image ({next(iter(counts.calls), 'none')})"),
        "sequential_depth": (counts.depth, f"calls of networks for one image, one after another ({calls or 'none'})"),
        "parameters": (counts.parameters, "parameters of the networks that drawing calls, shared ones once"),
    }
    operations = "operations of matrix products, convolutions and attention for one image, two per multiply-add"
    return {
        **{name: _cost(name, value, estimand, reason=reason) for name, (value, estimand) in words.items()},
        "flops_per_image": _cost("flops_per_image", counts.flops, operations, reason=EXACT),
    }


def measured_once(memory: int, prepared: Prepared, protocol: Mapping[str, Json]) -> dict[str, Measurement]:
    """Memory of the plain path, and the seconds that preparing the timed one took."""
    words = "bytes of tensors that live at once while one batch is drawn on the plain path, weights included"
    plain = {**protocol, "fast": False}
    return {
        "peak_memory_bytes": _cost("peak_memory_bytes", memory, words, reason=ONE_READING, protocol=plain),
        "prepare_seconds": _cost(
            "prepare_seconds", prepared.seconds, "seconds of preparing a runner", reason=ONE_READING, protocol=protocol
        ),
    }


def _cost(
    name: str,
    value: float | None,
    estimand: str,
    *,
    n: int = 1,
    error: float | None = None,
    reason: str | None = None,
    protocol: Mapping[str, Json] | None = None,
    marks: tuple[str, ...] = (),
) -> Measurement:
    """A measurement of one of CLOCK_MEASURES, with its unit and direction."""
    info = _INFO[name]
    return Measurement(
        value=value,
        estimand=estimand,
        n=n,
        standard_error=error,
        reason=reason,
        unit=info.unit,
        direction=info.direction,
        protocol=dict(protocol or {}),
        marks=marks,
    )

"""Made-up records for the tests of the table."""

import pytest

from genbench.store.records import (
    ArtifactIds,
    DatasetRecord,
    FeaturesRecord,
    ModelRecord,
    ProvenanceRecord,
    RunRecord,
    SamplerRecord,
    SamplingRecord,
    Score,
    Status,
    TrainingRecord,
)

METRICS = {
    "frechet_distance": "lower",
    "kid": "lower",
    "inception_score": "higher",
    "precision": "higher",
    "recall": "higher",
    "density": "higher",
    "coverage": "higher",
    "vendi_score": "higher",
}


def scores(values, n, extractors):
    """Every metric of every extractor (only a classifier has an Inception Score); 0.5 ± 0.01 unless given."""
    found = {}
    for extractor in extractors:
        for metric, direction in METRICS.items():
            key = f"{extractor}/{metric}"
            if metric == "inception_score" and extractor == "pixels":
                continue
            value, error = values.get(key, (0.5, 0.01))
            found[key] = Score(
                value=value,
                standard_error=error,
                estimand=metric,
                n=n,
                direction=direction,
                reason=None if error is not None else "unknown",
            )
    return found


def build(
    run_id="run",
    model="gan",
    family=None,
    seed=0,
    status=Status.DONE,
    reason=None,
    quick=False,
    config=None,
    metrics=None,
    at_floor=None,
    held_out=None,
    noise=None,
    extractors=("digits", "pixels"),
    num_samples=1500,
    n_floor=297,
    parameters=123456,
    model_id=None,
    seconds=40.0,
    trained_before=False,
    **clock,
):
    done = status is Status.DONE
    timing = {
        "num_samples": num_samples,
        "batch_size": 250,
        "images_per_second": 1000.0,
        "images_per_second_error": 10.0,
        "latency_ms_p50": 3.25,
        "latency_ms_p90": 4.5,
        "nfe": 18,
        "sequential_depth": 19,
        "calls": {"network": 18},
        "flops_per_image": 1.5e9,
        "peak_memory_bytes": 512_000_000,
        "prepare_seconds": 0.1,
        "draw_seconds": 1.5,
        "dtype": "float32",
        "threads": 1,
        "device": "a processor",
        "contended": False,
        "load": 0.0,
        "reused": False,
    }
    artifacts = ArtifactIds(model=model_id or f"model of {run_id}", samples=run_id, timing=f"timing of {run_id}")
    reference_sets = {
        "held_out": scores(held_out or {}, n_floor, extractors),
        "noise": scores(noise or {}, num_samples, extractors),
    }
    return RunRecord(
        run_id=run_id,
        status=status,
        reason=reason,
        family=family or f"family of {run_id}",
        config={"seed": seed, "model": {"name": model}, **(config or {})},
        model=ModelRecord(name=model, plugin=model, plugin_version="1", parameters=parameters if done else None),
        sampler=SamplerRecord(name="one_shot"),
        provenance=ProvenanceRecord(
            git_commit=None, versions={}, hardware={}, seeds={"training": seed, "sampling": seed}, command="", utc=""
        ),
        quick=quick,
        dataset=DatasetRecord(
            name="digits", fingerprint="d", splits={"train": 1500, "held_out": 297}, reference_split="train"
        ),
        features=tuple(FeaturesRecord(name=name, fingerprint=name) for name in extractors),
        metrics=scores(metrics or {}, num_samples, extractors) if done else {},
        metrics_at_floor=scores(at_floor or {}, n_floor, extractors) if done else {},
        references=reference_sets if done else {},
        training=TrainingRecord(seconds=seconds, steps=100, images=6400, reused=trained_before) if done else None,
        sampling=SamplingRecord(**{**timing, **clock}) if done else None,
        artifacts=artifacts if done else None,
    )


@pytest.fixture
def make_record():
    """Builds a RunRecord from the few facts that a test is about."""
    return build

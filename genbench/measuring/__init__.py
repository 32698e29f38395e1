"""Image sets, evidence, extraction, the evaluator."""

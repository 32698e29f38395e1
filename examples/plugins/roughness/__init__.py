"""A loose plugin with one metric. Its top module imports no torch: `genbench list` imports it too."""

from genbench import hookimpl


@hookimpl
def genbench_register(registry):
    """The metric is imported when it is used."""
    registry.component("metrics", "roughness", "roughness.metric:Roughness", summary="rough as real images are")

"""What ships inside the core, registered the way a plugin registers."""

from __future__ import annotations

from genbench.autoregressive.samplers import Raster
from genbench.data.options import FilesOptions, ImagesOptions, ImageZipOptions
from genbench.diffusion import grids, guidance, schedules
from genbench.diffusion.samplers import DDIM, Ancestral, Euler, Heun
from genbench.drawing.one_shot import OneShot
from genbench.features.options import InceptionOptions, PixelsOptions
from genbench.metrics.options import InceptionScoreOptions, KernelDistanceOptions, PRDCOptions
from genbench.registry.registrar import Registrar
from genbench.running import tasks
from genbench.tracking.options import WandbOptions


def genbench_register(registry: Registrar) -> None:
    """Add all that the core brings: everything but models."""
    _samplers(registry)
    _paths(registry)
    _tasks_and_data(registry)
    _features(registry)
    _metrics(registry)
    _tracking_and_reports(registry)


def _samplers(registry: Registrar) -> None:
    add = registry.value
    add("sampler", "one_shot", OneShot, summary="one forward pass; truncation trades diversity for quality")
    add("sampler", "raster", Raster, summary="value after value, at a temperature, with cached activations")
    add("sampler", "ancestral", Ancestral, summary="DDPM's stochastic sampler (Ho et al. 2020)")
    add("sampler", "ddim", DDIM, summary="DDIM, deterministic at eta 0 (Song et al. 2021)")
    add("sampler", "euler", Euler, summary="Euler's method on the probability-flow ODE")
    add("sampler", "heun", Heun, summary="Heun's second-order method (Karras et al. 2022), two calls a step")


def _paths(registry: Registrar) -> None:
    """Noise schedules, grids and guidance."""
    add = registry.value
    add("schedule", "linear_alpha_bar", schedules.LinearAlphaBar, summary="alpha_bar linear in t")
    add("schedule", "linear_beta", schedules.LinearBeta, summary="beta linear in t (DDPM)")
    add("schedule", "cosine", schedules.Cosine, summary="alpha_bar a squared cosine (Nichol & Dhariwal 2021)")
    add("schedule", "edm", schedules.EDM, summary="variance exploding, alpha = 1 (Karras et al. 2022)")
    add("schedule", "flow", schedules.Flow, summary="straight lines to pure noise: flow matching (Lipman et al. 2023)")
    add(
        "schedule",
        "zero_terminal_snr",
        schedules.ZeroTerminalSNR,
        summary="linear_beta, rescaled to end in pure noise (Lin et al. 2023)",
    )
    add("grid", "uniform_time", grids.UniformTime, summary="times evenly spaced in t")
    add("grid", "uniform_log_snr", grids.UniformLogSNR, summary="times evenly spaced in log-SNR")
    add("grid", "karras", grids.Karras, summary="noise levels evenly spaced in sigma^(1/rho)")
    add("guidance", "none", guidance.NoGuidance, summary="the conditional prediction alone")
    add("guidance", "classifier_free", guidance.ClassifierFree, summary="away from the unconditional prediction")


def _tasks_and_data(registry: Registrar) -> None:
    registry.value("task", "unconditional", tasks.Unconditional, summary="any image of the dataset")
    registry.value("task", "class_conditional", tasks.ClassConditional, summary="images of given classes")
    add = registry.component
    add("dataset", "digits", "genbench.data.digits:load", summary="scikit-learn's 1,797 real 8x8 digits, 17 levels")
    add("dataset", "mnist", "genbench.data.mnist:load", FilesOptions, summary="70,000 28x28 digits, from IDX files")
    add(
        "dataset",
        "cifar10",
        "genbench.data.cifar10:load",
        FilesOptions,
        summary="60,000 32x32 photographs, from cifar-10-batches-py",
    )
    add(
        "dataset",
        "image_folder",
        "genbench.data.image_folder:load",
        ImagesOptions,
        summary="your image files: a folder for each class, or all in one",
    )
    add(
        "dataset",
        "image_zip",
        "genbench.data.image_zip:load",
        ImageZipOptions,
        summary="your images in a zip, labels in dataset.json (StyleGAN, EDM)",
    )


def _features(registry: Registrar) -> None:
    add = registry.component
    add("features", "pixels", "genbench.features.pixels:Pixels", PixelsOptions, summary="the pixels themselves")
    add("features", "digits", "genbench.features.digits:Digits", summary="a small digits classifier, 64 features")
    add(
        "features",
        "inception",
        "genbench.features.inception:Inception",
        InceptionOptions,
        summary="torch-fidelity's Inception-v3: the features that FID is defined with",
    )


def _metrics(registry: Registrar) -> None:
    add = registry.component
    add(
        "metrics",
        "frechet_distance",
        "genbench.metrics.frechet:FrechetDistance",
        summary="Fréchet distance; FID with Inception",
    )
    add(
        "metrics",
        "kid",
        "genbench.metrics.kid:KernelDistance",
        KernelDistanceOptions,
        summary="unbiased polynomial MMD^2 (KID with Inception)",
    )
    add(
        "metrics",
        "inception_score",
        "genbench.metrics.inception_score:InceptionScore",
        InceptionScoreOptions,
        summary="confident and varied class predictions",
    )
    add("metrics", "prdc", "genbench.metrics.prdc:PRDC", PRDCOptions, summary="precision, recall, density, coverage")
    add("metrics", "vendi_score", "genbench.metrics.vendi:VendiScore", summary="effective number of distinct images")
    add(
        "metrics",
        "bits_per_dim",
        "genbench.metrics.bits_per_dim:BitsPerDim",
        summary="negative log-likelihood of held-out images, of models that have one",
    )


def _tracking_and_reports(registry: Registrar) -> None:
    add = registry.component
    add("tracking", "none", "genbench.tracking.none:NoTracker", summary="records stay in the results folder")
    add(
        "tracking",
        "wandb",
        "genbench.tracking.wandb:WandbTracker",
        WandbOptions,
        summary="Weights & Biases, offline (no account) or online",
    )
    add("report", "table", "genbench.reports.table:TableFormat", summary="plain text, as it is printed after a sweep")
    add("report", "markdown", "genbench.reports.markdown:MarkdownFormat", summary="for a README")
    add("report", "latex", "genbench.reports.latex:LatexFormat", summary="for a paper, with booktabs")
    add("report", "csv", "genbench.reports.exports:CsvFormat", summary="every number of every run, one row a run")
    add("report", "json", "genbench.reports.exports:JsonFormat", summary="the records themselves")

"""Fifty kinds of mistake: one clear message with the nearest valid names, at once, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from genbench.cli import main
from genbench.config.commandline import parse
from genbench.config.entry import prepare

MISTAKES = [
    # names
    (["model=gam"], "unknown model 'gam'. Did you mean 'gan'?"),
    (["modl=gan"], "unknown option 'modl'. Did you mean 'model'?"),
    ([], "no model is named: add model=NAME. Valid: gan, latent_diffusion, pixelcnn"),
    (["model=gan", "dataset=digit"], "unknown dataset 'digit'. Did you mean 'digits'?"),
    (["model=gan", "sampler=hein"], "unknown sampler 'hein'. Did you mean 'heun'?"),
    (["model=latent_diffusion", "schedule=cosin"], "unknown schedule 'cosin'. Did you mean 'cosine'?"),
    (["model=gan", "metrics=[kidd]"], "unknown metrics 'kidd'. Did you mean 'kid'?"),
    (["model=gan", "features=pixel"], "unknown features 'pixel'. Did you mean 'pixels'?"),
    (["model=gan", "task=inpainting"], "unknown task 'inpainting'."),
    (["model=gan", "tracking=wandbb"], "unknown tracking 'wandbb'. Did you mean 'wandb'?"),
    (["model=gan", "debug=quik"], "unknown debug 'quik'. Did you mean 'quick'?"),
    (["model=gan", "experiment=replicate"], "unknown experiment 'replicate'. Did you mean 'replicates'?"),
    (["-m", "model=gan", "experiment=replicates,nope"], "unknown experiment 'nope'. Valid: class_conditional, repl"),
    # options
    (["model=gan", "model.chanels=3"], "unknown option of model=gan: 'chanels'. Did you mean 'generator_channels'?"),
    (["model=gan", "sampling.num_sample=3"], "unknown option in sampling: 'num_sample'. Did you mean 'num_samples'?"),
    (["model=gan", "sampler.steps=3"], "unknown option of sampler=one_shot: 'steps'. Valid: truncation"),
    (["model=gan", "dataset.root=x"], "dataset.root: there is no option 'root' of dataset=digits: it has no options"),
    (["model=gan", "nosuch.thing=1"], "unknown option 'nosuch'"),
    (["model=gan", "place.number=3"], "unknown option 'place'"),
    (["model=gan", "metrics=[kid]", "metrics.prdc.k=3"], "'prdc' is not among the metrics: add it, metrics=[kid,prdc]"),
    (
        ["model=gan", "features=pixels", "features.digits.x=1"],
        "is not among the features: add it, features=[pix",
    ),
    # old names
    (["model=gan", "steps=5"], "steps=5: steps of the sampler are now sampling.steps=5"),
    (["model=gan", "training.steps=5"], "budgets are now written training.budget=steps:5"),
    (["model=gan", "training.images=5"], "budgets are now written training.budget=images:5, for all stages together"),
    (["model=gan", "model.steps=5"], "training budgets are now called budget: model.budget=steps:5"),
    (["model=latent_diffusion", "model.denoiser.steps=5"], "are now called budget: model.denoiser.budget=steps:5"),
    # groups that nobody uses
    (["model=gan", "guidance=classifier_free"], "guidance=classifier_free: model=gan uses no guidance; leave it out"),
    (["model=gan", "guidance.scale=2"], "guidance.scale=2: model=gan uses no guidance; leave it out"),
    (["model=gan_tiny", "schedule=edm"], "model=gan uses no schedule; leave it out (models that do: latent_diffusion"),
    (["-m", "model=gan,pixelcnn", "grid=karras"], "grid=karras: model=gan uses no grid; leave it out"),
    # the way they are written
    (["gan"], "'gan' is not an override: write group=name or group.option=value"),
    (["model=gan,pixelcnn"], "several values need -m"),
    (["model=gan", "experiment=replicates"], "experiment=replicates asks for several runs, which needs -m"),
    (["--modle=gan"], "unknown option '--modle=gan'"),
    (["model=gan", "sampling.num_samples=[1"], "[1"),
    (["model=gan", "metrics=null"], "metrics=null: 'null' is no name (`genbench list metrics` shows them)"),
    (["model=gan", "+model.foo=1"], "write it without '+'"),
    (["model=gan", "+foo=1"], "unknown option 'foo'"),
    (["model=gan", "--config-dir", "nowhere"], "--config-dir: there is no folder"),
    # how jobs are launched
    (["-m", "model=gan", "results=a,b"], "results: a sweep has one results folder, not 2"),
    (["-m", "model=gan", "seed=0,1", "hydra/sweeper=optuna"], "genbench multiplies out the axes itself"),
    (["-m", "model=gan", "seed=0,1", "hydra.sweeper.max_batch_size=2"], "genbench multiplies out the axes itself"),
    (["-m", "model=gan", "hydra/launcher=joblb"], "unknown hydra/launcher 'joblb'. Did you mean 'joblib'?"),
    (["-m", "model=gan", "hydra/launcher=ray"], "(it is installed separately: pip install hydra-ray-launcher)"),
    (["model=gan", "hydra/launcher=joblib", "hydra.launcher.jobs=2"], "'jobs'. Did you mean 'n_jobs'?"),
    (["model=gan", "hydra.launcher.n_jobs=2"], "it would say how another launcher works; name one: hydra/launcher="),
    # values
    (
        ["model=gan", "model.batch_size=abc"],
        "model.batch_size: Value 'abc' of type 'str' could not be converted to ",
    ),
    (["model=gan", "training.precision=half"], "training.precision: Invalid value 'half', expected one of [full, bf"),
    (["model=gan", "sampling.num_samples=0"], "sampling.num_samples=0: expected a number above 0"),
    (["model=gan", "sampling.steps=-1"], "sampling.steps=-1: expected a number above 0"),
    (["model=gan", "model.budget=abc"], "model=gan: a budget is steps:N or images:N, such as steps:700, not 'abc'"),
    (["model=latent_diffusion", "model.denoiser.budget=steps:0"], "model=latent_diffusion: a budget is steps:N or im"),
    (["model=pixelcnn", "model.batch_size=-1"], "model=pixelcnn: "),
    (["model=gan", "training.budget=700"], "training.budget=700: a budget is steps:N or images:N"),
    (["model=gan", "sampler.truncation=-1"], "sampler=one_shot: "),
    (["model=pixelcnn", "sampler.temperature=0"], "sampler=raster: "),
    (["model=gan", "metrics.prdc.k=0"], "metrics=prdc: "),
    (["-m", "model=gan", "sampling.num_samples=300,0"], "sampling.num_samples=0: expected a number above 0"),
]


@pytest.mark.parametrize(
    ("arguments", "words"), MISTAKES, ids=[" ".join(arguments) or "nothing" for arguments, _ in MISTAKES]
)
def test_a_mistake_is_one_message_before_any_work(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["run", *arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in said
    assert "Traceback" not in said
    assert said.startswith("genbench: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dataset=mnist"], "dataset.root"),
        (["dataset=mnist", "dataset.root=nowhere"], "nowhere"),
        (["dataset=image_folder", "dataset.root=empty"], "empty"),
        (["device=cuda:77"], "device 'cuda:77' cannot be used here"),
    ],
)
def test_a_folder_or_device_that_cannot_be_had_is_one_message(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["run", "model=gan", *arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_what_only_others_of_a_sweep_use_is_left_out_with_a_line() -> None:
    words = ["-m", "model=gan,latent_diffusion", "guidance=classifier_free", "guidance.scale=2"]
    prepared = prepare(parse(words), "", "")
    assert [(plan.model.name, plan.guidance is not None) for plan in prepared.plans] == [
        ("gan", False),
        ("latent_diffusion", True),
    ]
    assert prepared.lines == (
        "guidance=classifier_free is left out for model=gan, which uses no guidance",
        "guidance.scale=2 is left out for model=gan, which uses no guidance",
    )

"""Twenty and more kinds of mistake: one clear message with the nearest valid names, at once, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from genbench.cli import main

MISTAKES = [
    # names
    (["model=gam"], "unknown model 'gam'. Did you mean 'gan'?"),
    (["modl=gan"], "unknown option 'modl'. Did you mean 'model'?"),
    ([], "no model is named: add model=NAME. Valid: gan, latent_diffusion, pixelcnn"),
    (["model=gan", "dataset=digit"], "unknown dataset 'digit'. Did you mean 'digits'?"),
    (["model=gan", "sampler=hein"], "unknown sampler 'hein'. Did you mean 'heun'?"),
    (["model=gan", "schedule=cosin"], "unknown schedule 'cosin'. Did you mean 'cosine'?"),
    (["model=gan", "metrics=[kidd]"], "unknown metrics 'kidd'. Did you mean 'kid'?"),
    (["model=gan", "features=pixel"], "unknown features 'pixel'. Did you mean 'pixels'?"),
    (["model=gan", "task=inpainting"], "unknown task 'inpainting'."),
    (["model=gan", "tracking=wandbb"], "unknown tracking 'wandbb'. Did you mean 'wandb'?"),
    (["model=gan", "debug=quik"], "unknown debug 'quik'. Did you mean 'quick'?"),
    (["model=gan", "experiment=replicate"], "unknown experiment 'replicate'. Did you mean 'replicates'?"),
    # options
    (["model=gan", "model.chanels=3"], "unknown option of model=gan: 'chanels'. Did you mean 'generator_channels'?"),
    (["model=gan", "sampling.num_sample=3"], "unknown option in sampling: 'num_sample'. Did you mean 'num_samples'?"),
    (["model=gan", "sampler.steps=3"], "unknown option of sampler=one_shot: 'steps'. Valid: truncation"),
    (["model=gan", "dataset.root=x"], "dataset.root: there is no option 'root' of dataset=digits: it has no options"),
    (["model=gan", "nosuch.thing=1"], "unknown option 'nosuch'"),
    # the way they are written
    (["gan"], "'gan' is not an override: write group=name or group.option=value"),
    (["model=gan,pixelcnn"], "several values need -m"),
    (["--modle=gan"], "unknown option '--modle=gan'"),
    (["model=gan", "sampling.num_samples=[1"], "[1"),
    # values
    (["model=gan", "model.steps=abc"], "model.steps: Value 'abc' of type 'str' could not be converted to Integer"),
    (["model=gan", "training.precision=half"], "training.precision: Invalid value 'half', expected one of [full, bf"),
    (["model=gan", "sampling.num_samples=0"], "sampling.num_samples=0: expected a number above 0"),
    (["model=gan", "model.steps=-5"], "model=gan: steps must be above 0, not -5"),
    (["model=latent_diffusion", "model.denoiser.steps=0"], "denoiser.steps must be above 0"),
    (["model=pixelcnn", "model.steps=-1"], "model=pixelcnn: "),
    (["model=gan", "+model.foo=1"], "write it without '+'"),
    (["model=gan", "+foo=1"], "unknown option 'foo'"),
    (["model=gan", "steps=-1"], "steps=-1: expected a number above 0"),
    (["model=gan", "training.steps=5", "training.images=5"], "a budget is one or the other"),
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

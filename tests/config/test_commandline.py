"""What is typed, parsed once: flags, overrides in Hydra's grammar, and texts that survive it."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from genbench.config.commandline import parse, parse_overrides, quoted, typed, values_of
from genbench.config.mistakes import MistakeError


def test_flags_overrides_and_launchers_are_told_apart() -> None:
    command = parse(["-m", "model=gan,pixelcnn", "hydra/launcher=joblib", "seed=1", "hydra.launcher.n_jobs=2"])
    assert command.multirun
    assert [str(override.input_line) for override in command.overrides] == ["model=gan,pixelcnn", "seed=1"]
    assert command.launcher == ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert [override.key_or_group for override in command.several] == ["model"]
    assert not command.shown


def test_overrides_may_stand_on_both_sides_of_a_flag() -> None:
    command = parse(["model=gan", "-m", "seed=0,1"])
    assert [str(override.input_line) for override in command.overrides] == ["model=gan", "seed=0,1"]


@pytest.mark.parametrize("flag", [["--cfg", "job"], ["--cfg=job"], ["--info"], ["--hydra-help"], ["-c", "job"]])
def test_what_hydra_shows_is_known(flag: list[str]) -> None:
    assert parse([*flag, "model=gan"]).shown
    with pytest.raises(MistakeError, match="leave out -m"):
        parse(["-m", *flag, "model=gan"])


def test_a_folder_of_configs_joins_the_search_path() -> None:
    command = parse(["--config-dir", "mine", "-cd", "/my own", "model=gan"])
    (override,) = parse_overrides(command.launcher)
    assert override.key_or_group == "hydra.searchpath"
    assert override.value() == [f"file://{Path.cwd() / 'mine'}", "file:///my own"]


@pytest.mark.parametrize("arguments", [["--modle=gan"], ["-x"], ["model=gan", "--multi"]])
def test_unknown_flags_are_mistakes(arguments: list[str]) -> None:
    with pytest.raises(MistakeError, match=f"unknown option '{arguments[-1]}'"):
        parse(arguments)


def test_the_values_of_an_override_are_as_they_would_be_typed() -> None:
    (swept,) = parse_overrides(["sampler.steps=5,10"])
    assert values_of(swept) == ["5", "10"]
    assert [typed(swept, value) for value in values_of(swept)] == ["sampler.steps=5", "sampler.steps=10"]
    (ranged,) = parse_overrides(["seed=range(0,3)"])
    assert values_of(ranged) == ["0", "1", "2"]
    (single,) = parse_overrides(["results='a b'"])
    assert values_of(single) == ["'a b'"]
    (several,) = parse_overrides(["metrics=[kid],[kid,prdc]"])
    assert values_of(several) == ["[kid]", "[kid,prdc]"]


@pytest.mark.parametrize(
    "text",
    ["plain", "a b", "it's", "a,b", "x=y", "odd/日本", "back\\slash", "end\\", "\\'", "${seed}", "\\${x}", "{a: 1}",
     "[1]", "photos [v2]", "a#b", "true", "12", "null", "", "genbench run -m 'model=gan' \"x\""],
)  # fmt: skip
def test_any_text_survives_the_grammar_and_the_config(text: str) -> None:
    (override,) = parse_overrides([f"results={quoted(text)}"])
    config = OmegaConf.create({"results": override.value()})
    assert config.results == text

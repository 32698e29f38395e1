"""What may be registered, what is refused and how it is said, and who gets a name that two claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from omegaconf import OmegaConf

from genbench.registry.entries import NoOptions
from genbench.registry.names import UnknownNameError
from genbench.registry.registrar import Registrar, RegistrationError, Registry


class Mode(Enum):
    fast = "fast"
    slow = "slow"


@dataclass
class Inner:
    width: int = 3


@dataclass(frozen=True)
class Value:
    defaults: ClassVar[dict[str, str]] = {"metrics": "psnr"}
    steps: int = 18


@dataclass
class Mutable:
    steps: int = 18


def model(registrar: Registrar, name: str = "m", options: Any = NoOptions, **more: Any) -> None:
    registrar.model(name, "package.module:Model", options, **{"summary": "a model", "sampler": "heun", **more})


# ------------------------------------------------------------------------------------------------------- registering


def test_what_is_registered_is_found() -> None:
    registrar = Registrar("mine")
    model(registrar, options=Inner, uses=("schedule",), defaults={"schedule": "edm"})
    registrar.value("task", "repair", Value, summary="a task")
    registrar.component("report", "page", "package.page:Page", summary="a page")
    registrar.configs("package.conf")
    registry = Registry()
    registry.component("metrics", "fid", "core:FID", summary="a distance")
    registry.add(registrar)
    entry = registry.get("model", "m")
    assert (entry.provider, entry.uses, entry.defaults) == (
        "mine",
        ("schedule",),
        {"sampler": "heun", "schedule": "edm"},
    )
    assert registry.get("task", "repair").defaults == {"metrics": "psnr"}
    assert registry.get("task", "repair").load() is Value
    assert registry.get("metrics", "fid").provider == "genbench"
    assert registry.names("report") == ["page"]
    assert {entry.name for entry in registry} == {"m", "repair", "page", "fid"}
    assert registry.config_packages == [("mine", "package.conf")]


def test_unknown_names_are_answered_with_the_nearest() -> None:
    registry = Registry()
    registry.value("sampler", "heun", Value, summary="a sampler")
    registry.value("sampler", "ddim", Value, summary="a sampler")
    with pytest.raises(UnknownNameError, match=r"unknown sampler 'hoin'\. Did you mean 'heun'\? Valid: ddim, heun"):
        registry.get("sampler", "hoin")
    with pytest.raises(UnknownNameError, match=r"unknown kind 'modle'\. Did you mean 'model'\?"):
        registry.names("modle")
    with pytest.raises(UnknownNameError, match="unknown kind 'samplr'"):
        registry.value("samplr", "heun", Value, summary="a sampler")


# ----------------------------------------------------------------------------------------------------------- refusals


def with_option(hint: Any, default: Any, name: str = "o") -> type[Any]:
    return make_dataclass("Options", [(name, hint, field(default_factory=lambda: default))])


@pytest.mark.parametrize(
    ("register", "words"),
    [
        (lambda r: r.component("sampler", "x", "a:b", summary="s"), "it is no component .*registry.value"),
        (lambda r: r.component("model", "x", "a:b", summary="s"), "it is no component .*registry.model"),
        (lambda r: r.value("metrics", "x", Value, summary="s"), "it is no value .*registry.component"),
        (lambda r: r.value("model", "x", Value, summary="s"), "it is no value .*registry.model"),
        (lambda r: r.value("sampler", "x", Mutable, summary="s"), "frozen=True"),
        (lambda r: r.value("sampler", "x", int, summary="s"), "options must be a dataclass, not <class 'int'>"),
        (lambda r: model(r, options=Inner()), "options must be a dataclass"),
        (lambda r: model(r, summary="  "), "the summary is empty"),
        (lambda r: model(r, name="My-Model"), "a-z, 0-9 and _"),
        (lambda r: model(r, name=""), "a-z, 0-9 and _"),
        (lambda r: r.component("metrics", "x", "module.Class", summary="s"), "not of the form 'package.module:Class'"),
        (lambda r: model(r, uses=("solver", "grid")), "uses names solver; it may name schedule, grid, guidance"),
        (lambda r: model(r, defaults={"shedule": "edm"}), "defaults names 'shedule'; a model may bring sampler"),
        (lambda r: model(r, defaults={"report": "csv"}), "defaults names 'report'"),
        (lambda r: model(r, sampler=""), r"defaults\['sampler'\] must be the name of an option"),
        (lambda r: [model(r), model(r)], "it is registered twice"),
        (lambda r: model(r, options=make_dataclass("O", [("w", int)])), "option 'w' has no default"),
        (lambda r: model(r, options=with_option(int, 1, "name")), "cannot be called 'name'"),
        (lambda r: model(r, options=with_option(int, 1, "defaults")), "cannot be called 'defaults'"),
        (lambda r: model(r, options=make_dataclass("O", [("w", int, field(default=1, init=False))])), "init=False"),
        (lambda r: model(r, options=with_option("Missing", 1)), "types of its options cannot be read"),
        (lambda r: model(r, options=with_option(Callable[[], int], len)), "option 'o' is .*Callable"),
        (lambda r: model(r, options=with_option(set[int], {1})), r"option 'o' is set\[int\]: an option is a bool"),
        (lambda r: model(r, options=with_option(int | str, 1)), r"only X \| None can be an option"),
        (lambda r: model(r, options=with_option(tuple[int, ...], (1,))), r"write list\[\.\.\.\]"),
        (lambda r: model(r, options=with_option(list[tuple[int, int]], [])), r"write list\[\.\.\.\]"),
        (lambda r: model(r, options=with_option(Literal["a"], "a")), "option 'o' is .*Literal"),
        (lambda r: model(r, options=with_option(object, 1)), "option 'o' is object"),
        (lambda r: model(r, options=with_option(dict[tuple[int], int], {})), "keys of a dict"),
        (lambda r: model(r, options=with_option(int, "x")), "option 'o' is int, but its default is 'x'"),
        (lambda r: model(r, options=with_option(int, 1.5)), "its default is 1.5"),
        (lambda r: model(r, options=with_option(int, True)), "its default is True"),
        (lambda r: model(r, options=with_option(str, None)), "its default is None"),
        (lambda r: model(r, options=with_option(Mode, "fast")), "its default is 'fast'"),
        (lambda r: model(r, options=with_option(list[int], ["x"])), r"its default is \['x'\]"),
        (lambda r: model(r, options=with_option(dict[str, int], {"a": "x"})), "its default is {'a': 'x'}"),
        (
            lambda r: model(r, options=with_option(Any, with_option(set[int], {1})())),
            r"option 'o\.o' is set\[int\]",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_registered_is_refused_when_it_is_made(register: Callable[[Registrar], Any], words: str) -> None:
    with pytest.raises(RegistrationError, match=words) as refused:
        register(Registrar("mine"))
    assert " of mine: " in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("hint", "default"),
    [
        (bool, True), (int, 1), (float, 1.5), (float, 1), (str, "a"), (bytes, b"a"), (Path, Path("a")),
        (Mode, Mode.fast), (int | None, None), (Mode | None, Mode.slow), (Inner, Inner()), (Inner | None, None),
        (list[int], [1]), (list[Mode], []), (list[list[float]], [[1.0]]), (list[Inner], [Inner()]),
        (dict[str, int], {"a": 1}), (dict[Mode, str], {}), (list[str] | None, ["a"]), (Any, 3),
        (list, [1]), (dict, {}), (list[int | None], [None]),
    ],
)  # fmt: skip
def test_every_type_that_is_accepted_is_one_that_a_config_can_hold(hint: Any, default: Any) -> None:
    options = with_option(hint, default)
    model(Registrar("mine"), options=options)
    composed = OmegaConf.to_object(OmegaConf.structured(options))
    assert composed == options()


# ------------------------------------------------------------------------------------------------------------- clashes


def test_a_name_of_the_core_is_refused_to_a_plugin() -> None:
    registry = Registry()
    registry.value("sampler", "heun", Value, summary="the core's")
    with pytest.raises(RegistrationError, match="sampler 'heun' of mine: genbench itself brings one"):
        registry.registrar("mine").value("sampler", "heun", Value, summary="mine")
    assert registry.get("sampler", "heun").provider == "genbench"


def test_a_name_that_two_plugins_claim_is_refused_to_both() -> None:
    registry = Registry()
    for provider in ("one", "two", "three"):
        registrar = registry.registrar(provider)
        model(registrar, name=f"of_{provider}")
        if provider != "three":
            model(registrar, name="both")
        registry.add(registrar)
    assert registry.clashes() == {("model", "both"): ("one", "two")}
    assert registry.names("model") == ["of_one", "of_three", "of_two"]
    assert {entry.name for entry in registry} == {"of_one", "of_two", "of_three"}
    with pytest.raises(UnknownNameError, match="model 'both' is registered by one and by two, so none of them has it"):
        registry.get("model", "both")


def test_what_a_plugin_registered_counts_only_once_it_is_added() -> None:
    registry = Registry()
    model(registry.registrar("half"), name="taken")
    whole = registry.registrar("whole")
    model(whole, name="taken")
    registry.add(whole)
    assert registry.get("model", "taken").provider == "whole"

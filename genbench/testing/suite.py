"""What every conformance suite has: the registered thing, with options, and tests of how it was registered."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar

import pytest

from genbench.discovery.plugins import load_plugins
from genbench.registry.choice import Choice
from genbench.registry.code import SourceError, code
from genbench.registry.entries import Entry
from genbench.registry.kinds import KINDS
from genbench.registry.registrar import CORE
from genbench.testing.processes import compositions, imports_torch, uncomposable


class Suite:
    """Subclass one of its subclasses with the `name` that something of its `kind` is registered by. `options` are set
    on its dataclass of options (those of options inside options as nested dicts).
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def entry(cls) -> Entry:
        """What is registered under the name."""
        plugins = load_plugins()
        if cls.name not in plugins.registry.names(cls.kind):
            broken = [f"plugin '{s.name}' is broken: {s.error}" for s in plugins.statuses if s.status == "broken"]
            pytest.fail(
                "; ".join(
                    (f"no plugin registers {cls.kind}={cls.name}: is yours installed (pip install -e .)?", *broken)
                )
            )
        return plugins.registry.get(cls.kind, cls.name)

    @classmethod
    def choice(cls) -> Choice:
        """It with the options of the suite."""
        entry = cls.entry()
        return Choice(entry, changed(entry.options(), cls.options))

    @classmethod
    def build(cls) -> Any:
        """The value itself, or what the component gives for the options."""
        choice = cls.choice()
        return choice.options if KINDS[cls.kind].value else choice.build()

    # ---------------------------------------------------------------------------------------------- registration

    def test_the_plugin_registers_without_importing_torch(self) -> None:
        problem = imports_torch(self.entry().provider)
        assert problem is None, (
            "the plugin's top module imports torch, so that every `genbench --help` takes seconds: register components"
            " as 'module:Class', keep options and values in modules without torch, and import what only type checkers"
            f" need under TYPE_CHECKING. {problem}"
        )

    def test_it_and_its_presets_compose(self) -> None:
        entry = self.entry()
        if entry.provider == CORE or not KINDS[entry.kind].group:
            pytest.skip("no config group of a plugin")
        overrides = list(compositions(entry))
        if not overrides:
            pytest.skip("no model is installed that a run could be composed with")
        failures = uncomposable(overrides)
        assert not failures, "; ".join(f"`genbench run --cfg=job {words}`: {why}" for words, why in failures.items())

    def test_its_code_can_be_followed(self) -> None:
        target = self.entry().target
        try:
            parts = code(target).parts
        except SourceError as error:
            pytest.fail(
                f"results are named by the code that made them, and that of '{self.name}' has no source: {error}"
            )
        assert parts, f"'{target}' leads to no definition of the plugin: register what is defined in its own package"


class ValueSuite(Suite):
    """Of kinds whose members are immutable values: their fields are their options."""

    def test_it_is_an_immutable_value(self) -> None:
        value = self.build()
        assert value == self.build(), "two of the same value are not equal: make it a @dataclass(frozen=True)"
        assert type(value).__dataclass_params__.frozen, "its options can be changed: make it a @dataclass(frozen=True)"
        assert pickle.loads(pickle.dumps(value)) == value, (
            "it does not survive pickling, which takes plans to other processes: keep plain values in its fields only"
        )


def changed(options: Any, changes: Mapping[str, Any], where: str = "") -> Any:
    """Options (a dataclass, perhaps of dataclasses) with some of them replaced. Raises ValueError for unknown names."""
    names = [option.name for option in fields(options)]
    if unknown := sorted(set(changes) - set(names)):
        raise ValueError(f"there is no option '{where}{unknown[0]}' to set; there are {', '.join(names) or 'none'}")
    now = {name: getattr(options, name) for name in changes}
    return replace(
        options,
        **{
            name: changed(now[name], value, f"{where}{name}.") if is_dataclass(now[name]) else value
            for name, value in changes.items()
        },
    )


def assert_reason(reason: Any, what: str) -> None:
    """A refusal of `what` is a sentence that helps."""
    assert reason is not None, f"unsupported() accepts {what}: return a sentence that says what would work"
    assert isinstance(reason, str), f"unsupported() answers {what} with {reason!r}: return a sentence, or None"
    assert len(reason.split()) > 3, f"unsupported() refuses {what} with '{reason}': say why, and what would work"

"""What names mean: which edits of a helper change the digest of the function that is asked for."""

from __future__ import annotations

import importlib

import pytest

import genbench
from genbench.registry.code import SourceError
from genbench.registry.program import NOT_FOLLOWED, program
from genbench.registry.reading import Definition

USED, UNUSED = "def used(x): return x + 1", "def unused(x): return x + 2"
HELPERS = f"{USED}\n{UNUSED}\n"

REACHES = {
    "import from": ("from helper import used", "return used(1)"),
    "import as": ("from helper import used as u", "return u(1)"),
    "module": ("import helper", "return helper.used(1)"),
    "module as": ("import helper as h", "return h.used(1)"),
    "star": ("from helper import *", "return used(1)"),
    "local import": ("", "from helper import used\n    return used(1)"),
    "local module": ("", "import helper\n    return helper.used(1)"),
    "local import that is not used": ("", "from helper import used\n    return 1"),
    "local import in a nested function": ("", "def inner():\n        import helper as h\n        h.used(1)"),
    "name passed on": ("from helper import used", "return map(used, x)"),
    "lambda": ("from helper import used", "return lambda x: used(x)"),
    "default": ("from helper import used", "def inner(f=used): ...\n    return inner"),
    "decorator": ("from helper import used", "@used\n    def inner(): ...\n    return inner"),
    "base": ("from helper import used", "class Inner(used): ...\n    return Inner"),
    "comprehension": ("from helper import used", "return [used(i) for i in x]"),
    "first iterable of a comprehension": ("from helper import used", "return [used for used in used(x)]"),
    "condition of a comprehension": ("from helper import used", "return {i: 1 for i in x if used(i)}"),
    "f-string": ("from helper import used", "return f'{used(x):>3}'"),
    "match": ("import helper", "match x:\n        case helper.used: return 1"),
    "conditional import": ("try:\n    from helper import used\nexcept ImportError:\n    used = None", "return used(1)"),
    "assignment": ("from helper import used\nu = used", "return u(1)"),
    "assignment over an import": ("from helper import used\nused = used", "return used(1)"),
    "augmented assignment": ("import helper\nu = []\nu += [helper.used]", "return u"),
    "unpacking": ("import helper\nu, v = helper.used, 1", "return v"),
    "table": ("import helper\nTABLE = {'a': helper.used}", "return TABLE['a']"),
    "global": ("from helper import used", "global used\n    used = used(1)"),
    "class attribute": ("import helper\nclass C:\n    u = helper.used", "return C"),
    "statement of the module": ("import helper\nhelper.used(1)", "return 1"),
    "loop of the module": ("import helper\nfor i in range(3):\n    helper.used(i)", "return 1"),
    "decorated function": ("from helper import used\n@used\ndef g(): ...", "return g"),
    "function that a decorator registers": (
        "import helper\nTABLE = {}\ndef register(g): TABLE[g.__name__] = g\n@register\ndef g(): return helper.used(1)",
        "return TABLE",
    ),
    "class that a decorator registers": (
        "import helper\nTABLE = {}\nclass Register:\n    def name(self, n): return TABLE\nregister = Register()\n"
        "@register.name('x')\nclass C: y = helper.used",
        "return TABLE",
    ),
    "conditional function": ("import sys, helper\nif sys:\n    def g(): return helper.used(1)", "return g()"),
    "module handed on": ("import helper", "return getattr(helper, x)"),
    "shadowed elsewhere": ("from helper import used", "def inner(used): return used\n    return used(inner(x))"),
    "class scope is not seen in methods": (
        "from helper import used\nclass C:\n    used = 1\n    def m(self): return used(1)",
        "return C",
    ),
}  # fmt: skip

DOES_NOT_REACH = {
    "parameter": ("from helper import used", "def inner(used): return used\n    return inner"),
    "local variable": ("from helper import used", "used = 1\n    return used"),
    "name of a comprehension": ("from helper import used", "return [used for used in x]"),
    "name of a loop": ("from helper import used", "for used in x: print(used)"),
    "walrus": ("from helper import used", "return (used := 1) + used"),
    "walrus in a comprehension": ("from helper import used", "a = [used := i for i in x]\n    return used"),
    "caught error": ("from helper import used", "try: pass\n    except OSError as used: print(used)"),
    "captured pattern": ("from helper import used", "match x:\n        case [used]: return used"),
    "attribute of something else": ("from helper import used", "return x.used"),
    "keyword": ("from helper import used", "return x(used=1)"),
    "string": ("from helper import used", "return 'used'"),
    "annotation": ("from helper import used", "y: used = 1\n    return y"),
    "raise": ("from helper import used", "raise ValueError(used(1))"),
    "import alone": ("from helper import used", "return 1"),
    "type checking": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from helper import used", "return 1"),
    "function that nobody calls": ("from helper import used\ndef g(): return used(1)", "return 1"),
    "name in a class": ("from helper import used", "class C:\n        used = 1\n        other = used\n    return C"),
}  # fmt: skip


def source(head: str, body: str) -> str:
    return f"{head}\ndef f(x=None):\n    {body}\n"


@pytest.mark.parametrize("case", REACHES)
def test_a_helper_that_is_named_counts(tree, case: str) -> None:
    tree.write("main.py", source(*REACHES[case]))
    tree.write("helper.py", HELPERS)
    before = tree.code("main:f")
    tree.write("helper.py", HELPERS.replace("+ 1", "+ 3"))
    assert tree.code("main:f").digest != before.digest
    tree.write("helper.py", HELPERS.replace("+ 2", "+ 3"))
    everything = case == "module handed on"
    assert (tree.code("main:f").digest != before.digest) == everything


@pytest.mark.parametrize("case", DOES_NOT_REACH)
def test_a_helper_that_is_not_named_does_not_count(tree, case: str) -> None:
    tree.write("main.py", source(*DOES_NOT_REACH[case]))
    tree.write("helper.py", HELPERS)
    before = tree.code("main:f").digest
    tree.write("helper.py", HELPERS.replace("+ 1", "+ 3"))
    assert tree.code("main:f").digest == before


def test_cyclic_imports_and_definitions_end(tree) -> None:
    tree.write("main.py", "import other\ndef f(x): return other.g(x - 1) if x else VALUE\nVALUE = 1\n")
    tree.write("other.py", "from main import f\ndef g(x): return f(x) if x else h(x)\ndef h(x): return g(x)\n")
    parts = tree.code("main:f").parts
    assert set(parts) == {"VALUE", "f", "g", "h"}
    tree.write("loop.py", "from pool import thing\n")
    tree.write("pool.py", "from loop import thing\n")
    tree.write("main.py", "from loop import thing\ndef f(): return thing\n")
    assert set(tree.code("main:f").parts) == {"f"}


def test_two_definitions_of_one_name_both_count(tree) -> None:
    tree.write("main.py", "import a, b\ndef f(): return a.check() + b.check()\n")
    tree.write("a.py", "def check(): return 1\n")
    tree.write("b.py", "def check(): return 2\n")
    seen = {tree.code("main:f").digest}
    tree.edit("a.py", "1", "3")
    seen.add(tree.code("main:f").digest)
    tree.edit("b.py", "2", "4")
    seen.add(tree.code("main:f").digest)
    assert len(seen) == 3


def test_another_definition_under_the_same_local_name_counts(tree) -> None:
    tree.write("main.py", "from helper import used as u, unused\ndef f(): return u(1), unused\n")
    tree.write("helper.py", HELPERS)
    before = tree.code("main:f").digest
    tree.write("main.py", "from helper import unused as u, used as unused\ndef f(): return u(1), unused\n")
    assert tree.code("main:f").digest != before


def test_packages_submodules_and_facades(tree) -> None:
    tree.write("pack/__init__.py", "from pack.facade import used\n")
    tree.write("pack/facade.py", "from .deep.helper import used\nfrom . import deep\n")
    tree.write("pack/deep/__init__.py", "")
    tree.write("pack/deep/helper.py", HELPERS)
    tree.write("a.py", "import pack.deep.helper\ndef f(): return pack.deep.helper.used(1)\n")
    tree.write("b.py", "from pack import used\ndef f(): return used(1)\n")
    tree.write("c.py", "from pack.deep import helper\ndef f(): return helper.used(1)\n")
    tree.write("d.py", "from pack import facade\ndef f(): return facade.deep.helper.used(1)\n")
    tree.write("e.py", "from pack.deep.helper import used\ndef f(): return used(1)\n")
    digests = {tree.code(f"{name}:f").digest for name in "abcde"}
    assert len(digests) == 1, "the same definition, however it is imported"
    tree.edit("pack/deep/helper.py", "+ 1", "+ 3")
    assert {tree.code(f"{name}:f").digest for name in "abcde"}.isdisjoint(digests)


def test_lazily_exported_names_are_found_through_what_type_checkers_see(tree) -> None:
    lazy = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from lazy.helper import used as used
        def __getattr__(name): ...
    """
    tree.write("lazy/__init__.py", lazy)
    tree.write("lazy/helper.py", HELPERS)
    tree.write("main.py", "from lazy import used\ndef f(): return used(1)\n")
    before = tree.code("main:f")
    assert set(before.parts) == {"f", "used"}
    tree.edit("lazy/helper.py", "+ 1", "+ 3")
    assert tree.code("main:f").digest != before.digest
    tree.write("main.py", "from lazy import unused\ndef f(): return unused(1)\n")
    with pytest.raises(SourceError, match="'unused' of module 'lazy' is made when it is asked for"):
        tree.code("main:f")


def test_every_export_of_genbench_is_found() -> None:
    for name, module in genbench.EXPORTS.items():
        assert program().member("genbench", name) == Definition(module, name)


def test_what_is_not_followed_is_there_and_does_not_count(tree) -> None:
    for module in NOT_FOLLOWED:
        assert importlib.import_module(module)
    tree.write("main.py", "from genbench import Stage, StageSpec\nclass S(Stage):\n    spec = StageSpec\n")
    assert set(tree.code("main:S").parts) == {"S"}


def test_genbench_is_followed_from_a_plugin(tree) -> None:
    tree.write("main.py", "from genbench.drawing.noise import normal\ndef f(keys): return normal(keys, 0, (3,))\n")
    assert {"f", "normal", "normal_table.npy"} <= set(tree.code("main:f").parts)


CONTRACT = """
    class Contract:
        def begin(self): pass
        def state(self): return self.modules()
        def load_state(self, state): self.other(DEFAULT)
        def other(self, x): return x
        def modules(self): raise NotImplementedError
    DEFAULT = 1
"""


def test_a_default_of_a_contract_counts_for_what_resolves_to_it(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NOT_FOLLOWED, "contract", "a test")
    tree.write("contract.py", CONTRACT)
    tree.write("main.py", "from contract import Contract\nclass S(Contract):\n    def state(self): return {}\n")

    def parts() -> dict[str, str]:
        return dict(tree.code("main:S", contract=("begin", "state")).parts)

    before = parts()
    assert set(before) == {"S", "Contract.begin"}
    tree.edit("contract.py", "return self.modules()", "return None")
    tree.edit("contract.py", "    def other", "    def added(self): pass\n    def other")
    assert parts() == before
    tree.edit("contract.py", "def begin(self): pass", "def begin(self): return 1")
    assert parts() != before
    some = ("main:S", ("state",))
    assert set(tree.code(some, contract=("begin",)).parts) == {"S", "S.state", "Contract.begin"}
    assert set(tree.code(some).parts) == {"S", "S.state"}


def test_parts_of_a_class_follow_self_cls_super_and_the_class(tree) -> None:
    tree.write(
        "main.py",
        """
        class Top:
            def m(self): return 1
            def n(self): return 2
        class Mixin:
            def m(self): return 3
        class Base(Top):
            size = 3
            def m(self): return super().m()
            @property
            def area(self): return self.size ** 2
            @staticmethod
            def plain(self): return self.never
            def never(self): return 0
        class C(Base, Mixin):
            rate = 1
            def __init__(self): self.k = 1
            def __len__(self): return 1
            def start(self): return self.area + C.rate + self.k + self.plain(1)
            @classmethod
            def make(cls): return cls.named()
            @classmethod
            def named(cls): return 1
            def nested(self):
                def inner(): return [self.m() for i in range(3)]
                def other(self): return self.never()
                return inner, other
            def handed(self): return call(self)
            def called(self): return 1
            def whole(self): return C()
        def call(c): return c.called()
        """,
    )  # fmt: skip

    def parts(*methods: str) -> set[str]:
        return set(tree.code(("main:C", methods)).parts) - {"C", "C.__init__", "C.__len__", "Base", "Mixin", "Top"}

    assert parts("start") == {"C.start", "C.rate", "Base.area", "Base.plain", "Base.size"}
    assert parts("make") == {"C.make", "C.named"}
    assert parts("nested") == {"C.nested", "Base.m", "Top.m", "Mixin.m"}
    assert parts("handed") == {"C.handed", "C.called", "call"}
    assert parts("n") == {"Top.n"}
    assert parts("missing") == set()
    assert {"C.whole", "call"} <= parts("whole")


def test_a_class_that_is_defined_in_two_ways_counts_whole(tree) -> None:
    tree.write(
        "main.py",
        """
        try:
            import fast
            class C:
                def m(self): return fast
        except ImportError:
            class C:
                n = 1
        """,
    )
    before = tree.code(("main:C", ("m",))).digest
    tree.edit("main.py", "n = 1", "n = 2")
    assert tree.code(("main:C", ("m",))).digest != before


def test_what_is_defined_inside_a_function_stands_for_it(tree) -> None:
    tree.write(
        "main.py", "def make():\n    class Inner: x = 1\n    return Inner\nclass Outer:\n    class Nested: y = 1\n"
    )
    assert set(tree.code("main:make.<locals>.Inner").parts) == {"make"}
    assert set(tree.code("main:Outer.Nested").parts) == {"Outer"}

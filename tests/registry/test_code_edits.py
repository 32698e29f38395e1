"""What an edit of a plugin changes: nothing, what is learnt, what is drawn, or both."""

from __future__ import annotations

import pytest

SOURCES = {
    "tiny/__init__.py": '''
        """Registers nothing here."""
        from tiny.options import Options
    ''',
    "tiny/options.py": """
        from dataclasses import dataclass

        @dataclass
        class Options:
            width: int = 4
            unused: int = 3

            @property
            def doubled(self):
                return 2 * self.width

            @property
            def tripled(self):
                return 3 * self.width
    """,
    "tiny/model.py": '''
        """A model."""
        from __future__ import annotations

        import math
        from typing import TYPE_CHECKING

        import torch
        from torch import nn

        from genbench import Generator, Runner, Stage, StageSpec
        from tiny import parts
        from tiny.network import Network as Net
        from tiny.network import scaled

        if TYPE_CHECKING:
            from tiny.options import Options

        RATE = 1e-3
        torch.backends.cudnn.benchmark = True

        class Base(Generator):
            def load_state(self, state):
                self.take(state)

            def take(self, state):
                self.network = state["net"]

        class Model(Base):
            """Learns and draws."""

            shape = (1, 8, 8)
            unread = 5

            def __init__(self, config: Options, data, schedule=None):
                self.config, self.network = config, Net(config.doubled)

            @classmethod
            def plan(cls, config, data):
                return (Learner,)

            @classmethod
            def unsupported(cls, config, data, draw, schedule) -> str | None:
                """Asked before."""
                return "tiny draws nothing" if data is None else None

            def prepare(self, draw):
                if draw is None:
                    raise ValueError(f"cannot draw {draw} of {self.shape}")
                return Drawer(self)

            def width(self):
                return self.shape[2]

            def unused(self):
                return 1

        class Drawer(Runner):
            def __init__(self, model):
                self.networks = {"net": model.network}
                self.size = model.width()

            def run(self, request):
                return parts.noisy(request.keys, self.size)

        class Learner(Stage):
            def __init__(self, options, data, schedule, before):
                self.net = Net(options.width)

            @classmethod
            def spec(cls, options):
                return StageSpec(budget=options.budget, batch_size=64)

            def modules(self):
                return {"net": self.net}

            def optimizers(self):
                return {"adam": torch.optim.Adam(self.net.parameters(), RATE)}

            def step(self, batch, update):
                from tiny.losses import squared as distance

                loss = distance(self.net(batch.images), batch.images)
                update(loss, "adam")
                return {"loss": loss.detach()}

        def nobody():
            return math.pi
    ''',
    "tiny/network.py": '''
        from functools import partial

        from torch import nn
        from torch.nn import functional as F

        SLOPE = 0.1

        class Network(nn.Module):
            """A network."""
            kind = "plain"

            def __init__(self, width: int) -> None:
                super().__init__()
                self.layer = nn.Linear(width, width)

            def forward(self, x):
                y: float = scaled(x)
                assert y is not None, "nothing came"
                return F.leaky_relu(self.layer(y), SLOPE)

        def scaled(x):
            def inner(factor=HALF):
                return [scale * factor for scale in x]
            return inner()

        HALF = 0.5
        scale = "not the one in the comprehension"
        partial(print, "loaded")
    ''',
    "tiny/parts.py": """
        from tiny.tables import *

        try:
            from tiny.fast import smooth
        except ImportError:
            def smooth(x):
                return x / 2

        def noisy(keys, size, dtype=float):
            table = open("table.npy")
            return smooth(mix(keys)), table, size

        def _private(): ...
    """,
    "tiny/tables.py": """
        def mix(x):
            return x * GOLDEN

        GOLDEN = 0x9E37
        SILVER = 2
    """,
    "tiny/losses.py": '''
        def squared(x, y):
            """The loss."""
            return checked(x - y) ** 2

        def checked(x):
            if x is None:
                raise TypeError("no loss")
            return x

        def absolute(x, y):
            return abs(squared(x, y))
    ''',
    "tiny/table.npy": "numbers",
    "tiny/other.npy": "numbers",
    "tiny/README.md": "words",
    "tiny/conf/model/tiny.yaml": "width: 4",
}

LEARNER = "tiny.model:Learner"
DRAWER = ("tiny.model:Model", ("__init__", "load_state", "prepare"))

NOTHING: set[str] = set()
LEARNT, DRAWN, BOTH = {"learner"}, {"drawer"}, {"learner", "drawer"}

EDITS = {
    # words, places and what is not used
    "unused function": ("tiny/model.py", "return math.pi", "return math.e", NOTHING),
    "unused class": ("tiny/losses.py", "def absolute", "class New: x = 1\n\ndef absolute", NOTHING),
    "unused method": ("tiny/model.py", "return 1\n", "return 2\n", NOTHING),
    "method added": ("tiny/model.py", "    def unused", "    def added(self): return 0\n\n    def unused", NOTHING),
    "refusal": ("tiny/model.py", "tiny draws nothing", "tiny cannot draw this", NOTHING),
    "plan of another stage": ("tiny/model.py", "return (Learner,)", "return (Learner, Learner)", NOTHING),
    "error": ("tiny/model.py", 'f"cannot draw {draw} of {self.shape}"', "repr(self.unused())", NOTHING),
    "error of a helper": ("tiny/losses.py", 'TypeError("no loss")', 'ValueError("there is no loss")', NOTHING),
    "assertion's message": ("tiny/network.py", "nothing came", "no input came", NOTHING),
    "docstring": ("tiny/network.py", '"""A network."""', '"""One layer."""', NOTHING),
    "docstring removed": ("tiny/losses.py", '"""The loss."""', "", NOTHING),
    "docstring of the module": ("tiny/model.py", '"""A model."""', "", NOTHING),
    "comment": ("tiny/losses.py", "    return x\n", "    # as it is\n    return x\n", NOTHING),
    "format": ("tiny/losses.py", "squared(x, y)", "squared(\n  x,\n  y,\n)", NOTHING),
    "argument's annotation": ("tiny/network.py", "width: int", "width: float", NOTHING),
    "annotation added": ("tiny/losses.py", "def checked(x)", "def checked(x: float) -> float", NOTHING),
    "variable's annotation": ("tiny/network.py", "y: float = scaled", "y = scaled", NOTHING),
    "import for type checkers": ("tiny/model.py", "    from tiny.options import", "    from tiny.what import", NOTHING),
    "overload": (
        "tiny/losses.py",
        "def checked",
        "from typing import overload\n@overload\ndef checked(x: int): ...\ndef checked",
        NOTHING,
    ),
    "alias of an import": ("tiny/model.py", "distance", "gap", NOTHING),
    "import at the top": ("tiny/model.py", "from tiny import parts\n", "from tiny import parts, losses\n", NOTHING),
    "option's default": ("tiny/options.py", "width: int = 4", "width: int = 5", NOTHING),
    "unused option": ("tiny/options.py", "    unused: int = 3", "    more: int = 1", NOTHING),
    "name of a comprehension": ("tiny/network.py", "not the one", "never the one", NOTHING),
    "unused name of a star": ("tiny/tables.py", "SILVER = 2", "SILVER = 3", NOTHING),
    "unused class attribute": ("tiny/model.py", "unread = 5", "unread = 6", NOTHING),
    "run as a script": ("tiny/losses.py", "def absolute", 'if __name__ == "main": print()\n\ndef absolute', NOTHING),
    "preset": ("tiny/conf/model/tiny.yaml", "4", "5", NOTHING),
    "page": ("tiny/README.md", "words", "other words", NOTHING),
    "data that nobody reads": ("tiny/other.npy", "numbers", "others", NOTHING),
    # what is used
    "loss": ("tiny/losses.py", "** 2", "** 4", LEARNT),
    "helper of the loss": ("tiny/losses.py", "    return x\n", "    return 2 * x\n", LEARNT),
    "constant": ("tiny/model.py", "RATE = 1e-3", "RATE = 2e-3", LEARNT),
    "spec": ("tiny/model.py", "batch_size=64", "batch_size=32", LEARNT),
    "runner": ("tiny/model.py", "return parts.noisy", "return 1 - parts.noisy", DRAWN),
    "method that a runner calls": ("tiny/model.py", "self.shape[2]", "self.shape[1]", DRAWN),
    "class attribute of such a method": ("tiny/model.py", "(1, 8, 8)", "(1, 4, 4)", DRAWN),
    "inherited method": ("tiny/model.py", "self.take(state)", "self.take(dict(state))", DRAWN),
    "method of one's own in it": ("tiny/model.py", 'state["net"]', 'state["ema"]', DRAWN),
    "method that overrides it": ("tiny/model.py", "    def width", "    take = print\n\n    def width", DRAWN),
    "star": ("tiny/tables.py", "0x9E37", "0x9E38", DRAWN),
    "one of two definitions": ("tiny/parts.py", "return x / 2", "return x / 3", DRAWN),
    "default of an argument": ("tiny/parts.py", "dtype=float", "dtype=int", DRAWN),
    "data that is read": ("tiny/table.npy", "numbers", "others", DRAWN),
    "network": ("tiny/network.py", "self.layer(y)", "self.layer(-y)", BOTH),
    "class attribute of a network": ("tiny/network.py", '"plain"', '"rich"', BOTH),
    "nested function": ("tiny/network.py", "scale * factor", "scale + factor", BOTH),
    "default in a nested function": ("tiny/network.py", "HALF = 0.5", "HALF = 0.25", BOTH),
    "constant in a method": ("tiny/network.py", "SLOPE = 0.1", "SLOPE = 0.2", BOTH),
    "other function of a library": ("tiny/network.py", "functional as F", "modules as F", BOTH),
    "other definition under a name": ("tiny/network.py", "def scaled(x):", "@partial\ndef scaled(x):", BOTH),
    "what a module does": ("tiny/network.py", '"loaded"', '"read"', BOTH),
    "what a module sets": ("tiny/model.py", "benchmark = True", "benchmark = False", BOTH),
    "assertion": ("tiny/network.py", "assert y is not None", "assert y is None", BOTH),
    "what a package does": ("tiny/__init__.py", "from tiny.options", "print()\nfrom tiny.options", BOTH),
}  # fmt: skip


@pytest.fixture
def tiny(tree):
    for name, content in SOURCES.items():
        tree.write(name, content)
    return tree


def digests(tiny) -> dict[str, str]:
    return {"learner": tiny.code(LEARNER).digest, "drawer": tiny.code(DRAWER).digest}


@pytest.mark.parametrize("edit", EDITS)
def test_what_an_edit_changes(tiny, edit: str) -> None:
    name, old, new, expected = EDITS[edit]
    before = digests(tiny)
    tiny.edit(name, old, new)
    after = digests(tiny)
    assert {key for key in before if before[key] != after[key]} == expected


def test_parts_say_what_was_reached(tiny) -> None:
    assert set(tiny.code(LEARNER).parts) == {
        "HALF", "Learner", "Network", "RATE", "SLOPE", "checked", "scaled", "squared", "statements",
    }  # fmt: skip
    assert set(tiny.code(DRAWER).parts) == {
        "Base", "Base.load_state", "Base.take", "Drawer", "GOLDEN", "HALF", "Model", "Model.__init__", "Model.prepare",
        "Model.shape", "Model.width", "Network", "SLOPE", "mix", "noisy", "scaled", "smooth", "statements", "table.npy",
    }  # fmt: skip
    before = tiny.code(LEARNER).parts
    tiny.edit("tiny/losses.py", "** 2", "** 4")
    after = tiny.code(LEARNER).parts
    assert [name for name in before if before[name] != after[name]] == ["squared"]


def test_methods_of_what_is_given_count_where_they_are_named(tiny) -> None:
    from importlib import import_module

    def digest() -> str:
        tiny.code()
        return tiny.code(DRAWER, given=[import_module("tiny.options").Options()]).digest

    before = digest()
    tiny.edit("tiny/options.py", "width: int = 4", "width: int = 5")
    tiny.edit("tiny/options.py", "3 * self.width", "4 * self.width")
    assert digest() == before
    tiny.edit("tiny/options.py", "2 * self.width", "self.width + self.width")
    assert digest() != before


def test_definitions_may_move(tiny) -> None:
    before = digests(tiny)
    for name in ("squared", "checked"):
        source = (tiny.folder / "tiny/losses.py").read_text()
        start = source.index(f"def {name}")
        end = source.index("\ndef ", start)
        tiny.write("tiny/losses.py", source[:start] + source[end:])
        moved = tiny.folder / "tiny/deep/moved.py"
        tiny.write("tiny/deep/moved.py", (moved.read_text() if moved.exists() else "") + source[start:end] + "\n")
    tiny.write("tiny/deep/__init__.py", "")
    tiny.edit(
        "tiny/model.py",
        "from tiny.losses import squared as distance",
        "from tiny.deep.moved import squared as distance",
    )
    assert digests(tiny) == before
    tiny.edit("tiny/deep/moved.py", "** 2", "** 4")
    assert digests(tiny)["learner"] != before["learner"]


def test_a_class_may_move_to_where_it_is_re_exported(tiny) -> None:
    before = digests(tiny)
    tiny.write("tiny/nets.py", (tiny.folder / "tiny/network.py").read_text())
    tiny.write("tiny/network.py", "from .nets import Network, scaled\n")
    assert digests(tiny) == before

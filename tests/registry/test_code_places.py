"""Where code lies, what belongs to a plugin, which libraries it calls, and what is read again when."""

from __future__ import annotations

import importlib
import sys
import textwrap
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from genbench.registry import sources
from genbench.registry.code import SourceError, code, libraries
from genbench.registry.entries import NoOptions

MODEL = """
    import json
    import yonder.parts
    import torch.nn as nn
    from alpha_helpers import scale
    from genbench.drawing.seeds import mix

    class Model(nn.Module):
        def forward(self, x):
            import elsewhere
            return yonder.parts.join(scale(x), mix(1), json.dumps({}), elsewhere.there)

        def other(self):
            import nowhere
            return nowhere

    def alone():
        return json.dumps(1)
"""
HELPERS = "def scale(x): return x * FACTOR\nFACTOR = 2\n"
YONDER = "def join(*parts): return parts\n"


def distribution(tree, folder: str, name: str, version: str, modules: dict[str, str]) -> None:
    """What pip leaves behind."""
    for module, content in modules.items():
        tree.write(f"{folder}/{module}/__init__.py", "")
        tree.write(f"{folder}/{module}/parts.py", content)
    info = f"{folder}/{name.replace('-', '_')}-{version}.dist-info"
    tree.write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    tree.write(f"{info}/top_level.txt", "\n".join(modules))


@pytest.fixture
def places(tree, monkeypatch: pytest.MonkeyPatch):
    """A plugin and a library, "yonder", in site-packages; the plugin again as sources and as loose files."""
    distribution(tree, "site", "yonder-lib", "1.5", {"yonder": YONDER})
    distribution(tree, "site", "genbench-alpha", "0.1", {"alpha": MODEL, "alpha_helpers": HELPERS})
    for folder in ("site", "editable"):
        tree.write(f"{folder}/alpha/__init__.py", "")
        tree.write(f"{folder}/alpha/parts.py", MODEL)
        tree.write(f"{folder}/alpha_helpers/__init__.py", HELPERS)
    tree.write("loose/alpha.py", MODEL)
    tree.write("loose/alpha_helpers.py", HELPERS)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def place(folder: str) -> str:
        """The root of the plugin that lies there; where it is not installed, its library still is."""
        sources.distributions.cache_clear()
        sys.path[:] = [path for path in sys.path if not path.startswith(str(tree.folder))]
        sys.path[:0] = [str(tree.folder / folder), str(tree.folder / "site")]
        return "alpha:Model" if folder == "loose" else "alpha.parts:Model"

    yield place
    sources.distributions.cache_clear()


def test_installed_editable_and_loose_copies_are_one(tree, places) -> None:
    digests = {folder: tree.code(places(folder)).parts for folder in ("site", "editable", "loose")}
    assert {"FACTOR", "Model", "mix", "scale"} <= digests["site"].keys()
    assert "join" not in digests["site"]
    assert digests["site"] == digests["editable"] == digests["loose"]
    tree.write("site/alpha_helpers/__init__.py", HELPERS.replace("2", "3"))
    assert tree.code(places("site")).parts != digests["site"]


def test_another_distribution_is_no_part_of_the_plugin(tree, places) -> None:
    root = places("site")
    before = tree.code(root).parts
    tree.write("site/yonder/parts.py", YONDER.replace("parts\n", "parts[0]\n"))
    assert tree.code(root).parts == before


@pytest.mark.parametrize("folder", ["site", "editable", "loose"])
def test_libraries_are_those_that_are_called(tree, places, folder: str) -> None:
    root = places(folder)
    tree.code()
    assert libraries((root, ("forward",))) == {"elsewhere": "unknown", "yonder-lib": "1.5"}
    assert libraries(root) == {"elsewhere": "unknown", "nowhere": "unknown", "yonder-lib": "1.5"}
    assert libraries(root.replace("Model", "alone")) == {}


def test_an_installed_library_is_named_as_pip_does() -> None:
    assert set(libraries("genbench.data.digits:load")) == {"scikit-learn"}


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("nothing_here:f", "'nothing_here' cannot be found"),
        ("compiled:f", "has no Python source"),
        ("broken:f", "cannot be read: .*line 1"),
        ("main:missing", "'main:missing' cannot be found in the source of its module"),
        ("main:g", "module 'compiled' has no Python source"),
        ("failing.part:f", "package of module 'failing.part' cannot be imported: No module named 'not_installed'"),
        ("plain.part:f", "'plain.part' cannot be found"),
        ("json:dumps", "'json:dumps' cannot be found"),
        (len, "'builtins:len' cannot be found"),
        (lambda x: x, "<lambda>' cannot be found"),
    ],
)
def test_what_has_no_source_is_refused(tree, root, words: str) -> None:
    tree.write(f"compiled{EXTENSION_SUFFIXES[0]}", b"")
    tree.write("broken.py", "def f(:\n")
    tree.write("failing/__init__.py", "import not_installed\n")
    tree.write("plain.py", "")
    tree.write("main.py", "import compiled\ndef g(): return compiled.h()\n")
    with pytest.raises(SourceError, match=words):
        tree.code(root)


def test_an_optional_module_that_is_missing_is_none(tree) -> None:
    tree.write("pack/__init__.py", "")
    tree.write(
        "pack/main.py",
        """
        try:
            from pack.fast import f
        except ImportError:
            def f(): return 1
        """,
    )
    before = tree.code("pack.main:f")
    assert set(before.parts) == {"f"}
    tree.write("pack/fast.py", "def f(): return 2\n")
    assert tree.code("pack.main:f").digest != before.digest


def test_classes_functions_and_values_are_roots_too(tree) -> None:
    tree.write("main.py", "class C:\n    def m(self): return 1\ndef f(): return 2\n")
    tree.code()
    module = importlib.import_module("main")
    assert code(module.C).parts == code(module.C()).parts == code("main:C").parts
    assert code(module.f).parts == code("main:f").parts
    assert code((module.C, ("m",))).parts.keys() == {"C", "C.m"}
    assert code(module.C, module.f).parts == {**code(module.C).parts, **code(module.f).parts}
    assert code(NoOptions).parts == {}, "the registry does not count"


def test_what_was_imported_counts_until_it_is_imported_again(tree) -> None:
    tree.write("main.py", "def f(): return 1\n")
    tree.code()
    module = importlib.import_module("main")
    before = code(module.f).digest
    tree.edit("main.py", "1", "2")
    assert code(module.f).digest == before, "the process still runs what it imported"
    importlib.reload(module)
    assert code(module.f).digest != before


def test_what_is_not_imported_yet_is_read_again_when_it_changes(tree) -> None:
    tree.write("main.py", "def f(): return 1\n")
    tree.write("other.py", "def g(): return 1\n")
    before = code("main:f").digest, code("other:g").digest
    tree.edit("main.py", "1", "2")
    assert code("main:f").digest != before[0]
    assert code("other:g").digest == before[1]
    (tree.folder / "main.py").unlink()
    importlib.invalidate_caches()
    with pytest.raises(SourceError, match="cannot be found"):
        code("main:f")


def test_data_files_are_read_again_when_they_change(tree) -> None:
    tree.write("main.py", "def f(): return open('numbers.bin')\n")
    tree.write("numbers.bin", b"1")
    before = code("main:f")
    assert set(before.parts) == {"f", "numbers.bin"}
    tree.write("numbers.bin", b"2")
    assert code("main:f").parts["numbers.bin"] != before.parts["numbers.bin"]


def test_data_in_the_folder_of_a_package_above_counts(tree) -> None:
    tree.write("pack/__init__.py", "")
    tree.write("pack/table.bin", b"1")
    tree.write("pack/deep/__init__.py", "")
    tree.write("pack/deep/main.py", "NAME = 'table.bin'\ndef f(): return open(NAME)\n")
    assert set(code("pack.deep.main:f").parts) == {"NAME", "f", "table.bin"}


def test_a_module_in_a_zip_is_refused(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tree.folder / "archive.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped.py", textwrap.dedent("def f(): return 1\n"))
    monkeypatch.syspath_prepend(str(archive))
    with pytest.raises(SourceError, match="zipped"):
        code("zipped:f")


def test_scripts_have_source(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write("script.py", "def f(): return 1\n")
    script = type(sys)("script_of_this_test")
    script.__file__, script.__spec__ = str(Path(tree.folder / "script.py")), None
    monkeypatch.setitem(sys.modules, "script_of_this_test", script)
    assert set(code("script_of_this_test:f").parts) == {"f"}

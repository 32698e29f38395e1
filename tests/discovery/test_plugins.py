"""Plugins that are loaded, blocked or broken, whatever they do; none of them takes another down."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from genbench.discovery.finding import FOLDERS
from genbench.discovery.plugins import DISABLE, load_plugins
from genbench.registry.code import code
from genbench.registry.names import UnknownNameError

GOOD = """
from genbench import NoOptions, hookimpl

@hookimpl
def genbench_register(registry):
    registry.model("good", "good:Model", NoOptions, summary="a model", sampler="one_shot")
"""

BROKEN = {
    "import": ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    "syntax": ("def f(:", "SyntaxError: "),
    "exit": ("raise SystemExit('a script')", "SystemExit: a script"),
    "misspelt hook": (GOOD.replace("genbench_register", "genbench_regster"), "genbench_regster"),
    "no hook": ("x = 1", "'bad' implements no genbench_register hook"),
    "hook not marked": (GOOD.replace("@hookimpl", ""), "'bad' implements no genbench_register hook"),
    "options": (GOOD.replace("Model\", NoOptions", "Model\", int"), "model 'good' of bad: options must be a dataclass"),
    "half way": (GOOD + "    raise RuntimeError('half way')\n", "RuntimeError: half way"),
    "name of the core": (
        GOOD + "    registry.component('metrics', 'kid', 'bad:K', summary='s')\n",
        "metrics 'kid' of bad: genbench itself brings one of that name",
    ),
    "value as component": (
        GOOD + "    registry.component('sampler', 'mine', 'bad:S', summary='s')\n",
        "sampler 'mine' of bad: it is no component",
    ),
    "old interface": (
        "from genbench.samplers.one_shot import OneShot\n" + GOOD,
        "bad.py, line 1: genbench.samplers.one_shot was replaced: it is genbench.drawing.one_shot now",
    ),
}  # fmt: skip


def test_a_good_plugin_is_loaded_and_its_provider_remembered(site: Any) -> None:
    site.install("good", GOOD, name="nice", distribution="genbench-good")
    plugins = site.load()
    status = site.status("nice")
    assert (status.status, status.distribution, status.version) == ("loaded", "genbench-good", "1.0")
    assert plugins.registry.get("model", "good").provider == "nice"
    assert plugins.version("nice") == "1.0"
    assert plugins.version("genbench")


@pytest.mark.parametrize("way", ["installed", "loose"])
@pytest.mark.parametrize("defect", BROKEN)
def test_a_broken_plugin_is_listed_with_its_error_and_leaves_nothing_behind(site: Any, defect: str, way: str) -> None:
    content, error = BROKEN[defect]
    if way == "installed":
        site.install("bad", content)
    else:
        site.put("bad.py", content)
    site.install("good", GOOD)
    plugins = site.load()
    words = {status.name: (status.status, status.error) for status in plugins.statuses}
    assert words["bad"][0] == "broken"
    assert error in words["bad"][1].replace(str(site.loose / "bad.py"), "bad")
    assert "\n" not in words["bad"][1]
    assert words["good"] == ("loaded", "")
    assert plugins.registry.get("model", "good").provider == "good"


def test_a_hook_without_arguments_is_called_too(site: Any) -> None:
    site.install("quiet", "from genbench import hookimpl\n@hookimpl\ndef genbench_register(): print('called')\n")
    assert site.status("quiet").status == "loaded"


def test_a_plugin_can_be_blocked_and_is_then_not_imported(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DISABLE, "other, good,bad")
    site.install("good", GOOD)
    site.put("bad.py", "raise KeyboardInterrupt('imported although blocked')")
    plugins = site.load()
    words = {status.name: status.status for status in plugins.statuses}
    assert (words["good"], words["bad"]) == ("blocked", "blocked")
    assert "good" not in plugins.registry.names("model")


def test_a_name_that_two_plugins_claim_is_told_to_both(site: Any) -> None:
    extra = "    registry.model('{0}', '{0}:Model', NoOptions, summary='a model', sampler='one_shot')\n"
    site.install("one", GOOD + extra.format("of_one"))
    site.put("two.py", GOOD + extra.format("of_two"))
    plugins = site.load()
    statuses = {status.name: status for status in plugins.statuses}
    line = (
        "model 'good' is registered by one and by two, so none of them has it: block all but one with GENBENCH_DISABLE"
    )
    assert statuses["one"].refused == statuses["two"].refused == (line,)
    assert statuses["gan"].refused == ()
    assert {"of_one", "of_two"} <= set(plugins.registry.names("model"))
    with pytest.raises(UnknownNameError, match="is registered by one and by two"):
        plugins.registry.get("model", "good")


def test_a_name_is_free_again_where_the_other_plugin_is_broken(site: Any) -> None:
    site.install("broken", GOOD + "    raise RuntimeError('half way')\n")
    site.install("good", GOOD)
    assert site.load().registry.get("model", "good").provider == "good"


# ---------------------------------------------------------------------------------------------------------- installed


def test_two_distributions_with_one_plugin_name_are_both_refused(site: Any) -> None:
    site.install("one", GOOD, name="same", distribution="dist-a")
    site.install("two", GOOD, name="same", distribution="dist-b")
    statuses = [status for status in site.load().statuses if status.name == "same"]
    assert [status.distribution for status in statuses] == ["dist-a", "dist-b"]
    for status in statuses:
        assert status.status == "broken"
        assert status.error == "distributions dist-a and dist-b both bring a plugin 'same': uninstall all but one"


def test_a_plugin_cannot_be_called_as_the_core_is(site: Any) -> None:
    site.install("good", GOOD, name="genbench", distribution="impostor")
    status = site.status("genbench")
    assert status.status == "broken"
    assert status.error == "'genbench' is the core itself: rename the entry point of distribution impostor"


# -------------------------------------------------------------------------------------------------------------- loose


def test_loose_files_and_packages_are_plugins(site: Any) -> None:
    site.put("plain.py", GOOD)
    site.put("package/__init__.py", GOOD.replace('"good"', '"packaged"'))
    site.put("_part.py", "1 / 0")
    site.put("notes.txt", "no plugin")
    plugins = site.load()
    words = {status.name: status.status for status in plugins.statuses if status.version == "loose"}
    assert words == {"package": "loaded", "plain": "loaded"}
    assert plugins.registry.get("model", "packaged").provider == "package"
    assert plugins.version("plain") == "loose"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("good", "another plugin is called 'good'; rename good.py"),
        ("random", "Python already has a module 'random'"),
        ("genbench", "Python already has a module 'genbench'"),
    ],
)
def test_a_loose_plugin_that_hides_another_module_is_refused(site: Any, name: str, error: str) -> None:
    site.install("good", GOOD)
    site.put(f"{name}.py", GOOD.replace('"good"', '"other"'))
    (status,) = [status for status in site.load().statuses if status.version == "loose"]
    assert status.status == "broken"
    assert error in status.error


def test_one_name_in_two_folders_is_taken_by_the_first(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("mine.py", GOOD)
    site.put("more/mine.py", GOOD)
    monkeypatch.setenv(FOLDERS, os.pathsep.join([str(site.loose), str(site.loose / "more")]))
    statuses = [status for status in site.load().statuses if status.name == "mine"]
    assert [status.status for status in statuses] == ["loaded", "broken"]


def test_a_missing_folder_is_listed(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDERS, os.pathsep.join([str(site.loose), "nowhere"]))
    status = site.status("nowhere")
    assert (status.status, "no such folder" in status.error) == ("broken", True)


def test_other_processes_inherit_loose_plugins(site: Any) -> None:
    site.put("mine.py", GOOD)
    code = "from genbench.discovery.plugins import load_plugins as l; print(l().registry.get('model', 'good').provider)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "mine", done.stderr


def test_an_edited_loose_plugin_is_other_code(site: Any) -> None:
    def digest(content: str) -> str:
        site.put("mine.py", f"{GOOD}\nclass Model:\n    width = {content}\n")
        site.load()
        return code("mine:Model").digest

    first = digest("3")
    assert digest("3  # a comment") == first
    assert digest("4") != first


# --------------------------------------------------------------------------------------------------------------- cost


def test_plugins_are_loaded_once_a_process_and_without_torch() -> None:
    assert load_plugins() is load_plugins()
    code = (
        "import sys; from genbench.discovery.plugins import load_plugins; load_plugins(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr

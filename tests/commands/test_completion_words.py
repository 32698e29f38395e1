"""Completion: from partial words to whole ones, as a shell asks for them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum

import pytest

from genbench.cli import parser
from genbench.commands.completion import SCRIPTS, complete, run_words
from genbench.discovery.plugins import load_plugins
from genbench.registry.kinds import KINDS, groups
from genbench.registry.registrar import Registry


class Norm(Enum):
    batch = "BatchNorm"
    group = "GroupNorm"


@dataclass
class Wide:
    width: int = 1
    norm: Norm = Norm.batch
    tied: bool | None = None


@dataclass
class Deep:
    depth: int = 1


@dataclass(frozen=True)
class Ring:
    radius: float = 1.0


@dataclass(frozen=True)
class Star:
    points: int = 5


def words(line):
    return complete(line.split(" "), parser())


def test_commands_kinds_and_options():
    assert set(words("")) >= {"run", "report", "runs", "list", "plugins", "completion"}
    assert words("rep") == ["report"]
    assert words("list m") == ["model", "metrics"]
    assert words("report --format ") == ["csv", "json", "latex", "markdown", "table"]
    assert words("report --f") == ["--format"]
    assert words("runs d") == ["delete"]
    assert words("runs --status fa") == ["failed"]
    assert words("nonsense --what ") != words("report ")


def test_ids_from_the_results_folder_that_is_named(tmp_path):
    (tmp_path / "sweeps").mkdir()
    for name in ("20260101-000000-aaaa", "20260102-000000-bbbb"):
        (tmp_path / "sweeps" / f"{name}.json").write_text("{}")
    (tmp_path / "gan-digits-s0-12345678").mkdir()
    (tmp_path / "gan-digits-s0-12345678" / "config.yaml").write_text("")
    where = f"--results {tmp_path}"
    assert words(f"report {where} 2026") == ["20260102-000000-bbbb", "20260101-000000-aaaa"]
    assert words(f"runs show {where} g") == ["gan-digits-s0-12345678"]
    assert words(f"runs delete {where} gan-digits-s0-12345678 ") == ["gan-digits-s0-12345678"]
    assert words(f"runs show {where} x") == []


def test_groups_names_options_and_values_after_run():
    assert {f"{group}=" for group in groups()} <= set(words("run "))
    assert {"seed=", "sampling.", "experiment=", "debug="} <= set(words("run "))
    assert not {"report=", "sweep=", "place."} & set(words("run "))
    assert words("run sched") == ["schedule=", "schedule."]
    assert words("run dataset=dig") == ["dataset=digits"]
    assert words("run debug=") == ["debug=quick"]
    assert words("run experiment=rep") == ["experiment=replicates"]
    assert words("run sampling.num") == ["sampling.num_samples="]
    assert words("run sampling.dtype=") == ["sampling.dtype=float32", "sampling.dtype=float64"]
    assert words("run quick=t") == ["quick=true"]
    assert words("run seed=") == []
    assert "--multirun" in words("run -")
    assert words("run modle=") == []


def test_every_registered_name_is_offered_once():
    registry = load_plugins().registry
    for kind in groups():
        offered = words(f"run {kind}=")
        assert len(offered) == len(set(offered))
        assert {f"{kind}={name}" for name in registry.names(kind)} <= set(offered)


def test_several_values_with_commas_and_brackets():
    assert words("run metrics=[kid,pr") == ["metrics=[kid,prdc"]
    assert words("run -m sampler=one_shot,ra") == ["sampler=one_shot,raster"]
    assert words("run -m sampler=raster,ra") == []


def test_options_are_those_of_what_was_named():
    registry = Registry()
    registry.provider = "toys"
    registry.value("sampler", "ring", Ring, summary="round")
    registry.value("sampler", "star", Star, summary="pointed")
    registry.model("wide", "nowhere:Wide", Wide, summary="wide", sampler="ring")
    registry.model("deep", "nowhere:Deep", Deep, summary="deep", sampler="star")
    registry.component("metrics", "kid", "nowhere:kid", Deep, summary="a metric")

    def offered(*line):
        return [found for found in run_words(line[:-1], line[-1], registry) if found.startswith(line[-1])]

    assert offered("model=wide", "model.") == ["model.width=", "model.norm=", "model.tied="]
    assert offered("model=wide,deep", "model.d") == ["model.depth="]
    assert offered("model.") == ["model.depth=", "model.width=", "model.norm=", "model.tied="]
    assert offered("model=wide", "model.norm=") == ["model.norm=batch", "model.norm=group"]
    assert offered("model=wide", "model.tied=") == ["model.tied=true", "model.tied=false"]
    assert offered("model=wide", "sampler.") == ["sampler.radius="]  # the sampler that the model brings
    assert offered("model=wide", "sampler=star", "sampler.p") == ["sampler.points="]
    assert offered("metrics.k") == ["metrics.kid.depth="]


def test_it_is_fast_and_imports_nothing_heavy():
    code = (
        "import sys; from genbench.cli import main\n"
        "try: main(['completion', 'words', 'run', 'model='])\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'torch', 'hydra', 'lightning_fabric'} & set(sys.modules)))"
    )
    before = os.times()
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("genbench run dataset=dig", ["digits"]),  # readline's word begins behind the =
        ("genbench run metrics=[kid,pr", ["[kid,prdc"]),
        ("genbench run sched", ["schedule=", "schedule."]),
        ("genbench list ", [*KINDS, "presets", "settings"]),
    ],
)
def test_the_script_in_a_real_bash(line, offered):
    script = f"""
    genbench() {{ {sys.executable} -m genbench "$@"; }}
    {SCRIPTS["bash"]}
    COMP_LINE='{line}' COMP_POINT={len(line)}
    _genbench 2>/dev/null
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == offered


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_are_printed_and_parse(shell, capsys):
    options = parser().parse_args(["completion", shell])
    assert options.action(options) == 0
    script = capsys.readouterr().out
    assert "genbench completion words" in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True, check=False).returncode == 0

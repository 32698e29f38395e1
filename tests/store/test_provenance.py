"""Where numbers come from: what is said of this machine, and that it is said without asking who is at it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from genbench.store import provenance
from genbench.store.digests import digest
from genbench.store.provenance import device_name, hardware, made, now, versions
from genbench.store.records import Made
from genbench.store.typed_json import decode, encode


@dataclass(frozen=True)
class Options:
    width: int = 8


def test_made_keeps_the_parts_of_an_id_so_that_they_give_it_again() -> None:
    parts = {"options": Options(), "seed": 0, "rate": float("inf")}
    artifact = made(parts, "cpu", "genbench run", 1.5, {"scipy": "1.11"}, threads=1, processes=2)
    kept = decode(Made, json.loads(json.dumps(encode(artifact))))
    assert kept == artifact
    assert digest(**kept.parts) == digest(**parts)
    assert (kept.seconds, kept.command, kept.libraries, kept.threads, kept.processes) == (
        1.5,
        "genbench run",
        {"scipy": "1.11"},
        1,
        2,
    )
    assert (kept.versions, kept.hardware) == (versions(), hardware("cpu"))


def test_the_machine_as_far_as_it_changes_a_timing() -> None:
    facts = hardware("cpu")
    assert facts == {"device": "cpu", "cpu": facts["cpu"], "cores": os.cpu_count(), "torch": version("torch")}
    assert device_name("cpu") == facts["cpu"]
    facts["cpu"] = "changed by a caller"
    assert hardware("cpu")["cpu"] != "changed by a caller"


def test_versions_name_python_and_what_is_installed() -> None:
    assert versions()["numpy"] == version("numpy")
    assert set(versions()) <= {"python", *provenance.PACKAGES}


def test_a_record_says_commit_seeds_command_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    provenance._git_commit.cache_clear()
    answers = {"ls-files": "provenance.py", "rev-parse": "c0ffee", "status": " M genbench/x.py"}
    monkeypatch.setattr(provenance, "_git", lambda word, *rest: answers.get(word))
    record = provenance.provenance("cpu", {"training": 1}, "genbench run")
    assert (record.git_commit, record.seeds, record.command) == ("c0ffee+", {"training": 1}, "genbench run")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.utc)
    provenance._git_commit.cache_clear()
    answers.clear()  # installed inside another project's checkout
    assert provenance.provenance("cpu", {}, "").git_commit is None
    provenance._git_commit.cache_clear()


def test_times_sort_as_text() -> None:
    assert "2026-01-01T00:00:00Z" < now() < "9999"


def test_nobody_asks_who_is_at_the_machine() -> None:
    """A container may run under a user that has no name: these words all raise KeyError then."""
    folder = Path(provenance.__file__).parents[1]
    words = re.compile(r"getpwuid|getuser|getlogin")
    assert [path for path in folder.rglob("*.py") if words.search(path.read_text())] == []

"""The content-addressed store: each artifact is made once, under a lock, to the side, and renamed when it is whole.

    artifacts/stages/<id>/       final.safetensors, the tensors by "module/key"; training.json, the log and its curves
    artifacts/samples/<id>/      a row map (genbench/store/maps.py): "images", and what else the runner gave
    artifacts/features/<id>/     a row map: the extractor's outputs by name
    artifacts/scores/<id>.json   measurements by name; <id>.npz beside it, where the metric gave arrays
    artifacts/timings/<id>.json  and likelihoods/<id>.json: one JSON value

Folders keep their `made` in made.json (row maps in rows.json), JSON files inside: {"made": …, "content": …}. Weights
are read and written by genbench/running/: the store knows no torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from genbench.interfaces.measurement import Measurement
from genbench.store.files import replacing, write_json
from genbench.store.locks import held, lock_path
from genbench.store.records import ArtifactRecord, Made, Measurements
from genbench.store.typed_json import decode, encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genbench.store.maps import GrowingMap, RowMap

Describe = Callable[[float], Made]
"""Where an artifact comes from, given the seconds that making it took."""


@dataclass(frozen=True)
class Artifact:
    """Where an artifact lies, and whether it was there before."""

    path: Path
    reused: bool


@dataclass(frozen=True)
class Store:
    """A results folder: artifacts/<kind>/<id>, <run_id>/, sweeps/. `say` hears when another process is waited for."""

    root: Path
    say: Callable[[str], None] = lambda text: None

    def path(self, kind: str, name: str) -> Path:
        """Where the artifact lies, or would: a folder by its id, a JSON file by `<id>.json`."""
        return self.root / "artifacts" / kind / name

    def has(self, kind: str, id: str) -> bool:
        """Whether the artifact is there, be it a folder or a JSON file."""
        return self.path(kind, id).exists() or self.path(kind, f"{id}.json").exists()

    def make(self, kind: str, name: str, build: Callable[[Path], object], made: Describe | None = None) -> Artifact:
        """The artifact, a folder, filled by `build(side)` if it is not there.

        A second process that asks meanwhile waits and gets the same one. If `build` fails, what it left in the folder
        `side` stays (a training checkpoint is worth keeping) and the next attempt finds it there.
        """
        path = self.path(kind, name)
        if path.exists():
            return Artifact(path, reused=True)
        with self._held(kind, name):
            if path.exists():
                return Artifact(path, reused=True)
            side, started = path.with_name(f"{path.name}.partial"), perf_counter()
            side.mkdir(parents=True, exist_ok=True)
            build(side)
            if made is not None:
                write_json(side / "made.json", encode(made(perf_counter() - started)))
            os.replace(side, path)
        return Artifact(path, reused=False)

    def make_json(
        self, kind: str, name: str, build: Callable[[], Any], made: Describe | None = None
    ) -> tuple[Any, bool]:
        """The same for an artifact that is one JSON value: (value, reused)."""
        path = self.path(kind, f"{name}.json")
        if path.exists():
            return _content(path)["content"], True
        with self._held(kind, name):
            if path.exists():
                return _content(path)["content"], True
            started = perf_counter()
            value = encode(build())
            self._write(path, value, made, started)
        return _content(path)["content"], False

    def update_json(self, kind: str, name: str, change: Callable[[Any], Any], made: Describe | None = None) -> Any:
        """Replace the JSON value by `change(value)`, which gets None where there is none yet: one sitting more of a
        timing. Returns the new value.
        """
        path = self.path(kind, f"{name}.json")
        with self._held(kind, name):
            started = perf_counter()
            value = encode(change(_content(path)["content"] if path.exists() else None))
            self._write(path, value, made, started)
        return value

    def make_score(
        self,
        name: str,
        build: Callable[[], tuple[Mapping[str, Measurement], Mapping[str, NDArray[np.generic]]]],
        made: Describe | None = None,
    ) -> tuple[Measurements, Artifact | None]:
        """What a metric measured, by name, and where that lies; the arrays that it gave too are `read_arrays`.

        A score of which a measurement has no value is returned and not kept (None): it is tried again next time.
        """
        path = self.path("scores", f"{name}.json")
        if path.exists():
            return _measurements(path), Artifact(path, reused=True)
        with self._held("scores", name):
            if path.exists():
                return _measurements(path), Artifact(path, reused=True)
            started = perf_counter()
            measurements, arrays = build()
            if any(measurement.value is None for measurement in measurements.values()):
                return dict(measurements), None
            if arrays:
                import numpy as np

                with replacing(path.with_suffix(".npz")) as side, side.open("wb") as file:
                    np.savez(file, allow_pickle=False, **dict(arrays))
            self._write(path, encode(measurements), made, started)
        return _measurements(path), Artifact(path, reused=False)

    def read_arrays(self, name: str) -> dict[str, NDArray[np.generic]]:
        """The arrays of a score, with one entry per generated or per reference image; none where it gave none."""
        path = self.path("scores", f"{name}.npz")
        if not path.exists():
            return {}
        import numpy as np

        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    @contextmanager
    def grow(self, kind: str, name: str, made: Describe | None = None) -> Iterator[GrowingMap]:
        """A row map to add rows to, made if it is not there. Its lock is held for the block."""
        from genbench.store.maps import GrowingMap

        with self._held(kind, name):
            yield GrowingMap(self.path(kind, name), made)

    def rows(self, kind: str, name: str) -> RowMap | None:
        """A row map to read, with the rows that it has by now; None where there is none. Takes no lock."""
        from genbench.store.maps import INDEX, RowMap

        path = self.path(kind, name)
        return RowMap(path) if (path / INDEX).exists() else None

    def made(self, kind: str, name: str) -> Made | None:
        """Where an artifact comes from; None where that is not known, or the artifact is gone.

        For a row map that grew in several sittings: of the newest rows, with the seconds of all.
        """
        path = self.path(kind, name)
        if path.is_dir():
            if (path / "made.json").exists():
                made: Made = decode(Made, json.loads((path / "made.json").read_text()), str(path / "made.json"))
                return made
            rows = self.rows(kind, name)
            return rows.made if rows else None
        path = path.with_name(f"{name}.json")
        kept: Made | None = decode(Made | None, _content(path).get("made"), str(path)) if path.exists() else None
        return kept

    def joined(self, kind: str, id: str, name: str, reused: bool) -> ArtifactRecord:
        """The artifact as a record lists it: one that was there before is quoted, but for the parts of its id."""
        made = self.made(kind, id) if reused else None
        return ArtifactRecord(kind=kind, id=id, name=name, reused=reused, made=made and replace(made, parts={}))

    def _held(self, kind: str, name: str) -> AbstractContextManager[None]:
        return held(lock_path(self.root, kind, name), f"{kind} {name}", self.say)

    def _write(self, path: Path, value: Any, made: Describe | None, started: float) -> None:
        origin = encode(made(perf_counter() - started)) if made else None
        write_json(path, {"made": origin, "content": value})


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _measurements(path: Path) -> Measurements:
    measurements: Measurements = decode(Measurements, _content(path)["content"], str(path))
    return measurements

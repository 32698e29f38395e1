"""`genbench.load`: a sweep and its records from a results folder, for notebooks and scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.store.records import RunRecord, read_record
from genbench.store.sweeps import Sweep, read_sweep

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class LoadedSweep:
    """The runs of one sweep, in the order of its jobs."""

    sweep: Sweep
    records: tuple[RunRecord, ...]
    results: Path

    def frame(self) -> pandas.DataFrame:
        """One row a measurement: run, model, seeds, the run's place on the axes, row, key, value, standard error, n,
        unit, direction and marks. Raises ModuleNotFoundError, with what to do, where pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise ModuleNotFoundError("data frames need pandas: pip install pandas") from None
        return pandas.DataFrame([row for record in self.records for row in self._rows(record)])

    def __str__(self) -> str:
        from genbench.reports.sweep import sweep_table
        from genbench.reports.table import to_text

        return to_text(sweep_table(self.records))

    def _rows(self, record: RunRecord) -> list[dict[str, Any]]:
        places = {job.run_id: job.axes for job in self.sweep.jobs}
        about = {
            "run": record.run_id,
            "name": record.name,
            "status": record.status,
            **{f"seed.{name}": seed for name, seed in record.provenance.seeds.items()},
            **places.get(record.run_id, {}),
        }
        sections = {**record.rows, "costs": record.costs}
        return [
            {
                **about,
                "row": section,
                "key": key,
                "value": measurement.value,
                "standard_error": measurement.standard_error,
                "n": measurement.n,
                "unit": measurement.unit,
                "direction": measurement.direction,
                "marks": ",".join(measurement.marks),
                "reason": measurement.reason,
            }
            for section, measurements in sections.items()
            for key, measurement in measurements.items()
        ]


def load(results: str | Path = "results", sweep: str = "") -> LoadedSweep:
    """The sweep whose id starts so, the newest for an empty one. Raises FileNotFoundError where there is none,
    ManyMatchesError where there are several, and RecordError for what cannot be read.
    """
    folder = Path(results)
    content = read_sweep(folder, sweep)
    if content is None:
        raise FileNotFoundError(f"no sweep '{sweep}' in '{folder}'" if sweep else f"no sweep in '{folder}'")
    return LoadedSweep(content, tuple(read_record(folder / run / "result.json") for run in content.runs), folder)

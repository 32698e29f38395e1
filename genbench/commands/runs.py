"""genbench runs: what the store holds; show one run, say why two differ, delete some, prune what nobody needs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.commands.errors import UserError, not_there

if TYPE_CHECKING:
    from genbench.store.inventory import StoredRun, Waste
    from genbench.store.records import RunRecord

LONGEST = 12
"""Lines that a question shows of what would be deleted."""


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    runs = commands.add_parser("runs", help="runs in the store: list, show, say why, delete, prune")
    _add_results(runs, Path("results"))
    runs.add_argument(
        "--status", help="only runs that are so: done, failed, diverged, incompatible, unfinished, unreadable, older"
    )
    runs.add_argument("--model", help="only runs of this model")
    runs.add_argument("--dataset", help="only runs on this dataset")
    runs.add_argument("--sweep", help="only runs of the sweep whose id starts so")
    runs.add_argument(
        "--why",
        nargs="+",
        metavar="RUN",
        help="of two runs: what differs between them; of one: what its command would make anew now, and why",
    )
    runs.add_argument("--prune", action="store_true", help="delete artifacts that no run needs, and stale leftovers")
    runs.add_argument("--yes", action="store_true", help="with --prune: delete without asking")
    runs.set_defaults(action=list_runs)
    actions = runs.add_subparsers(title="actions", metavar="")
    show = actions.add_parser("show", help="one run on a page")
    show.add_argument("run", help="the run's id, or its start")
    _add_results(show, argparse.SUPPRESS)
    show.set_defaults(action=show_run)
    delete = actions.add_parser("delete", help="delete runs: their folders, and their jobs in sweeps")
    delete.add_argument("run", nargs="+", help="ids, or their starts")
    delete.add_argument("--yes", action="store_true", help="without asking")
    _add_results(delete, argparse.SUPPRESS)
    delete.set_defaults(action=delete_runs)


def list_runs(options: argparse.Namespace) -> int:
    """Print a line a run; or prune, or say why."""
    from genbench.reports.console import show
    from genbench.reports.runs import bytes_text, runs_table
    from genbench.store.inventory import artifact_sizes, size, stored_runs

    if options.prune:
        return prune(options.results, options.yes)
    if options.why:
        return say_why(options.results, options.why)
    every = stored_runs(options.results)
    runs = _filtered(every, options)
    if not every:
        print(f"no runs in {options.results}/; `genbench run` makes some, --results names another folder")
        return 0
    sizes = artifact_sizes(options.results)
    if runs:
        show(lambda width: runs_table(runs, sizes, width))
        print()
    by_kind: dict[str, int] = {}
    for (kind, _), held in sorted(sizes.items()):
        by_kind[kind] = by_kind.get(kind, 0) + held
    kinds = ", ".join(f"{kind} {bytes_text(held)}" for kind, held in by_kind.items() if held)
    others = [path for path in options.results.iterdir() if path.name != "artifacts"]
    total = bytes_text(sum(by_kind.values()) + sum(map(size, others)))
    shown = _plural(len(runs), "run") if len(runs) == len(every) else f"{len(runs)} of {_plural(len(every), 'run')}"
    print(f"{shown}; {options.results}/ holds {total}" + (f" ({kinds})" if kinds else ""))
    return 0


def show_run(options: argparse.Namespace) -> int:
    """Print one run's page."""
    from genbench.reports.console import show
    from genbench.reports.runs import run_page
    from genbench.store.inventory import stored_runs

    run = find_run(stored_runs(options.results), options.run, options.results)
    show(lambda _: run_page(options.results, run))
    return 0


def say_why(results: Path, names: Sequence[str]) -> int:
    """Print what differs between two runs, or between one and what its command would make now."""
    from genbench.reports.console import show
    from genbench.reports.runs import facts
    from genbench.reports.why import compare_now, compare_runs
    from genbench.store.artifacts import Store
    from genbench.store.inventory import stored_runs

    if len(names) > 2:
        raise UserError(f"--why compares one run with now, or two with each other, not {len(names)}")
    runs = stored_runs(results)
    records = [_record(find_run(runs, name, results)) for name in names]
    store, here = Store(results), records[0]
    if len(records) == 2:
        print(f"{here.run_id} (here) and {records[1].run_id} (there)\n")
        lines = compare_runs(store, here, records[1])
    else:
        from genbench.config.again import identities_of
        from genbench.config.mistakes import MistakeError

        print(f"what the command of {here.run_id} would make now\n")
        try:
            lines = compare_now(store, here, identities_of(here, results))
        except MistakeError as error:
            raise UserError(str(error)) from None
    show(lambda _: facts(lines))
    return 0


def delete_runs(options: argparse.Namespace) -> int:
    """Delete runs, after a question."""
    from genbench.reports.runs import bytes_text
    from genbench.store.inventory import delete_run, size, stored_runs

    every = stored_runs(options.results)
    runs = list({run.run_id: run for run in (find_run(every, name, options.results) for name in options.run)}.values())
    lines = [f"{run.run_id} ({run.status}), {bytes_text(size(run.folder))}" for run in runs]
    if not _agreed(lines, f"delete {_plural(len(runs), 'run')}?", options.yes):
        return 1
    for run in runs:
        delete_run(options.results, run.run_id)
    print(f"deleted {_plural(len(runs), 'run')}; their artifacts stay until `genbench runs --prune`")
    return 0


def prune(results: Path, yes: bool) -> int:
    """Delete what no run needs, after a question."""
    from genbench.reports.runs import bytes_text
    from genbench.store.inventory import find_waste, remove, stored_runs, undecided

    waste = find_waste(results)
    if held_by := undecided(stored_runs(results)):
        names = ", ".join(run.run_id for run in held_by[:3]) + (", …" if len(held_by) > 3 else "")
        print(
            f"{_plural(len(held_by), 'run')} without a finished record ({names}) may go on from any artifact: all are"
            " kept. Finish them with the same command, or delete them first with `genbench runs delete`."
        )
    if not waste:
        print(f"nothing to prune in {results}/")
        return 0
    question = f"delete {bytes_text(sum(each.size for each in waste))}?"
    if not _agreed(_waste_lines(results, waste), question, yes):
        return 1
    # A run may have begun while the question stood.
    still = {each.path for each in find_waste(results)}
    removed = remove([each for each in waste if each.path in still])
    print(f"deleted {bytes_text(sum(each.size for each in removed))}")
    if len(removed) < len(waste):
        print(f"left {_plural(len(waste) - len(removed), 'thing')} that a process uses by now")
    return 0


def find_run(runs: Sequence[StoredRun], name: str, results: Path) -> StoredRun:
    """The run of this id, or the only one whose id starts so; UserError with the nearest otherwise."""
    starting = [run for run in runs if run.run_id.startswith(name)]
    exact = [run for run in starting if run.run_id == name]
    if exact or len(starting) == 1:
        return (exact or starting)[0]
    if starting:
        ids = ", ".join(run.run_id for run in starting[:5]) + (", …" if len(starting) > 5 else "")
        raise UserError(f"'{name}' is the start of {len(starting)} runs: {ids}")
    raise not_there("run", name, [run.run_id for run in runs], results)


def _record(run: StoredRun) -> RunRecord:
    from genbench.store.records import RecordError

    try:
        return run.read()
    except RecordError as error:
        raise UserError(f"{run.run_id} is {run.status}: {error}") from None


def _filtered(runs: Sequence[StoredRun], options: argparse.Namespace) -> list[StoredRun]:
    from genbench.registry.names import UnknownNameError, unknown_name
    from genbench.store.inventory import STATES

    chosen = list(runs)
    if options.status:
        states = dict.fromkeys((*STATES, *(run.status for run in runs)))
        if options.status not in states:
            raise UnknownNameError(unknown_name("status", options.status, tuple(states)))
        chosen = [run for run in chosen if run.status == options.status]
    for what in ("model", "dataset"):
        if wanted := getattr(options, what):
            names = {run.run_id: _name(run, what) for run in runs}
            if wanted not in names.values():
                raise UnknownNameError(
                    unknown_name(f"{what} in this store", wanted, sorted(set(names.values()) - {""}))
                )
            chosen = [run for run in chosen if names[run.run_id] == wanted]
    if options.sweep:
        from genbench.commands.sweeps import find_sweep

        members = find_sweep(options.results, options.sweep).runs
        chosen = [run for run in chosen if run.run_id in members]
    return chosen


def _name(run: StoredRun, what: str) -> str:
    part = getattr(run.outline, what, None)
    return part.name if part else ""


def _agreed(lines: Sequence[str], question: str, yes: bool) -> bool:
    """Say what would go; ask, unless `yes`. Where nobody can answer, --yes is needed."""
    print("\n".join([*lines[:LONGEST], *([f"… and {len(lines) - LONGEST} more"] if len(lines) > LONGEST else [])]))
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UserError(f"{question} Nobody is there to answer: add --yes")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _waste_lines(results: Path, waste: Iterable[Waste]) -> list[str]:
    """Large things by name, the small ones of a kind together."""
    from genbench.reports.runs import bytes_text

    groups: dict[tuple[str, str], list[Waste]] = {}
    for each in waste:
        groups.setdefault((str(each.path.parent.relative_to(results)), each.why), []).append(each)
    lines = []
    for (folder, why), members in groups.items():
        named = members[0].path.name if len(members) == 1 else f"{len(members)} entries"
        lines.append(f"{bytes_text(sum(each.size for each in members)):>9}  {folder}/: {named}: {why}")
    return lines


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _add_results(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument("--results", type=Path, default=default, help="the results folder (default: results)")

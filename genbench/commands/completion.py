"""genbench completion: a script for the shell, and the words that it offers.

Hydra's own completion (`-sc query=bash`) takes a program for one word and would compose a config at every key press.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from genbench.commands.listing import PRESETS, SETTINGS
from genbench.registry.kinds import KINDS, groups, several
from genbench.registry.registrar import Registry

FLAGS = ("-m", "--multirun", "--cfg", "--help", "--plugins-dir")

SCRIPTS = {
    "bash": """\
# eval "$(genbench completion bash)"
_genbench() {
    local line="${COMP_LINE:0:COMP_POINT}" word found
    local -a words
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    word="${words[-1]}"
    mapfile -t found < <(genbench completion words "${words[@]:1}" 2>/dev/null)
    COMPREPLY=()
    # Readline takes what follows the last = for the word, if = separates words.
    local before=""
    [[ "$COMP_WORDBREAKS" == *=* && "$word" == *=* ]] && before="${word%=*}="
    local each
    for each in "${found[@]}"; do COMPREPLY+=("${each#"$before"}"); done
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=.] ]] && compopt -o nospace
    return 0
}
complete -o default -F _genbench genbench
""",
    "zsh": """\
# eval "$(genbench completion zsh)", after compinit
_genbench() {
    local -a found open
    found=("${(@f)$(genbench completion words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    open=("${(@M)found:#*[=.]}")
    found=("${(@)found:#*[=.]}")
    [[ -n "$open" ]] && compadd -S '' -a open
    [[ -n "$found" ]] && compadd -a found
    [[ -n "$open$found" ]] || _files
}
compdef _genbench genbench
""",
    "fish": """\
# genbench completion fish | source
complete -c genbench -f -a '(genbench completion words (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
""",
}


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    completion = commands.add_parser("completion", help='shell completion: eval "$(genbench completion bash)"')
    completion.add_argument("shell", choices=(*SCRIPTS, "words"), metavar="SHELL", help=", ".join(SCRIPTS))
    completion.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    completion.set_defaults(action=print_completion)


def print_completion(options: argparse.Namespace) -> int:
    """Print a shell's script or, for the script, what the last of the words could become."""
    if options.shell in SCRIPTS:
        print(SCRIPTS[options.shell], end="")
        return 0

    for candidate in complete(options.words or [""], options.root):
        print(candidate)
    return 0


def complete(words: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """What the last word (maybe empty) of a command could become, given the words before it without the program."""
    *before, word = words
    if before[:1] == ["run"]:
        from genbench.discovery.plugins import load_plugins

        candidates: Iterable[str] = run_words(before[1:], word, load_plugins().registry)
    else:
        candidates = _command_words(before, word, parser)
    return [candidate for candidate in dict.fromkeys(candidates) if candidate.startswith(word)]


# ------------------------------------------------------------------------------------------------ after other commands


def _command_words(before: Sequence[str], word: str, parser: argparse.ArgumentParser) -> Iterable[str]:
    """Subcommands, options, and values of those arguments whose values are known."""
    results, waiting = Path("results"), None
    for previous in before:
        if waiting is not None:
            results = Path(previous) if waiting.dest == "results" else results
            waiting = None
        elif previous.startswith("-"):
            waiting = next(
                (action for action in _actions(parser) if previous in action.option_strings and action.nargs != 0), None
            )
        elif commands := _subcommands(parser):
            parser = commands.get(previous, parser)
    if waiting is not None:
        return _values(waiting, results)
    if word.startswith("-"):
        return [option for action in _actions(parser) for option in action.option_strings]
    positional = [action for action in _actions(parser) if not action.option_strings]
    return [value for action in positional for value in _values(action, results)]


def _subcommands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    return next((action.choices for action in _actions(parser) if isinstance(action.choices, Mapping)), {})


def _actions(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    """What a parser was given: argparse keeps it to itself."""
    return parser._actions


def _values(argument: argparse.Action, results: Path) -> Iterable[str]:
    if argument.choices is not None:
        return [str(choice) for choice in argument.choices]
    if argument.dest == "kind":
        return (*KINDS, PRESETS, SETTINGS)
    if argument.dest == "sweep":
        from genbench.store.sweeps import sweep_ids

        return sweep_ids(results)
    if argument.dest == "run":
        return sorted(path.parent.name for path in results.glob("*/config.yaml"))
    if argument.dest == "status":
        from genbench.store.inventory import STATES

        return STATES
    if argument.dest in ("model", "dataset", "format"):
        from genbench.discovery.plugins import load_plugins

        return load_plugins().registry.names("report" if argument.dest == "format" else argument.dest)
    return ()


# ----------------------------------------------------------------------------------------------------------- after run


def run_words(before: Sequence[str], word: str, registry: Registry) -> Iterable[str]:
    """Groups, names, options and values, straight from the registry: nothing is composed, nothing heavy imported."""
    if word.startswith("-"):
        return FLAGS
    names = _group_names(registry)
    key, equals, value = word.partition("=")
    if not equals:
        return _keys(before, word, names, registry)
    start = value[: max(value.rfind(sign) for sign in ",[") + 1]  # values before this one: gan,pixelc
    taken = set(start.strip("[").split(","))
    values = names[key] if key in names else _option_values(key, before, registry)
    return [f"{key}={start}{name}" for name in values if name not in taken]


def _group_names(registry: Registry) -> dict[str, list[str]]:
    """Every group with its entries and presets, and those that hold presets only."""
    from genbench.config.presets import every_preset

    names = {group: registry.names(group) for group in groups()}
    for preset in every_preset(registry):
        names.setdefault(preset.group, []).append(preset.name)
    return names


def _keys(before: Sequence[str], word: str, names: Iterable[str], registry: Registry) -> Iterable[str]:
    """`model=`, `model.`; with a dot typed, the options behind it."""
    options = [*_options(before, registry), *_root_options()]
    if "." in word:
        return [f"{path}=" for path, _ in options]
    roots = [path for path, _ in _root_options()]
    dotted = dict.fromkeys(path.partition(".")[0] for path, _ in options if "." in path)
    return [*(f"{group}=" for group in names), *(f"{root}=" for root in roots if "." not in root),
            *(f"{root}." for root in dotted)]  # fmt: skip


def _options(before: Sequence[str], registry: Registry) -> list[tuple[str, Any]]:
    """Options, with types: of the entries that the words before name or their models bring, else of all of a group."""
    chosen: dict[str, list[str]] = {}
    for group, _, value in (word.partition("=") for word in before):
        chosen.setdefault(group, []).extend(value.strip("[]").split(","))
    for model in set(chosen.get("model", ())) & set(registry.names("model")):
        for group, name in registry.get("model", model).defaults.items():
            chosen.setdefault(group, []).append(name)
    found: list[tuple[str, Any]] = []
    for kind in groups():
        names = registry.names(kind)
        for name in [name for name in names if name in chosen.get(kind, ())] or names:
            where = f"{kind}.{name}" if kind in several() else kind
            found += _fields(registry.get(kind, name).options, where)
    return found


def _root_options() -> list[tuple[str, Any]]:
    from genbench.config.schema import HIDDEN, RootConfig

    left_out = (*groups(), *HIDDEN)
    return [(path, kind) for path, kind in _fields(RootConfig, "") if path.partition(".")[0] not in left_out]


def _fields(options: type[Any], where: str) -> Iterable[tuple[str, Any]]:
    hints = get_type_hints(options)
    for option in fields(options):
        path, kind = f"{where}.{option.name}" if where else option.name, hints[option.name]
        if is_dataclass(kind) and option.default_factory is not MISSING:
            yield from _fields(type(option.default_factory()), path)
        else:
            yield path, kind


def _option_values(key: str, before: Sequence[str], registry: Registry) -> list[str]:
    """true and false, or the names of an Enum."""
    values: dict[str, None] = {}
    for path, kind in (*_options(before, registry), *_root_options()):
        if path == key:
            for part in get_args(kind) if get_origin(kind) is UnionType else (kind,):
                if part is bool:
                    values |= dict.fromkeys(("true", "false"))
                elif isinstance(part, type) and issubclass(part, Enum):
                    values |= dict.fromkeys(part.__members__)
    return list(values)

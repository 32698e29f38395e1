"""Why two runs, or a run and what its command would make now, have other artifacts: in words, from the parts of ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from genbench.store.artifacts import Store
from genbench.store.digests import CLASS
from genbench.store.records import ImagesRecord, RunRecord

KINDS = {
    "stages": ("stage", "stages"),
    "samples": ("samples", "samples"),
    "timings": ("timing", "timings"),
    "likelihoods": ("likelihood", "likelihoods"),
    "features": ("features", "features"),
    "scores": ("score", "scores"),
}
"""What one artifact of a kind is called, and several; in the order in which they are made."""
SEEDS = {"stages": "training seed", "samples": "sampling seed"}
WORDS = {"options": "option", "libraries": "library", "values": ""}
"""Parts of an id in other words; "" for those that need not be said."""
CODE = ("code", "harness", "clock")
DIGEST = re.compile(r"[0-9a-f]{8,}")
LONGEST = 6
"""Differences of one artifact, and names of one kind, that are spelled out."""
IN_STORE = "in the store"
UNKNOWN = "what it was made from is not known any more: its artifact is gone, or kept no parts"


class Identified(Protocol):
    """The id of an artifact and the parts that it is a hash of, nested mappings of JSON values."""

    @property
    def id(self) -> str: ...
    @property
    def parts(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True)
class Known:
    """What the store knows of an artifact that a record lists; `parts` is None where they are gone."""

    id: str
    parts: Mapping[str, Any] | None


@dataclass(frozen=True)
class Wording:
    """How two values are told apart: `both` gets them as text, `one_sided` says where the only one of them is."""

    both: Callable[[str, str], str]
    one_sided: tuple[str, str]


TWO_RUNS = Wording(lambda here, there: f"is {here} here, {there} there", ("here", "there"))
THEN_NOW = Wording(lambda then, now: f"was {then}, is {now} now", ("then", "now"))


def known_artifacts(store: Store, record: RunRecord) -> dict[str, Known]:
    """The identity of every artifact of a run, by "stages/denoiser", "samples", …"""
    known = {}
    for artifact in record.artifacts:
        made = store.made(artifact.kind, artifact.id) or artifact.made
        known[artifact.key] = Known(artifact.id, made.parts if made and made.parts else None)
    return known


def compare_runs(store: Store, here: RunRecord, there: RunRecord) -> list[tuple[str, str]]:
    """What differs between two runs, as (of what, in which words): the artifacts in the order in which they are made,
    each with what differs in the parts of its id; and last, what is equal.
    """
    one, other = known_artifacts(store, here), known_artifacts(store, there)
    both = [key for key in one if key in other]
    changed = {key: _because(key, one, other, TWO_RUNS) for key in both if one[key].id != other[key].id}
    words = {
        **changed,
        **{key: "only here" for key in one if key not in other},
        **{key: "only there" for key in other if key not in one},
        **{key: "equal" for key in both if key not in changed},
    }
    return [*_facts(here, there), *_grouped(words)]


def compare_now(store: Store, record: RunRecord, now: Mapping[str, Identified]) -> list[tuple[str, str]]:
    """What the run's command would make anew now, and why, as (of what, in which words).

    `now` are today's identities by the keys of the record's artifacts; what is not among them is made anew where it was
    made from something that is.
    """
    then = known_artifacts(store, record)
    words, changed = {}, {}
    for key, identity in now.items():
        stored = store.has(key.partition("/")[0], identity.id)
        if key in then and identity.id == then[key].id:
            words[key] = IN_STORE if stored else "anew: it was deleted"
            continue
        because = _because(key, then, now, THEN_NOW) if key in then else "the run had none"
        words[key] = f"in the store, of another run: {because}" if stored else f"anew: {because}"
        if key in then:
            changed[then[key].id] = key
    for key in sorted(then.keys() - now.keys(), key=_place_of_kind):
        sources = [changed[value] for value in _texts(then[key].parts) if value in changed]
        words[key] = f"anew: {_another(sources[0])}" if sources else f"{IN_STORE}, if its own code is as it was"
        if sources:
            changed[then[key].id] = key
    return _grouped({key: words[key] for key in dict.fromkeys((*now, *then))})


def _texts(parts: Any) -> Iterator[str]:
    """Every text in nested values."""
    if isinstance(parts, str):
        yield parts
    elif isinstance(parts, Mapping | list):
        for value in parts.values() if isinstance(parts, Mapping) else parts:
            yield from _texts(value)


def differences(here: Any, there: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """(place, value here, value there) of everything that differs between two nested values; None where there is
    nothing. Of values of different classes only the classes, whatever their fields and code.
    """
    here, there = _named(here), _named(there)
    if here == there:
        return
    if not (isinstance(here, Mapping) and isinstance(there, Mapping)):
        yield place, here, there
    elif place and _class(here) != _class(there):
        yield place, _class(here), _class(there)
    else:
        for name in dict.fromkeys((*here, *there)):
            yield from differences(here.get(name), there.get(name), (*place, name))


def _class(value: Mapping[str, Any]) -> str | None:
    """The class of a plain dataclass, or of one that stands beside its code."""
    options = value.get("options", value)
    return options.get(CLASS) if isinstance(options, Mapping) else None


def _because(key: str, here: Mapping[str, Identified], there: Mapping[str, Identified], wording: Wording) -> str:
    """Why an artifact has another id: what it follows from, other values, other code."""
    one, other = here[key].parts, there[key].parts
    if one is None or other is None:
        return UNKNOWN
    names: dict[str, str] = {}
    for side in (here, there):
        for name, identity in side.items():
            names.setdefault(identity.id, name)  # one artifact may have two places, of which records name the first
    before, values, code = [], [], []
    for place, left, right in differences(one, other):
        earlier = _artifact(names, left)
        if earlier and earlier == _artifact(names, right):
            before.append(_another(earlier))
        elif any(name in CODE for name in place[:-1]):
            code.append(f"definition {place[-1]} {_difference(left, right, wording)}")
        else:
            values.append(f"{_place(key, place)} {_difference(left, right, wording)}")
    return "; ".join([*dict.fromkeys(before), *_first(values), *_first(code)]) or "its parts are written differently"


def _artifact(names: Mapping[str, str], value: Any) -> str:
    return names.get(value, "") if isinstance(value, str) else ""


def _place(key: str, place: Sequence[str]) -> str:
    """Where in the parts of an artifact's id a value stands: "option budget", "sampler steps"."""
    if list(place) == ["seed"]:
        return SEEDS.get(key.partition("/")[0], "seed")
    words = [WORDS.get(place[0], place[0]), *(name for name in place[1:] if name != "options")]
    return " ".join(word for word in words if word)


def _difference(here: Any, there: Any, wording: Wording) -> str:
    """Values that mean something to a reader, and of digests only that they differ."""
    digests = [value is None or isinstance(value, Mapping) or _is_digest(value) for value in (here, there)]
    if not all(digests):
        return wording.both(_text(here), _text(there))
    if here is None or there is None:
        return f"only {wording.one_sided[here is None]}"
    return "differs"


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _text(value: Any) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _named(value: Any) -> Any:
    """A list that names an image set, [id, first, count], by name."""
    if isinstance(value, list) and [type(item) for item in value] == [str, int, int]:
        return dict(zip(("id", "first", "count"), value, strict=True))
    return value


def _facts(here: RunRecord, there: RunRecord) -> Iterator[tuple[str, str]]:
    """What a reader wants to know first: what the runs are of, and how many images."""
    for name in ("model", "dataset", "task", "sampler"):
        names = [getattr(getattr(run, name), "name", "none") for run in (here, there)]
        if names[0] != names[1]:
            yield name, TWO_RUNS.both(*names)
    for name, images in (("n", (here.images, there.images)), ("n of the reference", (here.reference, there.reference))):
        counts = [_count(each) for each in images]
        if counts[0] != counts[1]:
            yield name, TWO_RUNS.both(*counts)


def _count(images: ImagesRecord | None) -> str:
    if images is None:
        return "none"
    return f"{images.count:,}" + (f" from image {images.first:,} on" if images.first else "")


def _grouped(words: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is said of artifacts, in the order in which kinds are made; those of which the same is said, together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key, text in words.items():
        groups.setdefault((key.partition("/")[0], text), []).append(key)
    return [(_called(*groups[group]), group[1]) for group in sorted(groups, key=lambda group: _place_of_kind(group[0]))]


def _place_of_kind(key: str) -> int:
    kind = key.partition("/")[0]
    return list(KINDS).index(kind) if kind in KINDS else len(KINDS)


def _another(key: str) -> str:
    return f"{'other' if key.partition('/')[0] in ('samples', 'features') else 'another'} {_called(key)}"


def _called(*keys: str) -> str:
    """ "stage denoiser", "12 scores"."""
    kind = keys[0].partition("/")[0]
    one, several = KINDS.get(kind, (kind, kind))
    if len(keys) > 1:
        return f"{len(keys)} {several}"
    return f"{one} {keys[0].partition('/')[2]}".strip()


def _first(texts: Iterable[str]) -> list[str]:
    every = list(texts)
    return every[:LONGEST] + ([f"and {len(every) - LONGEST} more"] if len(every) > LONGEST else [])

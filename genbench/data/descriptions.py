"""What metadata.jsonl says about images: a caption for each, and the group that it belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from genbench.data.errors import DataError

FILE = "metadata.jsonl"
"""As Hugging Face's image folders have it: beside the images or above their folders."""
TEXTS = ("caption", "group")
EXPECTED = '{"file_name": "…", "caption": "…", "group": "…"}'


def descriptions(content: bytes, where: str, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """File name -> its texts, from one JSON object a line. Either text may be left out everywhere, other keys are
    passed over. `where` is what messages call the file, `names` are the images', relative to it.

    Raises DataError for a line of another form, for a file that is no image or comes twice, and unless every image has
    the same texts.
    """
    described: dict[str, Mapping[str, str]] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        name, texts = _read(line, f"{where}, line {number}")
        if name in described:
            raise DataError(f"{where}, line {number}: {name} is described twice; keep one of the two")
        described[name] = texts
    if missing := sorted(described.keys() - set(names)):
        raise DataError(f"{where} describes {missing[0]}, which is no image beside it; correct file_name")
    if undescribed := [name for name in names if name not in described]:
        raise DataError(
            f"{where} does not describe {undescribed[0]} ({len(undescribed)} of {len(names)} images); describe all"
        )
    first = described[names[0]].keys()
    if other := next((name for name in names if described[name].keys() != first), None):
        raise DataError(
            f"{where} gives {names[0]} a {' and a '.join(sorted(first))} and {other} a"
            f" {' and a '.join(sorted(described[other]))}; give all images the same"
        )
    return described


def _read(line: bytes, where: str) -> tuple[str, Mapping[str, str]]:
    """The file and its texts."""
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where} cannot be read ({error}); expected {EXPECTED}") from error
    texts = {key: entry[key] for key in TEXTS if key in entry} if isinstance(entry, dict) else {}
    if not texts or not all(isinstance(text, str) for text in (entry.get("file_name"), *texts.values())):
        raise DataError(f"{where} is {line.decode(errors='replace')[:80]}; expected {EXPECTED}")
    return entry["file_name"], texts

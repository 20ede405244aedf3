"""``dataset.json``, as the Medical Segmentation Decathlon and nnU-Net write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagittal.core import Labels
from sagittal.errors import UnreadableInput, UsageError

NAME = "dataset.json"
_MOST_BYTES = 64 << 20


def dataset_json(root: Path) -> dict[str, Any] | None:
    """The record in a folder; None where there is none, or one of something else.

    Raises:
        UnreadableInput: It is there and cannot be read.
    """
    file = root / NAME
    if not root.is_dir() or not file.is_file():
        return None
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise UnreadableInput("DATASET_JSON", file, "it is larger than 64 MB", "leave the list of cases out of it")
        record = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UnreadableInput("DATASET_JSON", file, f"it is no JSON: {error}", "correct it, or take it away") from error
    return record if isinstance(record, dict) and isinstance(record.get("labels"), dict) else None


def channels_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the channels in order: ``channel_names`` (nnU-Net) or ``modality`` (Decathlon).

    >>> channels_of({"modality": {"0": "T2", "1": "ADC"}})
    ('T2', 'ADC')
    """
    told = record.get("channel_names", record.get("modality"))
    if not isinstance(told, dict) or not all(str(k).isdigit() for k in told):
        return ()
    names = [str(told[k]).strip() or f"c{k}" for k in sorted(told, key=int)]
    return tuple(names) if len(set(names)) == len(names) else tuple(f"c{i}" for i in range(len(names)))


def labels_of(record: Mapping[str, Any], file: Path, classes: list[str] | None) -> Labels:
    """The classes: ``{"0": "background"}`` (Decathlon) or ``{"background": 0, "ignore": 3}`` (nnU-Net).

    Raises:
        UsageError: Regions (a name with several numbers) without ``classes``, which name each number; or fewer names than numbers.
    """
    told: dict[str, Any] = record["labels"]
    pairs = {str(v): k for k, v in told.items()} if all(str(k).isdigit() for k in told) else told
    regions = [name for name, number in pairs.items() if isinstance(number, list)]
    if regions:
        pairs = _apart(pairs)
        if classes is None:
            what = f"the label {regions[0]!r} is a region of several numbers; a sample has one class here, so classes do not overlap"
            named = ",".join(name for name in pairs if name != "ignore")
            raise UsageError("REGION_LABELS", file, what, f"name each number, the lowest first, as you like: --set data.classes=[{named}]")
    try:
        numbers = {str(name): int(number) for name, number in pairs.items()}
    except (TypeError, ValueError):
        raise UsageError("LABELS", file, "its labels are not whole numbers", 'write {"background": 0, "tumour": 1}') from None
    ignored = tuple(number for name, number in numbers.items() if name == "ignore")
    ordered = sorted((number, name) for name, number in numbers.items() if name != "ignore")
    names = classes or [name for _, name in ordered]
    if len(names) != len(ordered):
        what = f"{len(names)} names for the {len(ordered)} classes of {NAME}"
        raise UsageError("CLASS_NAMES", "data.classes", what, "name as many classes as there are")
    codes = {name: number for name, (number, _) in zip(names, ordered, strict=True)}
    plain = list(codes.values()) == list(range(len(codes)))
    return Labels(classes=tuple(names), background=names[0] if ordered[0][0] == 0 else None, codes={} if plain else codes, ignored=ignored)


def _apart(pairs: Mapping[str, Any]) -> dict[str, Any]:
    """A name for each number of regions: its own where it has one, else the smallest region's with the number behind it.

    >>> _apart({"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3})
    {'background': 0, 'whole_1': 1, 'core_2': 2, 'enhancing': 3}
    """
    regions = {name: number if isinstance(number, list) else [number] for name, number in pairs.items()}
    made = {}
    for number in sorted({n for numbers in regions.values() for n in numbers}, key=lambda n: (len(str(n)), str(n))):
        name = min((name for name, numbers in regions.items() if number in numbers), key=lambda name: len(regions[name]))
        made[name if len(regions[name]) == 1 else f"{name}_{number}"] = number
    return made

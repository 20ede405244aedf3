"""Which numbers stand in masks, and what to call them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sagittal import io
from sagittal.core import LabelMap, Labels
from sagittal.data.layouts._files import VOLUMES, suffix_of
from sagittal.errors import SagittalError, UsageError

_MOST_READ = 48
_MOST_BYTES = 64 << 20
_NUMBERS = Labels(classes=tuple(str(i) for i in range(1024)))
_LEAST_OBJECTS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The classes of masks, and whether their numbers are objects of one class."""

    labels: Labels
    objects: bool
    note: str


def classes_of_masks(
    masks: Sequence[Path],
    *,
    classes: Sequence[str] | None,
    objects: bool | None,
    root: Path,
    known: Mapping[int, str] | None = None,
) -> Drawn:
    """The classes that the numbers in masks stand for.

    Some masks, evenly chosen, are read. Names come from the user, else from a ``dataset.json`` (as the Decathlon has
    it), else the numbers are the names; 0 is ``background``. Masks whose numbers run without gap to another end in each
    file number objects.

    Args:
        masks: All of them.
        classes: Names of the numbers in order, the background first.
        objects: What the user said; found out otherwise.
        root: Where a ``dataset.json`` would lie.
        known: Names of numbers that the data set gives in another way.

    Raises:
        UsageError: Fewer names than numbers.
    """
    seen = [found for path in _some(masks) if (found := _codes(path)) is not None]
    numbers = sorted(set().union(*seen)) if seen else [0, 1]
    if objects is None:
        objects = not classes and _are_objects(seen)
    if objects:
        names = list(classes or ("background", "object"))
        labels = Labels(classes=tuple(names), background=names[0])
        return Drawn(labels=labels, objects=True, note=f"each number is one {names[-1]} (up to {max(numbers)} a mask)")
    if 0 not in numbers:
        numbers = [0, *numbers]
    names = list(classes) if classes else _named(numbers, known or _decathlon(root))
    if len(names) < len(numbers):
        what = f"the masks have the numbers {numbers[:12]}, and there are {len(names)} names"
        raise UsageError("CLASS_NAMES", "data.classes", what, "name as many classes as there are numbers")
    numbers += [n for n in range(max(numbers) + 1 + len(names)) if n not in numbers][: len(names) - len(numbers)]
    plain = numbers == list(range(len(numbers))) or (len(numbers) == 2 and numbers[1] == 255)
    codes = {} if plain else dict(zip(names, numbers, strict=True))
    labels = Labels(classes=tuple(names), background=names[0], codes=codes)
    return Drawn(labels=labels, objects=False, note=f"{len(names)} classes: {', '.join(names[:8])}")


def numbers_in(masks: Sequence[Path]) -> set[int]:
    """The numbers that stand in some of these label maps, evenly chosen; empty where none can be read (the audit says so)."""
    return set[int]().union(*(_codes(path) or () for path in _some(masks)))


def _some(masks: Sequence[Path]) -> list[Path]:
    """Masks to read: all where they are few and small, else some from the whole range."""
    step = max(1, len(masks) // _MOST_READ)
    chosen: list[Path] = []
    total = 0
    for path in masks[::step]:
        total += path.stat().st_size if path.is_file() else 0
        if chosen and total > _MOST_BYTES:
            break
        chosen.append(path)
    return chosen


def _codes(path: Path) -> set[int] | None:
    """The numbers of one mask; None when it cannot be read (the audit says so)."""
    try:
        if suffix_of(path.name) in VOLUMES:
            values = io.read(path).read()
        else:
            drawn = io.read_annotation(path, _NUMBERS)
            if not isinstance(drawn, LabelMap):
                return None
            values = drawn.image.read()
    except SagittalError:
        return None
    return {int(v) for v in np.unique(values) if v >= 0}


def _are_objects(seen: Sequence[set[int]]) -> bool:
    ends = [max(codes, default=0) for codes in seen]
    gapless = all(codes <= set(range(end + 1)) and len(codes | {0}) == end + 1 for codes, end in zip(seen, ends, strict=True))
    return gapless and len(set(ends)) >= 3 and max(ends) >= _LEAST_OBJECTS


def _named(numbers: Sequence[int], told: Mapping[int, str]) -> list[str]:
    if len(numbers) == 2 and not told:
        return ["background", "foreground"]
    names = [told.get(n) or ("background" if n == 0 else str(n)) for n in numbers]
    return names if len(set(names)) == len(names) else [str(n) for n in numbers]


def _decathlon(root: Path) -> dict[int, str]:
    """Names of classes in ``dataset.json``: ``{"labels": {"0": "background"}}``, or the other way round as nnU-Net has it."""
    file = root / "dataset.json"
    if not file.is_file():
        return {}
    try:
        labels = json.loads(file.read_text(encoding="utf-8")).get("labels", {})
        pairs = [(k, v) if str(k).isdigit() else (v, k) for k, v in labels.items()]
        return {int(number): str(name) for number, name in pairs}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}

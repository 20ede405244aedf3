"""What was drawn, told by some of the drawings: which classes, and whether each shape is an object to be told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sagittal import io
from sagittal.core import Labels, Polygons
from sagittal.data.layouts._codes import Drawn, classes_of_masks
from sagittal.data.layouts._files import suffix_of
from sagittal.data.manifest import OUTLINES, classes_of
from sagittal.data.signs import Signs, class_in
from sagittal.errors import SagittalError, UsageError

_MOST_READ = 64
_MOST_CLASSES = 32
_MANY = 20
"""So many outlines of one class on the median picture are objects to be told apart: nuclei, cells, glands."""


def classes_drawn(
    locators: Sequence[str],
    *,
    root: Path,
    classes: Sequence[str] | None = None,
    words: Mapping[str, str] | None = None,
    objects: bool | None = None,
) -> Drawn:
    """The classes of drawings, outlines or masks, whatever names them: folders, a table or a manifest.

    Args:
        locators: Of all drawings, ready to be opened.
        root: Where a ``dataset.json`` with the names of numbers would lie.
        classes: Their names, the background first; found out otherwise.
        words: What outlines are called or coloured, and the class that this means.
        objects: Each outline or number is an object; found out otherwise.

    Raises:
        UsageError: Fewer names than numbers; words for masks, which have none.
    """
    if locators and all(are_outlines(one) for one in locators):
        return classes_of_outlines(locators, classes=classes, words=words or {}, objects=objects)
    if words:
        raise UsageError("UNKNOWN_OPTION", "data.words", "not all drawings are outlines", "name the numbers of masks with data.classes")
    return classes_of_masks([Path(one) for one in locators], classes=classes, objects=objects, root=root)


def are_outlines(locator: str) -> bool:
    """Whether a drawing is a file of outlines, by its name."""
    return suffix_of(locator.partition("::")[0]) in OUTLINES


def classes_of_outlines(locators: Sequence[str], *, classes: Sequence[str] | None, words: Mapping[str, str], objects: bool | None) -> Drawn:
    """The classes that outlines are named or coloured after; many of one class on a picture are objects."""
    seen = _seen(locators)
    names = list(classes or ("background", *seen.classes(words)))
    colours = {name: name for name in names if re.fullmatch("#[0-9a-f]{6}", name)}
    positive = names[1] if len(names) == 2 else None
    labels = Labels(classes=tuple(names), background=names[0], positive=positive, words=dict(words), colours=colours)
    counted = len(names) == 2 and seen.many if objects is None else objects
    note = f"classes {', '.join(names)}" + (f", each outline is one {names[-1]}" if counted else "")
    return Drawn(labels=labels, objects=counted, note=note)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What outlines are called in some of the drawings, and whether there are many of them on the median picture."""

    told: frozenset[tuple[Signs, str]]
    many: bool

    def classes(self, words: Mapping[str, str]) -> tuple[str, ...]:
        """Names of classes: what the user's words stand for and the other names; of colours only where there are several."""
        meant = ((class_in(signs, words), told) for signs, told in self.told)
        mapped = {told if name is None else name for name, told in meant} | set(words.values())
        names = {t for t in mapped if t and not t.startswith("#")} - {"background"}
        if not names and len(mapped) > 1:
            names = {t for t in mapped if t.startswith("#")}
        return classes_of(names) if 0 < len(names) <= _MOST_CLASSES else ("foreground",)


def _seen(locators: Sequence[str]) -> _Seen:
    one = Labels(classes=("background", "foreground"), background="background")
    told, counts = set[tuple[Signs, str]](), list[int]()
    for locator in locators[:: max(1, len(locators) // _MOST_READ)]:
        try:
            drawn = io.read_annotation(locator, one)
        except SagittalError:
            continue
        if isinstance(drawn, Polygons):
            told.update((o.signs, o.told) for o in drawn.outlines)
            counts.append(len(drawn.outlines))
    return _Seen(told=frozenset(told), many=bool(counts) and float(np.median(counts)) >= _MANY)

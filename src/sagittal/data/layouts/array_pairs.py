"""NumPy and HDF5 files with an array of images and one of masks of the same shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Case, Labels
from sagittal.data.layouts._files import split_at_start, split_of, stem_of, walk
from sagittal.data.layouts._found import Found, found, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.manifest import Manifest, relative
from sagittal.errors import SagittalError, UnreadableInput, UsageError
from sagittal.io.guard import Limits
from sagittal.io.readers.array import array_shapes, load_array

_SUFFIXES = (".npz", ".h5", ".hdf5")
_IMAGES = {"x", "images", "image", "data", "imgs", "img"}
_MASKS = {"y", "masks", "mask", "labels", "label", "segmentations", "segmentation", "seg", "gt", "targets"}
_MOST_FILES_LOOKED_AT = 16
_MOST_ROWS_LOOKED_AT = 64
_LEAST_STEPS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    """The arrays of a file: their names, their split, and how many images they hold (0: one, not in rows)."""

    file: Path
    images: str
    masks: str
    split: str
    rows: int


def array_pairs(
    root: Path, *, group: str | None = None, positive: str | None = None, classes: list[str] | None = None, share: float | None = None
) -> Found | None:
    """NumPy pairs: arrays ``images`` and ``masks`` (``labels``, or ``x_train`` and ``y_train``) of one shape in npz or HDF5 files.

    Plural names hold a row a case; ``image`` and ``label`` in each of several files are one case a file.

    Masks that were made smaller by averaging hold shares (quarters: 0 to 4): a sample belongs to the class from half on.

    Args:
        root: The file, or a folder of such files.
        group: See :func:`sagittal.data.layouts._groups.grouped`; rows of arrays have no names.
        positive: The class that a score of one class speaks of.
        classes: Names of the numbers in the masks, the background first.
        share: From which share of its largest number on a sample of an averaged mask belongs to the class; by default a
            half where the masks are found to be averaged.

    Returns:
        None when no file has two such arrays.

    Raises:
        UsageError: A share that is none, or fewer names than numbers.
    """
    if share is not None and not 0 < share <= 1:
        raise UsageError("UNKNOWN_OPTION", f"data.share={share}", "a share lies between 0 and 1", "write for example data.share=0.5")
    files = [root] if root.is_file() and root.suffix.casefold() in _SUFFIXES else walk(root, _SUFFIXES) if root.is_dir() else []
    pairs = [pair for file in files for pair in _pairs(file, many=len(files) > 1)]
    if not pairs:
        return None
    base = root if root.is_dir() else root.parent
    seen, soft, empty = _numbers(pairs)
    if (soft or share is not None) and len(seen) > 2:
        labels, note = _shared(sorted(seen), 0.5 if share is None else share, classes)
    else:
        labels, note = _classes(sorted(seen | {0}), classes)
    splits = {p.split for p in pairs} - {""}
    # One part of somebody else's data set, whatever it was there, is all of this one.
    lone = len(splits) == 1 and splits != {"train"}
    cases = [case for pair in pairs for case in _cases(pair, base, split="" if lone else pair.split)]
    told = grouped(cases, group or (None if any(p.rows == 0 for p in pairs) else "none"))
    rule = told.rule if group is not None or any(p.rows == 0 for p in pairs) else "unknown"
    clause = told.clause if rule == told.rule else "patients are not known"
    provenance = {"said": "mask", "group_rule": rule}
    manifest = Manifest(cases=told.cases, labels=with_positive(labels, positive), root=base, provenance=provenance)
    sentence = f"{plural(len(cases), 'image')} with a mask each in arrays of {plural(len(files), 'file')}, {note}, {clause}"
    if empty and len(labels) == 2:
        sentence += "; some masks are empty: task=classification asks whether there is anything"
    if lone:
        sentence += f"; the file says {splits.pop()}, but it is all there is, so splits are made anew"
    elif splits:
        sentence += f", {'/'.join(manifest.splits)}"
    return found("array_pairs", manifest, sentence)


def _pairs(file: Path, *, many: bool) -> list[_Pair]:
    """The arrays of a file that are images with masks; none where it has others."""
    try:
        shapes = array_shapes(file, Limits.default())
    except SagittalError:
        return []
    told: dict[str, dict[str, str]] = {}
    for name in shapes:
        words = [w for w in name.casefold().replace("-", "_").replace("/", "_").split("_") if w]
        role = "images" if set(words) & _IMAGES else "masks" if set(words) & _MASKS else ""
        rest = [w for w in words if w not in _IMAGES | _MASKS]
        if role and len(words) <= 2 and (not rest or split_of(rest[0])):
            told.setdefault(split_of(rest[0]) if rest else "", {})[role] = name
    own = split_of(stem_of(file.name)) or _split_in(file)
    pairs = []
    for split, parts in told.items():
        if {"images", "masks"} <= parts.keys() and _same_place(shapes[parts["images"]], shapes[parts["masks"]]):
            singular = many and {parts["images"], parts["masks"]} <= {"image", "img", "data", "x", "mask", "label", "seg", "y"}
            rows = 0 if singular and len(shapes[parts["masks"]]) in {2, 3} else shapes[parts["images"]][0]
            pairs.append(_Pair(file=file, images=parts["images"], masks=parts["masks"], split=split or own, rows=rows))
    return pairs


def _split_in(file: Path) -> str:
    """The split that a file is named after: ``lungs64_train``, ``val_patches``, or its folder."""
    words = stem_of(file.name).replace("-", "_").split("_")
    hits = {s for s in map(split_of, words) if s} or {split_at_start(stem_of(file.name))[0], split_of(file.parent.name)} - {""}
    return hits.pop() if len(hits) == 1 else ""


def _same_place(image: tuple[int, ...], mask: tuple[int, ...]) -> bool:
    """Whether a mask has the shape of an image, but for an axis of channels: then it was drawn and is no class."""
    plain = tuple(n for n in mask if n != 1)
    return (
        len(plain) >= 2 and min(plain[-2:]) > 1 and (image[: len(mask)] == mask or tuple(n for n in image if n != 1)[: len(plain)] == plain)
    )


def _cases(pair: _Pair, base: Path, *, split: str) -> list[Case]:
    place = relative(pair.file, base)
    if not pair.rows:
        name = stem_of(place)
        return [Case(id=name, split=split, images={"image": f"{place}::{pair.images}"}, annotation=f"{place}::{pair.masks}")]
    head = stem_of(place) if not pair.split else f"{stem_of(place)}/{pair.split}" if pair.split not in place else stem_of(place)
    return [
        Case(id=f"{head}/{i}", split=split, images={"image": f"{place}::{pair.images}/{i}"}, annotation=f"{place}::{pair.masks}/{i}")
        for i in range(pair.rows)
    ]


def _numbers(pairs: Sequence[_Pair]) -> tuple[set[float], bool, bool]:
    """The numbers of some masks; whether they are shares: what lies between none and all only edges what is all; whether some are empty."""
    seen: set[float] = set()
    empty = False
    soft: list[bool] = []
    for pair in pairs[:: max(1, len(pairs) // _MOST_FILES_LOOKED_AT)]:
        try:
            values = load_array(pair.file, pair.masks, Limits.default())
        except SagittalError as error:
            if isinstance(error, UnreadableInput):
                continue
            raise
        rows = values[:: max(1, len(values) // _MOST_ROWS_LOOKED_AT)] if pair.rows else values[None]
        empty = empty or not all(np.any(row) for row in rows)
        seen |= {float(v) for v in np.unique(np.asarray(values))}
        soft += [_is_averaged(np.squeeze(np.asarray(row, dtype=np.float64)), max(seen, default=0)) for row in rows if np.any(row)]
    return seen, len(seen) > _LEAST_STEPS and bool(soft) and all(soft), empty


def _is_averaged(mask: NDArray[np.float64], top: float) -> bool:
    """Whether samples between 0 and the largest number are nowhere wide, as the edges of an averaged mask are."""
    between = (mask > 0) & (mask < top)
    inner = between
    for axis in range(mask.ndim):
        inner = inner & np.roll(between, 1, axis) & np.roll(between, -1, axis)
    return bool(inner.sum() <= 0.02 * max(1, int(between.sum()))) and bool((mask == top).sum() >= 0.2 * between.sum())


def _shared(numbers: Sequence[float], share: float, classes: list[str] | None) -> tuple[Labels, str]:
    """Two classes: the numbers below the share of the largest one, and those from it on."""
    whole = [_number(n) for n in numbers]
    top = max(whole)
    names = list(classes or ("background", "foreground"))
    if len(names) != 2:
        raise UsageError("CLASS_NAMES", "data.classes", "averaged masks have two classes", "name the background and the class")
    below, above = [n for n in whole if n < share * top and n != 0], [n for n in whole if share * top <= n < top]
    also = {name: tuple(rest) for name, rest in ((names[0], below), (names[1], above)) if rest}
    labels = Labels(classes=tuple(names), background=names[0], codes={names[0]: 0, names[1]: top}, also=also)
    steps = f"shares in steps of 1/{top}" if whole == list(range(top + 1)) else f"shares of {top}"
    return labels, f"masks hold {steps} (they were averaged): from {share:g} on a sample is {names[1]}"


def _classes(numbers: Sequence[float], classes: list[str] | None) -> tuple[Labels, str]:
    whole = [_number(n) for n in numbers]
    names = (
        list(classes) if classes else ["background", "foreground"] if len(whole) == 2 else [str(n) if n else "background" for n in whole]
    )
    if len(names) < len(whole):
        what = f"the masks have the numbers {whole[:12]}, and there are {len(names)} names"
        raise UsageError("CLASS_NAMES", "data.classes", what, "name as many classes as there are numbers")
    codes: Mapping[str, Any] = {} if whole == list(range(len(whole))) else dict(zip(names, whole, strict=False))
    return Labels(classes=tuple(names), background=names[0], codes=codes), f"{len(names)} classes: {', '.join(names[:8])}"


def _number(value: float) -> int:
    if value != int(value):
        raise UsageError("LABEL_VALUES", "masks", f"they hold fractions such as {value:g}", "save them as whole numbers")
    return int(value)

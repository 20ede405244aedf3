"""Tiles with outlines: a picture and a drawing of the same name, or one COCO file for many pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sagittal import io
from sagittal.core import Case, Labels, Polygons
from sagittal.data.layouts._files import PICTURES, ids_of, suffix_of, walk
from sagittal.data.layouts._found import Found, found, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._images import images, noun_of
from sagittal.data.layouts._pairing import Placed, place
from sagittal.data.manifest import OUTLINES, Manifest, classes_of, relative
from sagittal.data.signs import Signs, class_in
from sagittal.errors import SagittalError, UsageError
from sagittal.io.guard import Limits

FORMATS = {"SVG": "SVG", "Aperio XML": "ImageScope XML", "ASAP XML": "ASAP XML", "GeoJSON": "GeoJSON", "COCO JSON": "COCO JSON"}
"""Formats of outlines, as people call them."""

_MOST_READ = 64
_MOST_CLASSES = 32
_MANY = 20
"""So many outlines of one class on the median picture are objects to be told apart: nuclei, cells, glands."""


def outline_pairs(
    root: Path,
    *,
    group: str | None = None,
    positive: str | None = None,
    classes: list[str] | None = None,
    words: dict[str, str] | None = None,
    objects: bool | None = None,
    unmarked: Literal["leave", "background"] = "leave",
) -> Found | None:
    """Pictures with outlines (SVG, ImageScope, ASAP, GeoJSON, COCO) of the same name, beside them or in a folder of their own.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`.
        positive: The class that a score of one class speaks of.
        classes: The background and the classes of the outlines; by default ``background`` and what the outlines are named,
            or the colours in which they are drawn where there are several, or ``foreground``.
        words: What outlines are called or coloured, where it is not the class itself: ``{"Tumor ROI": "tumour"}``; an empty
            class leaves such outlines out, the background cuts.
        objects: Each outline is an object to be told apart; by default where a picture has many of one class.
        unmarked: A picture without a drawing: ``leave`` it out, or take all of it as ``background`` where the data set
            says that no outline means no finding.

    Returns:
        None when no drawing belongs to a picture.

    Raises:
        UsageError: ``unmarked`` is neither.
    """
    if not root.is_dir():
        return None
    if unmarked not in {"leave", "background"}:
        raise UsageError("UNKNOWN_OPTION", f"data.unmarked={unmarked}", "it is neither leave nor background", "choose one of them")
    tiles = [place(relative(p, root)) for p in images(root, PICTURES)]
    drawn, formats = _drawings(root, tiles) if tiles else ({}, Counter[str]())
    marked = [t for t in tiles if t.key in drawn and not t.is_mask]
    if not marked:
        return None
    bare = [t for t in tiles if t.key not in drawn and not t.is_mask]
    seen = _seen([f"{root / drawn[t.key]}" for t in marked])
    names = classes or ["background", *seen.classes(words or {})]
    colours = {name: name for name in names if re.fullmatch("#[0-9a-f]{6}", name)}
    labels = Labels(classes=tuple(names), background=names[0], words=words or {}, colours=colours)
    labels = with_positive(labels, positive or (names[1] if len(names) == 2 else None))
    kept = [*marked, *(bare if unmarked == "background" else [])]
    kept.sort(key=lambda t: tiles.index(t))
    cases = [
        Case(id=name, split=t.split, images={"image": t.locator}, annotation=drawn.get(t.key, ""), label="" if t.key in drawn else names[0])
        for name, t in zip(ids_of(t.locator for t in kept), kept, strict=True)
    ]
    told = grouped(cases, group)
    counted = len(names) == 2 and seen.many if objects is None else objects
    provenance = {"said": "outlines", "group_rule": told.rule, "unmarked": unmarked, "bare": len(bare)}
    provenance |= {"objects": True} if counted else {}
    manifest = Manifest(cases=told.cases, labels=labels, root=root, provenance=provenance)
    noun = noun_of([root / t.locator for t in kept], "tile")
    what = f"{plural(len(marked), noun)} with outlines in {' and '.join(formats)}, classes {', '.join(names)}"
    what += f", each outline is one {names[-1]}" if counted else ""
    return found("outline_pairs", manifest, _sentence(manifest, what, bare=plural(len(bare), noun) if bare else "", clause=told.clause))


def _sentence(manifest: Manifest, what: str, *, bare: str, clause: str) -> str:
    sentence = f"{what}, {clause}"
    if manifest.splits:
        sentence += f", {'/'.join(manifest.splits)}"
    if bare and manifest.provenance["unmarked"] == "leave":
        sentence += f"; {bare} without a drawing left out (data.unmarked: background if that means no finding)"
    elif bare:
        sentence += f"; {bare} without a drawing are all {manifest.labels.classes[0]}, as told"
    return sentence


def _drawings(root: Path, tiles: Sequence[Placed]) -> tuple[Mapping[str, str], Counter[str]]:
    """The locator of the drawing of each picture that has one, by the picture's key, and how many there are of each format."""
    found: dict[str, str] = {}
    forms: dict[str, str] = {}
    for path in walk(root, OUTLINES):
        locator = relative(path, root)
        try:
            form = FORMATS.get(io.identify(path) or "")
        except SagittalError:
            # The audit says what is wrong with a file that belongs to a picture.
            form = FORMATS["SVG"] if locator.casefold().endswith(".svg") else None
        if form is None:
            continue
        mine = _of_many(path, locator, tiles) if form == FORMATS["COCO JSON"] else {_of_one(locator).key: locator}
        found |= mine
        forms |= dict.fromkeys(mine.values(), form)
    found |= _apart(found, tiles)
    return found, Counter(forms[found[key]] for key in sorted({t.key for t in tiles} & found.keys()))


def _of_one(locator: str) -> Placed:
    """A drawing's place; ``a.svs.geojson``, as QuPath's scripts like to write it, is placed as ``a.geojson``."""
    stem, dot, suffix = locator.rpartition(".")
    return place(stem.removesuffix(suffix_of(stem)) + dot + suffix if suffix_of(stem) in PICTURES else locator)


def _apart(found: Mapping[str, str], tiles: Sequence[Placed]) -> dict[str, str]:
    """Drawings in folders where no picture lies, whatever the folders are called: of the only picture of that name and split."""
    keys = {t.key for t in tiles}
    with_pictures = {t.locator.rpartition("/")[0] for t in tiles}
    drawings = [_of_one(locator) for key, locator in found.items() if key not in keys and locator.rpartition("/")[0] not in with_pictures]
    mine = _by_name([t for t in tiles if t.key not in found and not t.is_mask])
    return {mine[name].key: found[one.key] for name, one in _by_name(drawings).items() if name in mine}


def _by_name(placed: Sequence[Placed]) -> dict[tuple[str, str], Placed]:
    """Those whose name, without their folder, no other has in their split."""
    names = Counter((one.split, one.key.rpartition("/")[2]) for one in placed)
    return {(one.split, name): one for one in placed if names[one.split, name := one.key.rpartition("/")[2]] == 1}


def _of_many(path: Path, locator: str, tiles: Sequence[Placed]) -> dict[str, str]:
    """The pictures that one file speaks of: by their path below the folder, or by the end of it where only one ends so."""
    from sagittal.io.readers.coco import pictures

    try:
        names = pictures(path, Limits.default())
    except SagittalError:
        return {}
    mine: dict[str, str] = {}
    ends = Counter(t.locator.rpartition("/")[2] for t in tiles)
    whole, last = {t.locator: t for t in tiles}, {t.locator.rpartition("/")[2]: t for t in tiles}
    for name in names:
        end = name.replace("\\", "/").rpartition("/")[2]
        tile = whole.get(name) or (last.get(end) if ends[end] == 1 else None)
        if tile is not None:
            mine[tile.key] = f"{locator}::{name}"
    return mine


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

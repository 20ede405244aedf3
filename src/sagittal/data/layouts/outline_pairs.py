"""Tiles with outlines: a picture and a drawing of the same name, or one COCO file for many pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from sagittal import io
from sagittal.core import Case
from sagittal.data.layouts._drawn import classes_of_outlines
from sagittal.data.layouts._files import PICTURES, ids_of, suffix_of, walk
from sagittal.data.layouts._found import Found, found, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._images import images, noun_of
from sagittal.data.layouts._pairing import Placed, place
from sagittal.data.manifest import OUTLINES, Manifest, relative
from sagittal.errors import SagittalError, UsageError
from sagittal.io.guard import Limits

FORMATS = {"SVG": "SVG", "Aperio XML": "ImageScope XML", "ASAP XML": "ASAP XML", "GeoJSON": "GeoJSON", "COCO JSON": "COCO JSON"}
"""Formats of outlines, as people call them."""


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
    drawing = classes_of_outlines([f"{root / drawn[t.key]}" for t in marked], classes=classes, words=words or {}, objects=objects)
    names = drawing.labels.classes
    labels = with_positive(drawing.labels, positive)
    kept = [*marked, *(bare if unmarked == "background" else [])]
    kept.sort(key=lambda t: tiles.index(t))
    cases = [
        Case(id=name, split=t.split, images={"image": t.locator}, annotation=drawn.get(t.key, ""), label="" if t.key in drawn else names[0])
        for name, t in zip(ids_of(t.locator for t in kept), kept, strict=True)
    ]
    told = grouped(cases, group)
    provenance = {"said": "outlines", "group_rule": told.rule, "unmarked": unmarked, "bare": len(bare)}
    provenance |= {"objects": True} if drawing.objects else {}
    manifest = Manifest(cases=told.cases, labels=labels, root=root, provenance=provenance)
    noun = noun_of([root / t.locator for t in kept], "tile")
    what = f"{plural(len(marked), noun)} with outlines in {' and '.join(formats)}, {drawing.note}"
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

"""Tiles with outlines: a picture and an SVG of the same name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sagittal import io
from sagittal.core import Case, Labels
from sagittal.data.layouts._files import PICTURES, ids_of, walk
from sagittal.data.layouts._found import Found, found, plural, with_positive
from sagittal.data.layouts._groups import grouped
from sagittal.data.layouts._pairing import place
from sagittal.data.manifest import Manifest, classes_of, relative
from sagittal.errors import SagittalError, UsageError

_MOST_READ = 64


def svg_pairs(
    root: Path,
    *,
    group: str | None = None,
    positive: str | None = None,
    classes: list[str] | None = None,
    unmarked: Literal["leave", "background"] = "leave",
) -> Found | None:
    """Pictures with outlines in an SVG of the same name, beside them or in a folder of their own.

    Args:
        root: The folder.
        group: See :func:`sagittal.data.layouts._groups.grouped`.
        positive: The class that a score of one class speaks of.
        classes: The background and the classes of the outlines; by default ``background`` and what the outlines are named
            (``class``, ``id``), or ``foreground``.
        unmarked: A picture without an SVG: ``leave`` it out, or take all of it as ``background`` where the data set
            says that no outline means no finding.

    Returns:
        None when no SVG belongs to a picture.

    Raises:
        UsageError: ``unmarked`` is neither.
    """
    if not root.is_dir():
        return None
    if unmarked not in {"leave", "background"}:
        raise UsageError("UNKNOWN_OPTION", f"data.unmarked={unmarked}", "it is neither leave nor background", "choose one of them")
    drawn = {place(relative(p, root)).key: relative(p, root) for p in walk(root, (".svg",))}
    if not drawn:
        return None
    tiles = [place(relative(p, root)) for p in walk(root, PICTURES)]
    marked = [t for t in tiles if t.key in drawn]
    if not marked:
        return None
    bare = [t for t in tiles if t.key not in drawn and not t.is_mask]
    names = classes or _classes([root / drawn[t.key] for t in marked])
    labels = with_positive(Labels(classes=tuple(names), background=names[0]), positive or (names[1] if len(names) == 2 else None))
    kept = [*marked, *(bare if unmarked == "background" else [])]
    kept.sort(key=lambda t: tiles.index(t))
    cases = [
        Case(id=name, split=t.split, images={"image": t.locator}, annotation=drawn.get(t.key, ""), label="" if t.key in drawn else names[0])
        for name, t in zip(ids_of(t.locator for t in kept), kept, strict=True)
    ]
    told = grouped(cases, group)
    provenance = {"said": "outlines", "group_rule": told.rule, "unmarked": unmarked}
    manifest = Manifest(cases=told.cases, labels=labels, root=root, provenance=provenance)
    return found("svg_pairs", manifest, _sentence(manifest, marked=len(marked), bare=len(bare), unmarked=unmarked, clause=told.clause))


def _sentence(manifest: Manifest, *, marked: int, bare: int, unmarked: str, clause: str) -> str:
    sentence = f"{plural(marked, 'tile')} with outlines in SVG, classes {', '.join(manifest.labels.classes)}, {clause}"
    if manifest.splits:
        sentence += f", {'/'.join(manifest.splits)}"
    if bare and unmarked == "leave":
        sentence += f"; {plural(bare, 'tile')} without SVG left out (data.unmarked: background if that means no finding)"
    elif bare:
        sentence += f"; {plural(bare, 'tile')} without SVG are all {manifest.labels.classes[0]}, as told"
    return sentence


def _classes(files: Sequence[Path]) -> list[str]:
    """The background and what the outlines are called; one unnamed class is ``foreground``."""
    one = Labels(classes=("background", "foreground"), background="background")
    step = max(1, len(files) // _MOST_READ)
    names: set[str] = set()
    for path in files[::step]:
        try:
            io.read_annotation(path, one)
        except SagittalError:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        names.update(re.findall(r"<(?:polygon|path|rect|polyline|circle|ellipse|g)\b[^>]*?\s(?:data-)?class=\"([^\"]+)\"", text))
    return ["background", *(classes_of(names) or ("foreground",))]

"""Outlines in the JSON of COCO: polygons and run lengths of many pictures in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry, Labels, Polygons
from sagittal.errors import UnreadableInput
from sagittal.io import _sniff
from sagittal.io._reader import Format, Reader
from sagittal.io.guard import Limits, decoding
from sagittal.io.readers._outlines import Drawn, opened, parsed_json, polygons, ring_of
from sagittal.ops.outline import area, outline

_KEYS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')


def outlines(path: Path, part: str, labels: Labels, like: Geometry | None, limits: Limits) -> Polygons:
    """What was drawn on one picture; several polygons of an annotation are one object.

    Args:
        path: The file.
        part: The file name of the picture, or its number; not needed where there is one picture only.
        labels: The classes; categories are matched by name.
        like: The picture.
        limits: For the size of the file and of masks in it.

    Raises:
        UnreadableInput: Broken, over a limit, or no such picture.
        Refused: An annotation of no known class.
    """
    content = parsed_json(path, limits, what="COCO JSON")
    with decoding(path, "COCO JSON"):
        if not isinstance(content, dict) or not isinstance(content.get("images"), list):
            raise UnreadableInput("BROKEN", path, "it has no list of images", "check what it is")
        picture = _picture(content["images"], part, path)
        names = {c["id"]: str(c["name"]) for c in content.get("categories", [])}
        mine = (a for a in content.get("annotations", []) if a.get("image_id") == picture["id"])
        return polygons((d for a in mine for d in _drawn(a, names, path, limits)), labels, like, path)


def pictures(path: Path, limits: Limits) -> list[str]:
    """The file names of the pictures in a file, in its order.

    Raises:
        UnreadableInput: Broken, or over a limit.
    """
    content = parsed_json(path, limits, what="COCO JSON")
    with decoding(path, "COCO JSON"):
        return [str(one["file_name"]) for one in content["images"]]


def _picture(images: list[Mapping[str, Any]], part: str, path: Path) -> Mapping[str, Any]:
    if not part and len(images) == 1:
        return images[0]
    for one in images:
        if part and part in {str(one.get("file_name")), str(one.get("id"))}:
            return one
    what = f"no picture {part!r} in it" if part else f"it speaks of {len(images)} pictures"
    raise UnreadableInput("NO_SUCH_PART", path, what, "name one behind :: by its file name or its id")


def _drawn(one: Mapping[str, Any], names: Mapping[Any, str], path: Path, limits: Limits) -> Iterator[Drawn]:
    told, name = one.get("segmentation"), names.get(one.get("category_id"), "")
    if isinstance(told, list):
        rings = [ring_of(np.array(flat, dtype=np.float64).reshape(-1, 2).tolist()) for flat in told]
        # Parts may overlap: turned the same way round they are their union by the non-zero rule.
        same = tuple(ring if len(ring) < 3 or area(ring[:, ::-1]) > 0 else ring[::-1] for ring in rings)
        yield Drawn(rings=same, names=(name,), rule="nonzero")
    elif isinstance(told, dict):
        mask = decoded(told["counts"], told["size"], path, limits)
        yield Drawn(rings=tuple(ring[:, ::-1] + 0.5 for polygon in outline(mask) for ring in polygon), names=(name,))


def decoded(counts: Any, size: Any, path: Path, limits: Limits) -> NDArray[np.bool_]:
    """The mask of run lengths down the columns, background first; a text holds them in groups of five bits.

    Source: ``maskApi.c`` of the COCO API (Dollár & Lin, 2014): from the third on, a run is stored less the one two before.

    Raises:
        UnreadableInput: The runs do not fill the mask, or it is over a limit.
    """
    rows, columns = int(size[0]), int(size[1])
    limits.check(path, (rows, columns), 1, stored=len(counts))
    runs = np.array(_unpacked(counts) if isinstance(counts, str) else counts, dtype=np.int64)
    if (runs < 0).any() or runs.sum() != rows * columns:
        raise UnreadableInput("BROKEN", path, "the run lengths of a mask do not fill it", "copy it again from its source")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(flat.reshape(columns, rows).T)


def _unpacked(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for letter in text.encode("ascii"):
        code = letter - 48
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs


def _is_coco(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" and _KEYS.search(head) is not None and _sniff.is_text(head)


coco = Reader(name="coco", formats=(Format(name="COCO JSON", suffixes=(), matches=_is_coco),), open=opened, outlines=outlines)

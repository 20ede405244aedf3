"""A folder with a mask a class: ``liver.nii.gz``, ``spleen.nii.gz`` ..., as TotalSegmentator writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sagittal.core import Image, LabelMap, Labels
from sagittal.core.annotation import IGNORE
from sagittal.errors import Refused, UnreadableInput
from sagittal.io import _sniff
from sagittal.io.guard import Limits

_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
_SAME_MM = 0.1


def masks_in(folder: Path) -> dict[str, Path]:
    """The volumes of a folder by the names of their files, which are those of the classes; empty where there is none."""
    found = {}
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        suffix = next((s for s in _SUFFIXES if path.name.lower().endswith(s)), "")
        if suffix:
            found[path.name[: -len(suffix)]] = path
    return found


def of_masks(folder: Path, labels: Labels, limits: Limits) -> LabelMap:
    """The classes that the masks draw; whatever is not 0 is inside, and where masks overlap the later class lies on top.

    A class without a mask is not drawn. ``image.meta["overlap"]`` counts the voxels that several claim.

    Raises:
        UnreadableInput: A mask cannot be read.
        Refused: No mask is called after a class, or the masks lie on different grids.
    """
    masks = {name: path for name, path in masks_in(folder).items() if name in labels.classes and name != labels.background}
    if not masks:
        what = f"no mask in it is called after one of {', '.join(labels.classes[:6])}"
        raise Refused("UNKNOWN_CLASS", folder, what, "call the masks as the classes, or name them with data.classes")
    images = {name: _opened(masks[name], limits) for name in labels.classes if name in masks}
    first = next(iter(images.values()))
    odd = next((name for name, image in images.items() if not image.geometry.same_grid(first.geometry, tolerance=_SAME_MM)), "")
    if odd:
        what = f"{odd} lies on another grid than the other masks: {images[odd].geometry.apart(first.geometry)}"
        raise Refused("LABEL_GRID", folder, what, "write all masks of a case on one grid")
    ground = labels.code(labels.background) if labels.background is not None else IGNORE
    made, overlap = np.full(first.geometry.shape, ground, np.int32), 0
    for name, image in images.items():
        inside = image.read()[0] != 0
        overlap += int(np.count_nonzero(inside & (made != ground)))
        made[inside] = labels.code(name)
    meta = {"format": f"{len(images)} masks", "overlap": overlap}
    return LabelMap(image=Image.of(made[None], first.geometry, meta=meta), labels=labels)


def _opened(path: Path, limits: Limits) -> Image:
    found = _sniff.look(path)
    if found.reader is None:
        raise UnreadableInput("UNSUPPORTED", path, f"it is a {found.format.name} file, not a volume", "take it away")
    image: Image = found.reader.read(path, "", limits, found.begun)
    return image

"""What a person drew, from outlines and label maps on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Annotation, Geometry, Image, LabelMap, Labels
from sagittal.core.image import Values
from sagittal.errors import Refused, UnreadableInput
from sagittal.io import _sniff
from sagittal.io._mask_folder import masks_in, of_masks
from sagittal.io.guard import Limits

_MASK_RULE = "draw on the picture itself, or export the mask at its size"


def annotation(path: Path, part: str, labels: Labels, like: Geometry | None, limits: Limits) -> Annotation:
    """See :func:`sagittal.io.read_annotation`."""
    if path.is_dir() and not part and masks_in(path):
        return of_masks(path, labels, limits)
    if path.is_dir():
        return _of_dicom(path, part, labels, like, limits)
    found = _sniff.look(path)
    family = found.reader.name if found.reader else ""
    if found.format.name in {"DICOM", "ZIP"}:
        return _of_dicom(path, part, labels, like, limits)
    if found.reader is not None and found.reader.outlines is not None:
        return found.reader.outlines(path, part, labels, like, limits)
    if family == "slide":  # a mask as large as its slide, in a TIFF of tiles
        return _drawn(_stored(path, part, "TIFF", labels, limits), labels, like, path)
    if family == "raster":
        return _drawn(_stored(path, part, found.format.name, labels, limits), labels, like, path)
    if family == "array":
        from sagittal.io.readers.array import load_array

        return _drawn(load_array(path, part, limits), labels, like, path)
    if family in {"nifti", "nrrd", "metaimage"} and found.reader is not None:
        return _volume(found.reader.read(path, part, limits, found.begun), labels, path)
    raise UnreadableInput("UNSUPPORTED", path, f"it is a {found.format.name} file, not a label map or outlines", "name the right file")


def _of_dicom(path: Path, part: str, labels: Labels, like: Geometry | None, limits: Limits) -> Annotation:
    """A SEG or RTSTRUCT, alone in its folder too; a series of images whose values are numbers of classes."""
    from sagittal import io
    from sagittal.io.dicom.drawn import drawn, only_drawn

    file = only_drawn(path, limits)
    if file is None:
        return _volume(io.read(f"{path}::{part}" if part else path, limits=limits), labels, path)
    if part:
        raise UnreadableInput("NO_SUCH_PART", path, f"a segmentation has no part {part!r}", "leave out what follows ::")
    return drawn(file, labels, like, limits)


def _volume(image: Image, labels: Labels, path: Path) -> LabelMap:
    values = _whole(image.read(), path)
    if values.shape[0] != 1:
        raise Refused("LABEL_VALUES", path, f"a label map of {values.shape[0]} channels", "save one number a voxel")
    return LabelMap(image=Image.of(values, image.geometry, meta=image.meta), labels=labels)


def _stored(path: Path, part: str, name: str, labels: Labels, limits: Limits) -> Values:
    """The numbers in a picture: grey values or palette positions; colours where every one is a class's."""
    from sagittal.io.readers._png import png_indices
    from sagittal.io.readers._tiff import tiff_indices
    from sagittal.io.readers.raster import raster

    if name == "JPEG":
        raise Refused("LOSSY_LABELS", path, "JPEG changes the numbers of a label map", "save the labels as PNG")
    values = None
    if name == "PNG":
        values = png_indices(path, limits)
    elif name == "TIFF":
        values = tiff_indices(path, part, limits)
    if values is not None:
        return values
    pixels = raster.read(path, part, limits).read()[:3]
    if len(pixels) < 3 or all(np.array_equal(p, pixels[0]) for p in pixels):
        return np.asarray(pixels[0])
    return _by_colour(pixels, labels, path)


def _by_colour(pixels: Values, labels: Labels, path: Path) -> Values:
    """Colours to the numbers of the classes that have them."""
    packed = (pixels.astype(np.int64) << np.array([16, 8, 0]).reshape(3, 1, 1)).sum(axis=0)
    result: NDArray[np.int64] = np.full(packed.shape, -1, dtype=np.int64)
    for name in labels.classes:
        result[packed == int(labels.colour(name).removeprefix("#"), 16)] = labels.code(name)
    if (result < 0).any():
        strange = [f"#{c:06x}" for c in np.unique(packed[result < 0])[:4]]
        raise Refused("LABEL_VALUES", path, f"colours {', '.join(strange)} stand for no class", "name them in labels.colours")
    return result


def _drawn(values: Values, labels: Labels, like: Geometry | None, path: Path) -> LabelMap:
    """A label map laid on the grid of the picture it was drawn on."""
    whole = _whole(np.squeeze(values) if values.ndim > 2 else values, path)
    if whole.ndim not in {2, 3}:
        raise Refused("LABEL_VALUES", path, f"an array of shape {values.shape} is no label map", "name one row of it")
    geometry = _laid(whole.shape, like, path)
    used = set(np.unique(whole).tolist()) if whole.size else set()
    # a mask of two classes is often saved as black and white
    if len(labels) == 2 and not labels.codes and used <= {0, 255} and 255 in used:
        whole = np.minimum(whole, 1)
    return LabelMap(image=Image.of(np.asarray(whole)[None], geometry), labels=labels)


def _laid(shape: tuple[int, ...], like: Geometry | None, path: Path) -> Geometry:
    if like is None:
        return Geometry.picture(shape) if len(shape) == 2 else Geometry(shape=shape, affine=np.eye(len(shape) + 1))
    if shape == like.shape:
        return like
    if len(shape) != like.axes or not np.allclose(np.divide(shape, like.shape), shape[0] / like.shape[0], rtol=0.01):
        raise Refused("MASK_SIZE", path, f"the mask is {shape}, the picture {like.shape}: they have not the same shape", _MASK_RULE)
    return like.resized(shape)


def _whole(values: Any, path: Path) -> Values:
    """Label numbers as integers; a fraction is refused."""
    array: NDArray[Any] = np.asarray(values)
    if array.dtype.kind in "iub":
        return array
    whole: NDArray[Any] = np.round(array)
    if not np.array_equal(whole, array):
        raise Refused("LABEL_VALUES", path, "the label map holds fractions", "save it as whole numbers, without interpolation")
    return whole.astype(np.int64)

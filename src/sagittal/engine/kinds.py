"""Whether a volume is of the kind that a model learnt from: the numbers of CT are a scale, those of MR are not."""

from __future__ import annotations

import numpy as np

from sagittal.core.image import Image
from sagittal.core.window import Window
from sagittal.engine.prepare import Preparation
from sagittal.engine.volumes import AIR
from sagittal.ops.scale import OUTER

OTHER = frozenset({"MR", "PT", "NM", "US", "XA", "CR", "DX", "MG"})
"""Modalities of DICOM whose numbers are never Hounsfield units."""


def strange(preparation: Preparation, image: Image) -> str:
    """What there is to say of a volume of another kind than those the model learnt from; nothing where there is nothing.

    A file that states its modality is believed. Of any other the middle slice is looked at: values below those of fat are CT,
    and CT without a single one below 0 is not in Hounsfield units.

    Args:
        preparation: Of the model. What it does to intensities was decided by what it learnt from.
        image: Of one case.

    >>> from sagittal.core.geometry import Geometry
    >>> ct = Image.of(np.full((1, 4, 4, 3), -1000.0), Geometry(shape=(4, 4, 3), affine=np.eye(4)))
    >>> strange(Preparation(axes=3, names=("value",), scaling="nonzero"), ct)
    'it looks like CT, and the model learnt from volumes whose scale is their own, as that of MR is'
    """
    if preparation.axes < 3 or image.geometry.axes < 3 or len(image.channels) != 1 or image.tiled:
        return ""
    modality = str(image.meta.get("modality", ""))
    if preparation.scaling == "nonzero":
        if modality == "CT" or (modality not in OTHER and _coldest(image) < AIR):
            return f"{_said(modality)} CT, and the model learnt from volumes whose scale is their own, as that of MR is"
    elif preparation.scaling == "fixed" and preparation.clip:
        if modality in OTHER:
            return f"its file says {modality}, and the model learnt from CT"
        if modality != "CT" and _coldest(image) >= 0:
            return "it holds nothing below 0, and the model learnt from CT in Hounsfield units"
    return ""


def _said(modality: str) -> str:
    return "its file says" if modality else "it looks like"


def _coldest(image: Image) -> float:
    """The darkest half percent of the middle slice, which costs little beside an answer."""
    start, size = [0] * image.geometry.axes, list(image.geometry.shape)
    start[-1], size[-1] = size[-1] // 2, 1
    values = image.read(Window(tuple(start), tuple(size))).astype(np.float32)
    return float(np.percentile(values, OUTER[0]))

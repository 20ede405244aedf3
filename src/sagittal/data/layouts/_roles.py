"""Which part of a case a folder or a file is, told by its name."""

from __future__ import annotations

import re

_IMAGE = {
    "image",
    "images",
    "img",
    "imgs",
    "imagestr",
    "imagests",
    "picture",
    "pictures",
    "scan",
    "scans",
    "tissue",
    "raw",
    "input",
    "inputs",
}
_IMAGE |= {"volume", "volumes", "tile", "tiles", "slides", "wsi", "wsis"}
_MASK = {
    "mask",
    "masks",
    "label",
    "labels",
    "labelstr",
    "labelsts",
    "seg",
    "segs",
    "segmentation",
    "segmentations",
    "annotation",
    "annotations",
}
_MASK |= {
    "anno",
    "annos",
    "gt",
    "groundtruth",
    "truth",
    "target",
    "targets",
    "outline",
    "outlines",
    "labelmap",
    "labelmaps",
    "manual",
    "roi",
    "rois",
}
_MASK |= {"svg", "svgs", "geojson", "geojsons", "xml", "xmls", "contour", "contours", "groundtruths", "lesion", "lesions"}

# words beside which a folder is still called after its part of a case
_FILLERS = {"my", "our", "the", "all", "data", "nii", "nifti", "file", "files", "folder", "original", "final", "expert"}

_MODALITIES = {
    "t1",
    "t1w",
    "t1n",
    "t1c",
    "t1ce",
    "t1gd",
    "t1post",
    "t1pre",
    "t2",
    "t2w",
    "t2f",
    "t2star",
    "flair",
    "pd",
    "pdw",
    "ir",
    "swi",
}
_MODALITIES |= {"dwi", "adc", "tof", "mra", "bold", "ct", "cbct", "cta", "pet", "suv", "mr"}


def words_of(name: str) -> list[str]:
    """The words of a name in lower case; digits part words.

    >>> words_of("imagesTr"), words_of("tissue_image"), words_of("OTMultiClass.nii"), words_of("ground-truth")
    (['imagestr'], ['tissue', 'image'], ['otmulticlass', 'nii'], ['groundtruth'])
    """
    low = (
        name.casefold().replace("ground-truth", "groundtruth").replace("ground_truth", "groundtruth").replace("ground truth", "groundtruth")
    )
    return [w for w in re.split(r"[^a-z]+", low) if w]


def is_image_name(name: str) -> bool:
    """Whether a folder or file is named as the image of a case."""
    return any(w in _IMAGE for w in words_of(name)) and not is_mask_name(name)


def is_mask_name(name: str) -> bool:
    """Whether a folder or file is named as what was drawn on a case."""
    return any(w in _MASK for w in words_of(name))


def is_role_folder(name: str) -> bool:
    """Whether a folder's whole name is a part of a case: ``images``, ``masks``, ``labelsTr``, ``My Labels``, ``CT masks``.

    >>> [is_role_folder(n) for n in ("images", "My Images", "CT masks", "CT images", "data", "normal images")]
    [True, True, True, False, False, False]
    """
    words = words_of(name)
    # "CT images" beside "MR images" may be classes; "CT masks" are none.
    beside = _FILLERS | _MODALITIES if is_mask_name(name) else _FILLERS
    return any(w in _IMAGE or w in _MASK for w in words) and all(w in _IMAGE or w in _MASK or w in beside for w in words)


def is_modality(word: str) -> bool:
    """Whether a word of a file name says how an image was taken.

    >>> is_modality("T1ce"), is_modality("subject")
    (True, False)
    """
    return word.casefold() in _MODALITIES

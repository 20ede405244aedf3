"""One npz file with arrays of pictures and labels a split, as MedMNIST has them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Case
from sagittal.data.layouts._files import is_hidden, split_of
from sagittal.data.layouts._found import Found, found, labels_for, plural
from sagittal.data.manifest import SPLITS, Manifest, Said
from sagittal.errors import UnreadableInput, UsageError
from sagittal.io.guard import Limits
from sagittal.io.readers.array import load_array

# The classes as the MedMNIST v2 paper numbers them (Yang et al., Sci. Data 10:41, 2023, info.json).
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "pathmnist": (
        "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
        "cancer-associated stroma", "colorectal adenocarcinoma epithelium",
    ),
    "chestmnist": (
        "atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia", "pneumothorax",
        "consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia",
    ),
    "dermamnist": (
        "actinic keratoses", "basal cell carcinoma", "benign keratosis-like lesions", "dermatofibroma", "melanoma",
        "melanocytic nevi", "vascular lesions",
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "breastmnist": ("malignant", "normal, benign"),
    "bloodmnist": (
        "basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil", "platelet",
    ),
}  # fmt: skip
_IMAGES = ("images", "image", "x", "data", "imgs")
_LABELS = ("labels", "label", "y", "targets", "target")


def medmnist_npz(root: Path, *, group: str | None = None, positive: str | None = None, classes: list[str] | None = None) -> Found | None:
    """Arrays ``train_images``, ``train_labels``, ``val_images`` ... (or ``x_train``, ``y_train`` ...) in one npz file.

    Without splits they are called ``images`` and ``labels`` (or ``x`` and ``y``).

    Labels are ``(N,)`` or ``(N, 1)`` whole numbers, or ``(N, K)`` zeros and ones for several findings a picture.

    Args:
        root: The npz file, or a folder with exactly one.
        group: Only ``none`` makes sense: pictures in arrays have no names.
        positive: The class that a sensitivity speaks of.
        classes: Names of the classes 0, 1, ...; known for the files of MedMNIST.

    Returns:
        None when there is no such file.

    Raises:
        UnreadableInput: It is such a file but its labels cannot be used.
        UsageError: A pattern for the patient.
    """
    file = _file(root)
    if file is None:
        return None
    lengths = _lengths(file)
    pairs = _pairs(list(lengths))
    if not pairs:
        return None
    if group is not None and group != "none":
        raise UsageError(
            "GROUP_PATTERN", f"data.group={group}", "pictures in arrays have no names", "write a manifest.csv with a column group"
        )
    told = {split: load_array(file, labels, Limits.default()) for split, (_, labels) in pairs.items()}
    names, said = _classes(file, told, classes)
    cases = [
        Case(id=f"{split}/{i}" if split else str(i), split=split, images={"image": f"{file.name}::{images}/{i}"}, label=word)
        for split, (images, _) in pairs.items()
        for i, word in enumerate(_words(told[split], names))
    ]
    for split, (images, _) in pairs.items():
        if lengths.get(images) != len(told[split]):
            what = f"{lengths.get(images)} pictures but {len(told[split])} labels in {split}"
            raise UnreadableInput("LABELS", file, what, "save one label a picture")
    labels = labels_for(list(names.values()), positive=positive, said=said)
    manifest = Manifest(cases=tuple(cases), labels=labels, root=file.parent, provenance={"said": said, "group_rule": "unknown"})
    sizes = ", ".join(f"{split} {len(labels)}".strip() for split, labels in told.items())
    sentence = f"arrays in {file.name}: {plural(len(names), 'class')}, {sizes} pictures, patients are not known"
    return found("medmnist_npz", manifest, sentence)


def _file(root: Path) -> Path | None:
    if root.is_file():
        return root if root.suffix.casefold() == ".npz" and zipfile.is_zipfile(root) else None
    if not root.is_dir():
        return None
    files = [p for p in sorted(root.iterdir()) if p.suffix.casefold() == ".npz" and not is_hidden(p.name) and zipfile.is_zipfile(p)]
    return files[0] if len(files) == 1 else None


def _pairs(names: list[str]) -> dict[str, tuple[str, str]]:
    """The arrays of pictures and labels of each split."""
    told: dict[str, dict[str, str]] = {}
    for name in names:
        for role, words in (("images", _IMAGES), ("labels", _LABELS)):
            parts = [p for p in name.casefold().replace("-", "_").split("_") if p]
            rest = [p for p in parts if p not in words]
            if len(parts) == 2 and len(rest) == 1 and split_of(rest[0]):
                told.setdefault(split_of(rest[0]), {})[role] = name
            elif len(parts) == 1 and not rest:
                told.setdefault("", {})[role] = name
    return {s: (told[s]["images"], told[s]["labels"]) for s in (*SPLITS, "") if {"images", "labels"} <= set(told.get(s, {}))}


def _lengths(file: Path) -> dict[str, int]:
    """How many entries each array has, from its header alone."""
    lengths = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for name in (n for n in archive.namelist() if n.endswith(".npy")):
                with archive.open(name) as member:
                    version = np.lib.format.read_magic(member)
                    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                    shape, _, _ = read(member)
                    lengths[name.removesuffix(".npy")] = shape[0] if shape else 0
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise UnreadableInput("BROKEN", file, f"its arrays cannot be listed: {error}", "copy it again from its source") from error
    return lengths


def _classes(file: Path, told: Mapping[str, NDArray[Any]], classes: list[str] | None) -> tuple[dict[int, str], Said]:
    """The name of each class number, and whether a picture may have several."""
    for split, labels in told.items():
        if (
            labels.ndim not in {1, 2}
            or not np.issubdtype(labels.dtype, np.number)
            or (labels != np.floor(labels)).any()
            or (labels < 0).any()
        ):
            what = f"{split}: labels of shape {labels.shape} and type {labels.dtype}"
            raise UnreadableInput("LABELS", file, what, "save them as whole numbers from 0, (N,) or (N, K)")
    several = any(labels.ndim == 2 and labels.shape[1] > 1 for labels in told.values())
    present = sorted({int(v) for labels in told.values() for v in np.unique(labels)})
    count = max(labels.shape[1] for labels in told.values()) if several else present[-1] + 1
    flag = file.stem.casefold().partition("_")[0]
    names = tuple(classes or ()) or _KNOWN.get(flag, ())
    said: Said = "labels" if several else "label"
    if classes and len(names) != count:
        raise UnreadableInput("LABELS", file, f"{len(names)} class names for {count} classes", "name as many as there are")
    if len(names) == count:
        return dict(enumerate(names)), said
    return {i: str(i) for i in (range(count) if several else present)}, said


def _words(labels: NDArray[np.generic], names: Mapping[int, str]) -> list[str]:
    if labels.ndim == 2 and labels.shape[1] > 1:
        return [";".join(name for name, on in zip(names.values(), row, strict=True) if on) for row in labels]
    return [names[int(v)] for v in labels.reshape(-1)]

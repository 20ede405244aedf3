"""Retina OCT: four classes in folders, patients in the file names, and what an audit should find planted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagittal.errors import UsageError
from sagittal.io import atomic
from sagittal.io.writers.raster import encode_jpeg
from sagittal.phantoms._disease import scan
from sagittal.phantoms._folder import patient_numbers, planted, put, rng_of, shares
from sagittal.phantoms._surfaces import Eye

CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
_SPLITS = ("train", "val", "test")
_SHARES = (0.6, 0.2, 0.2)
_QUALITY = 92


@dataclass(frozen=True, slots=True)
class _Patient:
    number: str
    place: int
    disease: str
    split: str


def retina(
    out: Path,
    *,
    patients: int = 48,
    scans: int = 8,
    seed: int = 0,
    size: tuple[int, int] = (496, 512),
    flawed: bool = True,
) -> Path:
    """B-scans in class folders ``train|val|test / CNV|DME|DRUSEN|NORMAL / CNV-<patient>-<n>.jpeg``.

    A patient has one class and, but for one, stands in one split. Planted, and listed in ``planted.json``: a
    patient with scans in train and in test; a training scan that stands in test under another patient's name,
    its pixels equal and its bytes not; a training scan that stands there twice, once at a lower JPEG quality.

    Args:
        out: A new or empty folder.
        patients: How many, at least 12; each class has the same number within one.
        scans: How many scans a patient has.
        seed: The same seed gives the same bytes.
        size: Rows and columns of a scan.
        flawed: Whether to plant the three flaws.

    Returns:
        ``out``.

    Raises:
        UsageError: Too few patients, or ``out`` is not empty.
        StorageFailure: ``out`` cannot be written.

    >>> folder = retina(getfixture("tmp_path") / "oct", patients=12, scans=2, size=(62, 64))
    >>> sorted(p.name for p in (folder / "train").iterdir())
    ['CNV', 'DME', 'DRUSEN', 'NORMAL']
    """
    if patients < 3 * len(CLASSES) or scans < 2:
        raise UsageError(
            "TOO_FEW", f"patients={patients}, scans={scans}", "each class needs a patient in each split", "take 12 and 2 or more"
        )
    out = atomic.new_folder(out)
    chosen = _patients(patients, seed)
    leaking = next(p for p in chosen if p.split == "train") if flawed else None
    for patient in chosen:
        eye = Eye.drawn(rng_of(seed, 1, patient.place))
        for n in range(scans):
            split = "test" if patient is leaking and n >= scans // 2 else patient.split
            pixels = scan(patient.disease, eye, shape=size, rng=rng_of(seed, 2, patient.place, n))
            put(out / _name(patient, n, split), encode_jpeg(pixels, quality=_QUALITY))
    truth: dict[str, object] = {
        "classes": list(CLASSES),
        "patients": patients,
        "scans": scans,
        "size": list(size),
        "leaks": [],
        "duplicates": [],
    }
    if leaking is not None:
        train = [_name(leaking, n, "train") for n in range(scans // 2)]
        test = [_name(leaking, n, "test") for n in range(scans // 2, scans)]
        truth["leaks"] = [{"group": leaking.number, "splits": ["train", "test"], "files": [*train, *test]}]
        truth["duplicates"] = list(_duplicates(out, chosen, leaking, (seed, scans, size)))
    planted(out, "retina", seed, truth)
    return out


def _patients(n: int, seed: int) -> list[_Patient]:
    rng = rng_of(seed, 0)
    numbers = patient_numbers(n, rng)
    found = []
    for k, disease in enumerate(CLASSES):
        own = list(range(k, n, len(CLASSES)))
        splits = [split for split, count in zip(_SPLITS, shares(len(own), _SHARES), strict=True) for _ in range(count)]
        found += [_Patient(numbers[place], place, disease, split) for place, split in zip(own, splits, strict=True)]
    return found


def _name(patient: _Patient, n: int, split: str) -> str:
    return f"{split}/{patient.disease}/{patient.disease}-{patient.number}-{n + 1}.jpeg"


def _duplicates(
    out: Path, chosen: list[_Patient], leaking: _Patient, made: tuple[int, int, tuple[int, int]]
) -> Iterator[dict[str, object]]:
    """Write the two copies and say what they are."""
    seed, scans, size = made
    drusen = [p for p in chosen if p.disease == "DRUSEN" and p is not leaking]
    first = next(p for p in drusen if p.split == "train")
    tested = next(p for p in drusen if p.split == "test")
    other = next(p for p in chosen if p.disease == "NORMAL" and p.split == "train")

    def again(patient: _Patient) -> NDArray[np.uint8]:
        return scan(patient.disease, Eye.drawn(rng_of(seed, 1, patient.place)), shape=size, rng=rng_of(seed, 2, patient.place, 0))

    copy = _name(tested, scans, "test")
    put(out / copy, _recoded(again(first)))
    yield {"a": _name(first, 0, "train"), "b": copy, "how": "coded anew without loss: pixels equal, bytes not", "pixels_equal": True}
    copy = _name(other, scans, "train")
    put(out / copy, encode_jpeg(again(other), quality=60))
    yield {"a": _name(other, 0, "train"), "b": copy, "how": "JPEG quality 60 instead of 92", "pixels_equal": False}


def _recoded(pixels: NDArray[np.uint8]) -> bytes:
    """The same coefficients in another file: a comment is put after the start marker."""
    data = encode_jpeg(pixels, quality=_QUALITY)
    comment = b"exported again"
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]

"""Volumes in files that are not DICOM: which of them lie in a folder, and how one is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sagittal import io
from sagittal.core import Image
from sagittal.errors import Refused
from sagittal.io.guard import Limits

_READERS = ("nifti", "nrrd", "metaimage", "array")
_PAIRS = {".img": ".hdr", ".img.gz": ".hdr.gz"}


def volume_files(folder: Path) -> list[Path]:
    """NIfTI, NRRD, MetaImage and array files in a folder and below; of a header and its pixels the header, no hidden ones."""
    known = tuple(io.suffixes(*_READERS))
    files = sorted(p for p in folder.rglob("*") if p.name.lower().endswith(known) and not p.name.startswith(".") and p.is_file())
    there = {_low(p) for p in files}
    return [p for p in files if not any(_low(p).endswith(a) and _low(p).removesuffix(a) + b in there for a, b in _PAIRS.items())]


def all_volumes(source: str, limits: Limits, *, wanted: int | None = None) -> tuple[Image, Mapping[str, object]]:
    """An image and what is known of it; of a file with a fourth axis all its volumes as channels, counted as ``time_points``.

    Args:
        source: A locator.
        limits: For reading.
        wanted: How many volumes in one file are known to be channels; any number where not said.

    Raises:
        UnreadableInput: As :func:`sagittal.io.read`.
        Refused: As :func:`sagittal.io.read`, but for several volumes in one file, as many as wanted.
    """
    try:
        image = io.read(source, limits=limits)
    except Refused as error:
        if error.code != "SEVERAL_VOLUMES":
            raise
        image = io.read(f"{source}::channels", limits=limits)
        if wanted not in {None, len(image.channels)}:
            raise
        return image, {**image.meta, "time_points": len(image.channels)}
    return image, image.meta


def format_of(image: Image) -> str:
    """What stands where a DICOM volume has its modality: ``nifti1``, ``nrrd`` ..."""
    return re.sub(r"\W+", "", str(image.meta.get("format", "file"))).lower()


def _low(path: Path) -> str:
    # on some disks A.HDR and a.img are a pair
    return path.as_posix().lower()

"""DICOM files: one slice, a multi-frame volume, a mosaic, an ultrasound picture; folders are read by series."""

from __future__ import annotations

from pathlib import Path

from sagittal.core import Image
from sagittal.io._reader import Format, Reader
from sagittal.io.dicom._looks import looks_like_dicom
from sagittal.io.guard import Limits


def _open(path: Path, part: str, limits: Limits) -> Image:
    """The image in one file: a volume in RAS+ mm where it has a place in the world, else a picture in its pixels.

    Values are float32 (Hounsfield units of CT), colours as stored. A file with several volumes (time points of an
    enhanced object) needs ``path::KEY``.

    Raises:
        UnreadableInput: Broken, truncated, over a limit, no pixels.
        Refused: Several volumes, or one whose slices make no grid.
    """
    from sagittal.io.dicom.header import read_header
    from sagittal.io.dicom.series import find, pick

    read_header(path, limits=limits)
    return pick(find(path, limits=limits), part, path).image(allow=limits.allow)


_DICOM = Format(name="DICOM", suffixes=(".dcm", ".dicom", ".ima"), matches=looks_like_dicom)
dicom = Reader(name="dicom", formats=(_DICOM,), open=_open)

"""Which files of a folder may be DICOM: they are told by their content, whatever they are called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sagittal.data.layouts._files import NO_DICOM, is_hidden, suffix_of
from sagittal.io.dicom._looks import looks_like_dicom

_LOOKED_AT = 64


def has_dicom(root: Path) -> bool:
    """Whether one of the first files that could be DICOM is it."""
    for path, _ in zip(candidates(root), range(_LOOKED_AT), strict=False):
        try:
            with path.open("rb") as file:
                if looks_like_dicom(file.read(1024)):
                    return True
        except OSError:
            continue
    return False


def candidates(root: Path) -> Iterator[Path]:
    """All files whose suffix does not say that they are something else."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if not is_hidden(n))
        yield from (Path(folder) / f for f in sorted(files) if not is_hidden(f) and suffix_of(f) not in NO_DICOM)

"""What a DICOM segmentation or structure set holds: its segments by name, without anybody's data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sagittal import io
from sagittal.io.guard import Limits
from sagittal.report.words import count
from sagittal.verbs._outcome import Outcome


def segments_in(path: Path, limits: Limits) -> Outcome | None:
    """The segments of a DICOM SEG or RTSTRUCT, a row each; None of anything else."""
    if not path.is_file() or io.identify(path) != "DICOM":
        return None
    from sagittal.io.dicom.drawn import modality
    from sagittal.io.dicom.rtstruct import read_structures
    from sagittal.io.dicom.seg import read_segmentation

    kind = modality(path, limits)
    if kind == "SEG":
        made = read_segmentation(path, limits=limits)
        grid, numbers = made.image.geometry, np.bincount(made.image.read().reshape(-1))
        ml = float(np.prod(grid.spacing)) / 1000
        rows = [(s, f"{ml * (numbers[s.number] if s.number < len(numbers) else 0):.4g} ml") for s in made.segments]
        where = f", on {' x '.join(map(str, grid.shape))} voxels of {', '.join(f'{s:.4g}' for s in grid.spacing)} mm"
    elif kind == "RTSTRUCT":
        rows = [(s.drawn, count(len(s.outlines), "outline")) for s in read_structures(path, limits=limits).structures]
        where = ""
    else:
        return None
    lines = [f"{path.name}: DICOM {kind}, {count(len(rows), 'segment')}{where}"]
    lines += [f"  {drawn.number:>3}  {drawn.name or '-':<28}{size:>14}" for drawn, size in rows]
    told = [{"number": drawn.number, "name": drawn.name, "colour": drawn.colour, "size": size} for drawn, size in rows]
    return Outcome(path=path, facts={"modality": kind, "segments": told}, text=lines)

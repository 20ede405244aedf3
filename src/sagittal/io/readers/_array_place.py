"""Where the volume in an array file lies, when that is stated beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagittal.core import Geometry
from sagittal.errors import Refused, UnreadableInput
from sagittal.io.guard import Limits
from sagittal.io.readers._grid import why_absurd
from sagittal.io.readers._npy import member_names, read_member

PLACES = ("affine", "spacing")
"""Names of arrays in an npz file, and of fields in the JSON file beside an array, that say where the voxels lie."""

_LONGEST = 2**16


def stated(path: Path, shape: tuple[int, ...], limits: Limits, *, packed: bool) -> Geometry | None:
    """The grid of a volume, in mm; None where nothing is stated.

    ``affine`` leads from array indices to RAS+ mm; ``spacing`` has a number in mm for each axis. They are arrays of the same npz
    file, or fields of a JSON file of the same name (``scan.npy``, ``scan.json``).

    Raises:
        UnreadableInput: Stated in a way that cannot be understood.
        Refused: ``AFFINE``: no volume lies like that.
    """
    told: Any = None
    name = ""
    beside = path.with_suffix(".json")
    if packed:
        name = next((n for n in PLACES if n in member_names(path)), "")
        told = read_member(path, name, limits) if name else None
    if told is None and beside.is_file() and beside.stat().st_size <= _LONGEST:
        try:
            record = json.loads(beside.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise UnreadableInput("BROKEN", beside, "it is no JSON", "mend it, or remove it") from error
        name = next((n for n in PLACES if isinstance(record, dict) and n in record), "")
        told = record[name] if name else None
    if told is None:
        return None
    wanted = (4, 4) if name == "affine" else (3,)
    try:
        numbers: NDArray[np.float64] = np.array(told, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise UnreadableInput("BROKEN", path, f"its {name} holds no numbers", "state numbers in mm") from error
    if numbers.shape != wanted:
        raise UnreadableInput("BROKEN", path, f"its {name} has the shape {numbers.shape}, not {wanted}", f"state {name} for three axes")
    affine = numbers if name == "affine" else np.diag([*numbers, 1.0])
    bad = why_absurd(affine, shape)
    if bad or (name == "spacing" and (numbers <= 0).any()):
        raise Refused("AFFINE", path, f"its {name} {bad or 'has numbers that are not positive'}", "state it anew, in mm")
    # a spacing alone does not say which side is right
    return Geometry(shape=shape, affine=affine, unit="mm", frame="patient" if name == "affine" else "none")

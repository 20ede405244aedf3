"""Where a NIfTI volume lies: sform, qform or voxel sizes, in millimetres, refused when it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagittal.core.geometry import Frame
from sagittal.errors import Refused
from sagittal.io.guard import Limits
from sagittal.io.readers._grid import apart, why_absurd
from sagittal.io.readers._nifti_header import Header

CONFLICT = "AFFINE_CONFLICT"
TOLERANCE_MM = 0.1
_ROUNDING = 3e-7
_ANEW = "write the affine anew from the source"
# the low three bits of xyzt_units: unknown, metre, millimetre, micrometre
_TO_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An affine to RAS+ in mm, where it came from, and what a person should know about it."""

    affine: Floats
    source: str
    frame: Frame
    findings: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


def placed(header: Header, path: Path, limits: Limits) -> Placed:
    """The place of a volume: the sform where its code is above 0, else the qform, else the voxel sizes alone.

    Raises:
        Refused: ``AFFINE`` where it is singular, not finite or absurd; ``AFFINE_CONFLICT`` where sform and qform are
            both set and a corner lies more than 0.1 mm apart (the sform is taken where that is allowed).
    """
    to_mm = np.diag([_TO_MM.get(header.unit, 1.0)] * 3 + [1.0])
    findings = [] if header.unit in _TO_MM else [f"the unit of length has the unknown code {header.unit}: millimetres are assumed"]
    allowed: tuple[str, ...] = ()
    sform = to_mm @ _rows(header) if header.sform[0] > 0 else None
    qform = to_mm @ _quaternion(header) if header.qform[0] > 0 else None
    if sform is not None and qform is not None:
        nearest = min((to_mm @ q for q in _within_rounding(header)), key=lambda q: _apart(sform, q, header))
        against = _agreed(sform, nearest, header, path, limits)
        findings, allowed = [*findings, *against], (CONFLICT,) if against else ()
    if sform is not None:
        return _checked(Placed(affine=sform, source="sform", frame="patient", findings=tuple(findings), allowed=allowed), header, path)
    if qform is not None:
        return _checked(Placed(affine=qform, source="qform", frame="patient", findings=tuple(findings)), header, path)
    affine, told = _sizes(header)
    return _checked(Placed(affine=to_mm @ affine, source="voxel sizes", frame="none", findings=(*findings, *told)), header, path)


def _rows(header: Header) -> Floats:
    return np.vstack([header.sform[1].reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])


def _within_rounding(header: Header) -> list[Floats]:
    """The qform, and what else it may have been before it was rounded to float32.

    The first number of the quaternion is the root of what the others leave of 1: near a half turn, where that is next to
    nothing, rounding leaves the angle open by a thousandth, a quarter of a millimetre at a corner.
    """
    rest = _rest(header)
    if not abs(rest) < 1e-4:
        return [_quaternion(header)]
    low, high = np.sqrt(np.clip([rest - _ROUNDING, rest + _ROUNDING], 0, None))
    return [_quaternion(header), *(_quaternion(header, first=a) for a in np.linspace(low, high, 17))]


def _rest(header: Header) -> float:
    b, c, d = header.qform[1][:3].tolist()
    return float(1.0 - (b * b + c * c + d * d))


def _quaternion(header: Header, *, first: float | None = None) -> Floats:
    """Method 2 of nifti1.h: a turn as a unit quaternion, whose first number is left out, voxel sizes, an offset.

    NaN where the three numbers are of no unit quaternion. As in the reference implementation a first number whose square
    is below 1e-7 is taken for zero, unless ``first`` gives it.
    """
    b, c, d, *offset = header.qform[1].tolist()
    rest = _rest(header)
    if not rest >= -1e-3:
        return np.full((4, 4), np.nan)
    a = first if first is not None else np.sqrt(rest) if rest >= 1e-7 else 0.0
    a, b, c, d = np.array([a, b, c, d]) / np.sqrt(a * a + b * b + c * c + d * d)
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    sizes = header.pixdim[1:4] * [1.0, 1.0, -1.0 if header.pixdim[0] < 0 else 1.0]
    if not (header.pixdim[1:4] > 0).all():
        return np.full((4, 4), np.nan)
    affine = np.eye(4)
    affine[:3, :3] = turn * sizes
    affine[:3, 3] = offset
    return affine


def _sizes(header: Header) -> tuple[Floats, list[str]]:
    """Voxel sizes alone; an Analyze file counts from right to left and is laid around the origin."""
    sizes = np.abs(header.pixdim[1:4])
    known = np.isfinite(sizes) & (sizes > 0)
    found = np.diag([*np.where(known, sizes, 1.0), 1.0])
    told = ["neither sform nor qform is set: sizes are right, place and sides are not known"]
    if not known.all():
        told.append("voxel sizes are missing: 1 mm is assumed")
    if header.kind == "Analyze 7.5":
        found[0, 0] *= -1  # "the ANALYZE 7.5 coordinate system is +x = Left", nifti1.h
        found[:3, 3] = -found[:3, :3] @ ((np.array(header.shape) - 1) / 2)
        told = ["Analyze 7.5 does not say which side is right: columns are taken to run from right to left", *told[1:]]
        if np.isfinite(header.spm_scale) and header.spm_scale not in {0.0, 1.0}:
            told.append(f"a scale factor of {header.spm_scale:g}, which some programs write there, is not applied")
    return found, told


def _agreed(sform: Floats, qform: Floats, header: Header, path: Path, limits: Limits) -> list[str]:
    """Nothing where both say the same; a finding where they do not and that is allowed."""
    bad = why_absurd(qform, header.shape)
    far = _apart(sform, qform, header)
    if far <= TOLERANCE_MM:
        return []
    rather = f"its qform (code {header.qform[0]}) {bad}" if bad else f"sform and qform lay a corner {far:.3g} mm apart"
    if CONFLICT in limits.allow:
        return [f"{rather}; the sform is taken"]
    what = f"{rather}: sform (code {header.sform[0]}) {_told(sform)}, qform (code {header.qform[0]}) {_told(qform)}"
    raise Refused(CONFLICT, path, what, f"find out which is right and write both alike, or take the sform with --allow {CONFLICT}")


def _apart(sform: Floats, qform: Floats, header: Header) -> float:
    return apart(sform, qform, header.shape) if not why_absurd(qform, header.shape) else np.inf


def _checked(found: Placed, header: Header, path: Path) -> Placed:
    bad = why_absurd(found.affine, header.shape)
    if bad:
        raise Refused("AFFINE", path, f"its {found.source} {bad}: {_told(found.affine)}", _ANEW)
    return found


def _told(affine: Floats) -> str:
    return "[" + "; ".join(" ".join(f"{v:.6g}" for v in row) for row in affine[:3]) + "]"

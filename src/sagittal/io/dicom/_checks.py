"""Looks for the faults of a series: what would make a wrong volume without a word (see docs/concepts/dicom-series.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sagittal.io.dicom._faults import Fault, names
from sagittal.io.dicom._geometry import Stack, stack
from sagittal.io.dicom._planes import Plane
from sagittal.io.dicom._sort import CROSS_SECTIONS, Part, grouped, places

_SAME_SPACING = 1e-4


def patients(planes: Sequence[Plane], item: str, root: Path) -> Iterator[Fault]:
    """Two people under one series: their identifiers differ, or the names do."""
    groups = grouped(planes, lambda p: (p.owner.patient.casefold(), _name(p.owner.name)))
    if len(groups) > 1:
        least = min(groups.values(), key=len)
        what = f"slices of {len(groups)} patients are in one series; {names(_files(least), root)} differ from the rest"
        yield Fault(code="MIXED_PATIENT", item=item, what=what, remedy="export the series again, or move what does not belong to it")


def unreadable(planes: Sequence[Plane], root: Path) -> Iterator[Fault]:
    """Files that are cut off or broken."""
    for path, members in grouped(planes, lambda p: p.stored.path).items():
        error = members[0].broken
        if error is not None:
            yield Fault.of_file(error, path, root)


def uniform(planes: Sequence[Plane], item: str, root: Path) -> Iterator[Fault]:
    """Sizes, pixel spacings, rescale tags and photometric interpretation that change from slice to slice."""
    sizes = grouped(planes, lambda p: p.shape)
    if len(sizes) > 1:
        told = "; ".join(f"{shape[0]} x {shape[1]} in {names(_files(g), root)}" for shape, g in sizes.items())
        yield Fault(code="MIXED_SIZE", item=item, what=f"slices differ in size: {told}", remedy="move those of the other size away")
    spacings = grouped(planes, lambda p: p.spacing)
    known = [s for s in spacings if s is not None]
    if len(spacings) > 1 and (len(known) < len(spacings) or not _close(known)):
        least = min(spacings.values(), key=len)
        told = " and ".join(_mm(s) for s in spacings)
        what = f"the pixel spacing is {told}; {names(_files(least), root)} differ from the rest"
        yield Fault(code="MIXED_SPACING", item=item, what=what, remedy="move the slices with the other spacing away")
    bare = [p for p in planes if p.rescale is None]
    if bare and any(p.rescale not in {None, (1.0, 0.0)} for p in planes):
        what = f"slope and intercept are missing in {names(_files(bare), root)}, while the other slices have them"
        yield Fault(code="MIXED_RESCALE", item=item, what=what, remedy="export the series again; the values of those slices are off")
    shown = grouped(planes, lambda p: p.stored.photometric)
    if "MONOCHROME1" in shown and len(shown) > 1:
        what = f"{names(_files(shown['MONOCHROME1']), root)} are to be shown with black and white exchanged, the others are not"
        yield Fault(code="MIXED_PHOTOMETRIC", item=item, what=what, remedy="export the series again")


def placed(planes: Sequence[Plane], item: str, root: Path) -> Iterator[Fault]:
    """Slices without a place in the patient."""
    lost = [p for p in planes if p.position is None or p.orientation is None]
    if lost and (len(lost) < len(planes) or (len(planes) > 1 and planes[0].about.modality in CROSS_SECTIONS)):
        what = f"{len(lost)} of {len(planes)} slices have no position (Image Position and Orientation): {names(_files(lost), root)}"
        remedy = "export the series again; a single file can be read as a picture"
        yield Fault(code="NO_POSITION", item=item, what=what, remedy=remedy)
    elif not lost and any(p.spacing is None for p in planes):
        bare = [p for p in planes if p.spacing is None]
        what = f"the pixel spacing is missing in {names(_files(bare), root)}"
        yield Fault(code="NO_SPACING", item=item, what=what, remedy="export the series again")


def spaced(planes: Sequence[Plane], item: str) -> Iterator[Fault]:
    """Missing slices, uneven distances; all slices have a place of their own."""
    found = stack(planes)
    if not found.even:
        gaps = np.diff(found.along)
        at = int(np.argmax(np.abs(gaps - np.median(gaps))))
        what = (
            f"the distance between slices is {np.median(gaps):.4g} mm in the middle, but from {gaps.min():.4g} to {gaps.max():.4g} mm:"
            f" {gaps[at]:.4g} mm after slice {at + 1} at {found.along[at]:.4g} mm"
        )
        remedy = "--allow VARIABLE_SPACING resamples it to the finest distance and says so"
        yield Fault(code="VARIABLE_SPACING", item=item, what=what, remedy=remedy)
    elif found.missing:
        step = (found.along[-1] - found.along[0]) / (found.depth - 1)
        told = ", ".join(f"{found.along[0] + slot * step:.4g}" for slot in found.missing[:4])
        more = f" and {len(found.missing) - 4} more" if len(found.missing) > 4 else ""
        count = f"{len(found.missing)} slice{'s are' if len(found.missing) > 1 else ' is'} missing"
        what = f"{count} at {told}{more} mm along the slice normal, where slices lie {step:.4g} mm apart"
        remedy = "fetch the series again; --allow SERIES_GAP fills the place with air and marks it"
        yield Fault(code="SERIES_GAP", item=item, what=what, remedy=remedy)
    if not found.straight:
        what = "the slices are shifted against each other within their planes, each by another distance"
        yield Fault(code="MIXED_POSITION", item=item, what=what, remedy="split the series; no grid holds these slices")


def incomplete(planes: Sequence[Plane], most: int, item: str) -> Iterator[Fault]:
    """A time point with fewer slices than the others: an examination that was broken off."""
    if len(planes) < most:
        what = f"{len(planes)} slices, where the other volumes of this series have {most}"
        yield Fault(code="SERIES_GAP", item=item, what=what, remedy="leave this volume out, or fetch the series again")


def dealt(part: Part, item: str) -> Iterator[Fault]:
    """A volume whose slices were taken by numbers that say nothing."""
    if part.doubtful:
        what = "several slices lie at each place, and neither a tag nor their numbers say which belong to one volume"
        remedy = "export the series again with its private tags, or as enhanced DICOM; --allow MIXED_TIME takes them as they are numbered"
        yield Fault(code="MIXED_TIME", item=item, what=what, remedy=remedy)


def copies(planes: Sequence[Plane], found: Sequence[int] | None = None) -> list[list[Plane]]:
    """Slices at the same place, in groups of two and more."""
    numbers = found if found is not None else places(planes)
    many = {n for n, count in Counter(numbers).items() if count > 1}
    return [[p for p, n in zip(planes, numbers, strict=True) if n == place] for place in sorted(many)]


def ready(planes: Sequence[Plane]) -> Stack | None:
    """The stack, where every slice has a place of its own; None where no volume can be made of them."""
    if any(p.position is None or p.orientation is None for p in planes) or not planes:
        return None
    return stack(planes) if len(set(places(planes))) == len(planes) else None


def _name(name: str) -> str:
    """A person's name without case, separators and blanks: they are written differently from device to device."""
    return "".join(c for c in name.casefold() if c.isalnum())


def _close(spacings: Sequence[tuple[float, float]]) -> bool:
    return bool(np.allclose(np.array(spacings, dtype=np.float64), np.array(spacings[0], dtype=np.float64), rtol=_SAME_SPACING, atol=0))


def _mm(spacing: tuple[float, float] | None) -> str:
    return "missing" if spacing is None else " x ".join(f"{s:.5g}" for s in spacing) + " mm"


def _files(planes: Sequence[Plane]) -> list[Path]:
    return list(dict.fromkeys(p.stored.path for p in planes))

"""Folders, files and archives of DICOM to volumes: found by their headers, sorted by their positions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sagittal.errors import Refused, SagittalError, UnreadableInput, nearest
from sagittal.io._recent import Recent
from sagittal.io.dicom import _checks
from sagittal.io.dicom._archive import unpacked
from sagittal.io.dicom._faults import Fault, names
from sagittal.io.dicom._mosaic import Siemens
from sagittal.io.dicom._planes import Plane, planes
from sagittal.io.dicom._sort import Part, grouped, parts, places
from sagittal.io.dicom._tags import SLIDE_CLASS
from sagittal.io.dicom._values import Box, read_planes
from sagittal.io.dicom.header import Dataset, scan
from sagittal.io.dicom.volume import Volume, grid_of, titled
from sagittal.io.guard import Limits

UNREADABLE = "unreadable"
"""The key of what could not be read and belongs to no series that is known."""

# segmentations are read as annotations of the series that they refer to, not as images
_NOT_IMAGES = frozenset({"SEG"})
# MR spectroscopy has rows and columns, and spectra instead of pixels
_SPECTRA = "1.2.840.10008.5.1.4.1.1.4.2"
# CT, enhanced CT, MR, enhanced MR, PET: cut off early, such a file looks like one without pixels
_IMAGES = frozenset({f"1.2.840.10008.5.1.4.1.1.{n}" for n in ("2", "2.1", "4", "4.1", "128")})
_SUFFIXES = frozenset({".dcm", ".dicom", ".ima"})
_MOST_LISTED = 8
_MOST_KEPT = 4

# cases of one folder are read one after the other, and each would look at all of its headers again
_LAST: Recent[list[Volume]] = Recent(_MOST_KEPT, lambda _: 1)


def find(paths: Path | str | Iterable[Path | str], *, limits: Limits | None = None) -> list[Volume]:
    """Every volume in folders (with all below them), files and zip archives, from their headers.

    Files that are not DICOM are passed over; DICOM objects without pixels too. Slices that lie at the same place
    and have the same pixels are dropped and counted, for which those pixels are read. What cannot be read stands in
    the findings of its series, or in a volume of its own, called ``unreadable``.

    Args:
        paths: One, or several that belong together.
        limits: How large what is read may be.

    Raises:
        UnreadableInput: A path is not there, or a file that is named is not DICOM.
    """
    limits = limits or Limits.default()
    given = [Path(paths)] if isinstance(paths, Path | str) else [Path(p) for p in paths]
    found: list[Volume] = []
    for path in given:
        root, files, keep = _files(path, limits)
        met, broken = _scan(files, root, limits, strict=path.is_file())
        for series in grouped(met, _series_of).values():
            found += [replace(v, keep=keep, limits=limits) for v in _volumes(series, root, limits)]
        if broken:
            found.append(_unreadable(broken))
    return sorted(found, key=lambda v: (v.number is None, v.number or 0, v.series, [_natural(w) for w in v.words]))


def find_recent(path: Path, *, limits: Limits) -> list[Volume]:
    """As :func:`find` of one path; a folder that was looked at last, and has not changed, is not looked at again.

    Its files are counted by name, size and time of change.
    """
    if not path.is_dir():
        return find(path, limits=limits)
    about = [(p.as_posix(), status.st_size, status.st_mtime_ns) for p in sorted(_visible(path), key=str) for status in [p.stat()]]
    return _LAST.get(path, (_short(repr(about), 32), limits), lambda: find(path, limits=limits))


def pick(volumes: Sequence[Volume], key: str, item: object) -> Volume:
    """The volume of this key, or the one whose key begins so; the only one where no key is given.

    Args:
        volumes: Of :func:`find`.
        key: May be empty.
        item: What was searched, for messages.

    Raises:
        UnreadableInput: There is none, or no such key; or something could not be read, and it may be what is meant.
        Refused: Several fit (``SERIES_AMBIGUOUS``).
    """
    if not volumes:
        raise UnreadableInput("NO_SERIES", item, "there are no DICOM images in it", "name a folder of DICOM files")
    fitting = [v for v in volumes if v.key == key] or [v for v in volumes if v.key.startswith(key)]
    if not fitting:
        raise UnreadableInput("NO_SUCH_PART", item, f"it has no volume {key!r}", nearest(key, [v.key for v in volumes]))
    lost = [v for v in fitting if v.key == UNREADABLE]
    if lost:
        lost[0].check()
    if len(fitting) > 1:
        told = ", ".join(f"{v.key} ({v.modality}, {v.slices} slice{'' if v.slices == 1 else 's'})" for v in fitting[:_MOST_LISTED])
        more = f" and {len(fitting) - _MOST_LISTED} more" if len(fitting) > _MOST_LISTED else ""
        what = f"there are {len(fitting)} volumes: {told}{more}"
        raise Refused("SERIES_AMBIGUOUS", item, what, f"name one of them: {item}::{fitting[0].key}")
    return fitting[0]


def _files(path: Path, limits: Limits) -> tuple[Path, list[Path], object]:
    """The folder that names are relative to, the files, and what must be kept alive for them."""
    if path.is_dir():
        return path, sorted(_visible(path), key=str), None
    if not path.exists():
        raise UnreadableInput("NOT_FOUND", path, "there is no such file or folder", "check the path")
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    if zipped:
        folder = unpacked(path, limits)
        root = Path(folder.name)
        return root, sorted(p for p in root.rglob("*") if p.is_file()), folder
    if path.name.upper() == "DICOMDIR":
        return _files(path.parent, limits)
    return path.parent, [path], None


def _visible(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if not p.name.startswith(".") and p.is_file()]


def _scan(files: Sequence[Path], root: Path, limits: Limits, *, strict: bool) -> tuple[list[Plane], list[Fault]]:
    """The planes of all files, and those files that belong to no series because they are broken."""
    met: list[Plane] = []
    broken: list[Fault] = []
    mosaics: dict[str, Siemens] = {}
    for path in files:
        try:
            header = scan(path, limits=limits)
            found = planes(header, mosaics=mosaics) if _is_image(header.data) else []
            if header.broken is not None and not found:
                raise header.broken
            if header.pixels is None and not found and _describes_pixels(header.data):
                what = "its header describes an image, but it has no pixels"
                raise UnreadableInput("TRUNCATED", path, what, "copy it again from its source")
            met += found
        except SagittalError as error:
            if error.code == "NOT_DICOM" and not (strict and len(files) == 1) and path.suffix.lower() not in _SUFFIXES:
                continue
            broken.append(Fault.of_file(error, path, root))
    return met, broken


def _natural(word: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts ``t2`` before ``t10``."""
    return tuple((1, int(p), "") if p.isdecimal() else (0, 0, p) for p in re.split(r"(\d+)", word) if p)


def _is_image(data: Dataset) -> bool:
    """Whether its frames are slices; those of a slide are tiles, and read by the reader of slides."""
    return data.text("Modality") not in _NOT_IMAGES and data.text("SOPClassUID") not in {SLIDE_CLASS, _SPECTRA}


def _describes_pixels(data: Dataset) -> bool:
    kind = data.text("SOPClassUID")
    return (data.whole("Rows") > 0 and kind != _SPECTRA) or kind in _IMAGES


def _series_of(plane: Plane) -> str:
    owner, about = plane.owner, plane.about
    xa = about.vendor.upper().startswith("SIEMENS") and " XA" in f" {about.software}" and plane.stored.frames == 1
    # Siemens' XA, a slice a file, gives every volume of a series an identifier of its own
    if xa and owner.study and about.number is not None:
        return f"{owner.study}/{about.number}/{about.description}"
    # the number too: programs that take names out have given all series of a study one identifier
    return f"{owner.series or plane.stored.path.parent}/{about.number if owner.series else about.modality}"


def _volumes(series: Sequence[Plane], root: Path, limits: Limits) -> list[Volume]:
    """The volumes of one series, with what was found."""
    first = series[0]
    uid = min(p.owner.series for p in series) or first.stored.path.parent.name
    number = first.about.number
    name = f"{first.about.modality.lower()}{number if number is not None else 0}-{_short(uid)}"
    title = titled(number, first.about.modality, len(series))
    shared = list(_checks.patients(series, title, root))
    kept, sent_twice = _without_copies(series, _instance, limits)
    split = parts(kept)
    made = []
    for part in split:
        volume = _volume(part, name, root, limits)
        most = max((len(p.planes) for p in split if p.kinds == part.kinds and _is_repeat(p) and _is_repeat(part)), default=0)
        said = [
            *shared,
            *volume.findings,
            *_checks.incomplete(part.planes, most, volume.title),
            *_checks.dealt(part, volume.title),
            *_doubled(sent_twice.within(part.planes), volume.title, root),
        ]
        made.append(replace(volume, findings=tuple(said)))
    return made


def _is_repeat(part: Part) -> bool:
    """Whether there are others that must have as many slices; acquisitions of a CT may cover another range each."""
    ranges = part.planes[0].about.modality == "CT" and re.fullmatch(r"a\d+", part.words[-1]) if part.words else False
    return part.words != part.kinds and not ranges


def _volume(part: Part, name: str, root: Path, limits: Limits) -> Volume:
    first = part.planes[0]
    about = first.about
    members = part.planes
    item = titled(about.number, about.modality, len(members), part.words)
    findings = [
        *_checks.unreadable(members, root),
        *_checks.uniform(members, item, root),
        *_checks.placed(members, item, root),
    ]
    if not any(f.code in {"NO_POSITION", "MIXED_SIZE"} or f.unreadable for f in findings) and all(
        p.position and p.orientation for p in members
    ):
        at = {id(p): n for p, n in zip(members, places(members), strict=True)}
        kept, twice = _without_copies(members, lambda p: at[id(p)], limits)
        members = tuple(kept)
        item = titled(about.number, about.modality, len(members), part.words)
        findings += _doubled(twice, item, root)
    found = _checks.ready(members)
    if found is not None:
        findings += _checks.spaced([members[n] for n in found.order], item)
        members = tuple(members[n] for n in found.order)
        found = _checks.ready(members)
    shape, spacing, sides = grid_of(members, found)
    return Volume(
        key="-".join([name, *part.words]),
        series=name,
        words=part.words,
        kinds=part.kinds,
        modality=about.modality,
        description=about.description,
        number=about.number,
        shape=shape,
        spacing=spacing,
        orientation=sides,
        findings=tuple(findings),
        patient=patient_key(first.owner.patient) if first.owner.patient else "",
        study=_short(first.owner.study, 12) if first.owner.study else "",
        series_uid=first.owner.series,
        frame_uid=first.owner.frame,
        planes=tuple(members),
        stack=found,
        limits=limits,
    )


@dataclass(frozen=True, slots=True)
class _Copies:
    """Slices that were there before: dropped ones, and pairs of which it is not known which one is right."""

    same: tuple[Plane, ...] = ()
    other: tuple[tuple[Plane, Plane], ...] = ()

    def within(self, members: Sequence[Plane]) -> _Copies:
        """Those that concern these slices."""
        here = {_instance(p) for p in members}
        return _Copies(
            tuple(p for p in self.same if _instance(p) in here), tuple(pair for pair in self.other if _instance(pair[0]) in here)
        )


def _instance(plane: Plane) -> Hashable:
    if not plane.owner.instance:
        return id(plane)
    # programs that take names out have given all files of a series one identifier: two slices differ where their places do
    return (plane.owner.instance, plane.frame, plane.corner, plane.position, plane.order, plane.marks, plane.kind)


def _without_copies(members: Sequence[Plane], key: Callable[[Plane], Hashable], limits: Limits) -> tuple[list[Plane], _Copies]:
    """One slice a key: the first; copies are told by their pixels."""
    kept, same, other = [], [], []
    for group in grouped(members, key).values():
        first, *rest = sorted(group, key=lambda p: (p.order, str(p.stored.path))) if len(group) > 1 else group
        kept.append(first)
        for copy in rest:
            if _equal(first, copy, limits):
                same.append(copy)
            else:
                other.append((first, copy))
    return kept, _Copies(tuple(same), tuple(other))


def _equal(one: Plane, two: Plane, limits: Limits) -> bool:
    """Whether two slices have the same values; what cannot be read is not the same."""
    if one.shape != two.shape or one.stored.samples != two.stored.samples:
        return False
    box = Box((0, one.shape[0]), (0, one.shape[1]))
    try:
        return bool(np.array_equal(read_planes([one], box, limits), read_planes([two], box, limits)))
    except SagittalError:
        return False


def _doubled(copies: _Copies, item: str, root: Path) -> list[Fault]:
    said = []
    if copies.other:
        told = "; ".join(names([a.stored.path, b.stored.path], root) for a, b in copies.other[:2])
        more = f" and {len(copies.other) - 2} more pairs" if len(copies.other) > 2 else ""
        what = f"slices at the same place have different pixels: {told}{more}"
        remedy = "move the wrong one away; --allow DUPLICATE_SLICE takes the first by acquisition and number"
        said.append(Fault(code="DUPLICATE_SLICE", item=item, what=what, remedy=remedy))
    if copies.same:
        n = len(copies.same)
        what = f"{n} slice{'s' if n > 1 else ''} with the same place and the same pixels as another {'were' if n > 1 else 'was'} dropped"
        said.append(Fault(code="DUPLICATE_SLICE", item=item, what=what, remedy="nothing is lost", exit_code=0))
    return said


def _unreadable(broken: Sequence[Fault]) -> Volume:
    return Volume(
        key=UNREADABLE,
        series=UNREADABLE,
        words=(),
        modality="",
        description="",
        number=None,
        shape=(),
        spacing=(),
        orientation="",
        findings=tuple(broken),
    )


def patient_key(identifier: str) -> str:
    """The hash by which a volume names its patient."""
    return _short(identifier, 12)


def _short(text: str, digits: int = 6) -> str:
    """A short hash: equal texts have equal ones, and the text cannot be read from it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:digits]

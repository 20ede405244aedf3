"""Volumes that a scanner tiled into one picture: Siemens' mosaics and the grids of United Imaging (UIH)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagittal.errors import UnreadableInput
from sagittal.io.dicom._tags import CSA_TAGS
from sagittal.io.dicom.header import Dataset, Header, read_header
from sagittal.io.guard import Limits, decoding, quiet

Vector = tuple[float, float, float]

_POSITION = re.compile(rb"sSliceArray\.asSlice\[(\d+)\]\.sPosition\.d(Sag|Cor|Tra)\s*=\s*([-+.\deE]+)")
MOST_TILES = 4096
_WIDEST_MM = 600.0


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a slice lies in the mosaic (first row and column) and in the patient (LPS, mm)."""

    corner: tuple[int, int]
    shape: tuple[int, int]
    position: Vector | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Siemens:
    """What Siemens' own header (CSA) says of a mosaic."""

    count: int = 0
    normal: Vector | None = None
    centres: tuple[Vector, ...] = ()


def is_mosaic(data: Dataset) -> bool:
    """Whether the picture is many slices side by side."""
    kind = data.words("ImageType")
    return "MOSAIC" in kind or (is_grid(data) and "VFRAME" in kind)


def is_grid(data: Dataset) -> bool:
    """Whether United Imaging tiled it: every slice has a position of its own."""
    return "UIHFrameSequence" in data or data.whole("UIHSlicesInGrid") > 1


def tiles(header: Header, own: Siemens, rows: int, columns: int) -> list[Tile]:
    """The slices of a mosaic, in its order: left to right, then down.

    Args:
        header: Of the file.
        own: What Siemens' header says of the series; nothing of a grid.
        rows: Of the mosaic.
        columns: Of the mosaic.

    Raises:
        UnreadableInput: The header does not say how many there are, or they do not fit.
    """
    data = header.data
    positions: list[Vector | None]
    if is_grid(data):
        count = data.whole("UIHSlicesInGrid")
        across = math.ceil(math.sqrt(count)) if count > 0 else 0
        down = -(-count // across) if across else 0
        given = [_three(item.numbers("ImagePositionPatient")) for item in data.items("UIHFrameSequence")]
        positions = given if len(given) == count else [None] * count
    else:
        count = slices_of(data, own)
        across = down = math.ceil(math.sqrt(count)) if count > 0 else 0
        positions = []
    if not 0 < count <= MOST_TILES or rows % down or columns % across:
        what = f"a mosaic of {rows} x {columns} pixels that says it has {count} slices"
        raise UnreadableInput("BROKEN", header.path, what, "have the series exported again, one slice a file or enhanced")
    shape = rows // down, columns // across
    if not positions:
        positions = _siemens_positions(data, own, count, (rows, columns), shape)
    corners = [(shape[0] * (n // across), shape[1] * (n % across)) for n in range(count)]
    return [Tile(corner, shape, position) for corner, position in zip(corners, positions, strict=True)]


def slices_of(data: Dataset, own: Siemens) -> int:
    """How many slices a mosaic of Siemens has, also from the times at which they were measured; 0 where nothing says it."""
    return data.whole("SiemensSlicesInMosaic") or own.count or len(data.numbers("SiemensSliceTimes"))


def is_one_slice(data: Dataset, rows: int, columns: int) -> bool:
    """Whether a picture that is called a mosaic, and does not say of how many slices, is no larger than one slice can be.

    Consoles that take mosaics apart keep the word in the image type. A picture twice as large as what was measured, or
    wider than a scanner's bore, may be a mosaic.
    """
    measured = max(data.numbers("AcquisitionMatrix"), default=0.0)
    if measured > 0:
        return max(rows, columns) < 2 * measured
    spacing = data.numbers("PixelSpacing")
    return len(spacing) == 2 and max(rows * spacing[0], columns * spacing[1]) <= _WIDEST_MM


def siemens(header: Header) -> Siemens:
    """The CSA headers (0029,xx10) and (0029,xx20), read once more because they are large; empty where there are none.

    Raises:
        UnreadableInput: They are broken.
    """
    if header.path is None:
        return Siemens()
    data = read_header(header.path, limits=Limits.default(), tags=CSA_TAGS).data
    image = data.raw("SiemensCSAImage")
    told: Mapping[str, Any] = {}
    # nibabel warns when this module is imported
    with decoding(header.path, "Siemens CSA header"), quiet():
        if image:
            from nibabel.nicom import csareader

            read: Any = csareader.read
            told = (read(image) or {}).get("tags", {})

        def values(name: str) -> list[float]:
            return [float(v) for v in told.get(name, {}).get("items", []) if v not in {"", None}]

        normal = values("SliceNormalVector")
        return Siemens(
            count=int((values("NumberOfImagesInMosaic") or [0])[0]) or len(values("MosaicRefAcqTimes")),
            normal=_three(tuple(normal)),
            centres=_centres(data.raw("SiemensCSASeries")),
        )


def _centres(protocol: bytes) -> tuple[Vector, ...]:
    """Centres of the slices as the scanner's protocol gives them; a coordinate of zero is left out there."""
    start, stop = protocol.rfind(b"### ASCCONV BEGIN"), protocol.rfind(b"### ASCCONV END")
    found: dict[int, dict[bytes, float]] = {}
    for number, axis, value in _POSITION.findall(protocol[max(start, 0) : stop if stop > start else len(protocol)]):
        if int(number) < MOST_TILES:
            found.setdefault(int(number), {})[axis] = float(value)
    return tuple((p.get(b"Sag", 0.0), p.get(b"Cor", 0.0), p.get(b"Tra", 0.0)) for _, p in sorted(found.items()))


def _siemens_positions(data: Dataset, own: Siemens, count: int, whole: tuple[int, int], shape: tuple[int, int]) -> list[Vector | None]:
    """First pixels of the tiles.

    Image Position (Patient) of a mosaic is where the first pixel of a picture as large as the mosaic, centred on the
    first slice, would lie: half of what is too much is taken off. The tiles follow each other along the slice normal
    (or against it) by Spacing Between Slices.
    """
    position, directions = _three(data.numbers("ImagePositionPatient")), data.numbers("ImageOrientationPatient")
    spacing = data.numbers("PixelSpacing")
    step = abs(data.number("SpacingBetweenSlices") or data.number("SliceThickness") or 0.0)
    if position is None or len(directions) != 6 or len(spacing) != 2 or step == 0:
        return [None] * count
    row, column = directions[:3], directions[3:]
    right, down = spacing[1] * (whole[1] - shape[1]) / 2, spacing[0] * (whole[0] - shape[0]) / 2
    first = [p + r * right + c * down for p, r, c in zip(position, row, column, strict=True)]
    normal = row[1] * column[2] - row[2] * column[1], row[2] * column[0] - row[0] * column[2], row[0] * column[1] - row[1] * column[0]
    middle = [f + r * spacing[1] * shape[1] / 2 + c * spacing[0] * shape[0] / 2 for f, r, c in zip(first, row, column, strict=True)]
    way = _direction(own, normal, _dot(middle, normal), count, step)
    made: list[Vector | None] = []
    for n in range(count):
        x, y, z = (f + v * way * step * n for f, v in zip(first, normal, strict=True))
        made.append((x, y, z))
    return made


def _direction(own: Siemens, normal: Vector, first: float, count: int, step: float) -> int:
    """1 where the tiles follow each other along the normal, -1 against it.

    The protocol's own slice centres decide: the first tile lies at one end of them. Else the scanner's normal, which
    points from tile to tile however the slices are numbered (so nibabel and dcm2niix read it).
    """
    if len(own.centres) == count > 1:
        along = sorted(_dot(centre, normal) for centre in own.centres)
        low, high = abs(first - along[0]), abs(first - along[-1])
        if min(low, high) < step / 2:
            return 1 if low < high else -1
    return -1 if own.normal is not None and _dot(own.normal, normal) < 0 else 1


def _dot(a: Any, b: Any) -> float:
    return float(sum(x * y for x, y in zip(a, b, strict=True)))


def _three(numbers: tuple[float, ...]) -> Vector | None:
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 and all(map(math.isfinite, numbers)) else None

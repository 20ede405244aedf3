"""Files to nouns and back; the only folder that knows a format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sagittal.core import Annotation, Geometry, Image, LabelMap, Labels, Polygons
from sagittal.errors import UnreadableInput
from sagittal.io import _headers, _sniff, locator
from sagittal.io.guard import Limits
from sagittal.io.readers._slide_dicom import the_slide_in

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Limits", "identify", "read", "read_annotation", "read_table", "suffixes", "write"]


def read(source: str | Path, *, limits: Limits | None = None) -> Image:
    r"""The image that a locator names: a picture, a volume, or a row of a table.

    The content decides how it is read. The header is checked now, the pixels are decoded when the image is read.
    A folder or zip archive of DICOM is read by series: the only volume in it, or the one that ``folder::KEY`` names; a folder
    of the levels of one DICOM slide is that slide.

    Args:
        source: ``path`` or ``path::part``; see :mod:`sagittal.io.locator`.
        limits: How large it may be; the default of the program when None.

    Raises:
        UnreadableInput: Not there, empty, truncated, broken, over a limit, of a format that is not read, or of another
            one than its name says; the message names the file. Reading the pixels may raise it too.
        Refused: Several DICOM volumes where one is meant, or one whose slices must not be put together.

    >>> import numpy as np
    >>> target = getfixture("tmp_path") / "rows.csv"
    >>> _ = target.write_text("age,dose\n61,1.5\n48,2.0\n")
    >>> read(f"{target}::1").read().tolist()
    [48.0, 2.0]
    """
    limits, text = limits or Limits.default(), str(source)
    known = _headers.known(text, limits)
    if known is not None:
        return known
    path, part = _parts(source)
    state = _headers.state_of(path, limits)
    if path.is_dir():
        slide = the_slide_in(path, limits)
        if slide is None:
            return _series(path, part, limits)
        path = slide
    found = _sniff.look(path)
    if found.format.name == "ZIP":
        return _series(path, part, limits)
    if found.reader is None:
        what = f"it is a {found.format.name} file, which is not read as an image"
        raise UnreadableInput("UNSUPPORTED", path, what, "convert it to PNG, TIFF, NIfTI or npy")
    image = found.reader.read(path, part, limits, found.begun)
    if found.reader.resume is not None:
        _headers.remember(text, state, image)
    return image


def at_mpp(source: str, mpp: float, *, limits: Limits | None = None) -> str:
    """The locator of a slide or a picture with the micrometres a pixel that the user states; of anything else as it is.

    Raises:
        UnreadableInput: As :func:`read`.
        Refused: As :func:`read`.
    """
    path, part = _parts(source)
    if part or path.is_dir():
        return source
    reader = _sniff.look(path).reader
    known = reader is not None and (reader.name == "raster" or read(source, limits=limits).tiled)
    return locator.join(source, f"mpp={mpp:g}") if known else source


def read_table(path: str | Path, *, limits: Limits | None = None) -> pd.DataFrame:
    """The table in a CSV, TSV or parquet file; delimiter, encoding and header are told from the content.

    Columns are numbers or text; without a header row they are ``c0`` ... ``cN``. The frame is yours to change.

    Raises:
        UnreadableInput: Not a table, ragged, cut off, over a limit.
    """
    from sagittal.io.readers.table import load_table

    path = Path(path)
    found = _sniff.look(path)
    if found.reader is None or found.reader.name != "table":
        what = f"it is a {found.format.name} file where a table is expected"
        raise UnreadableInput("NOT_A_TABLE", path, what, "name a CSV, TSV or parquet file")
    return load_table(path, limits or Limits.default()).copy()


def read_annotation(source: str | Path, labels: Labels, *, like: Geometry | None = None, limits: Limits | None = None) -> Annotation:
    """What a person drew: outlines (SVG, DICOM RTSTRUCT), or a label map (picture, NIfTI, NRRD, MetaImage, npy, npz, HDF5, DICOM SEG).

    Args:
        source: ``path`` or ``path::part``.
        labels: The classes, and the numbers and colours that stand for them.
        like: The grid of the image that was drawn on; where the file itself has no place in the world it is laid on it.
        limits: How large it may be, and what is let through; the default of the program when None.

    Raises:
        UnreadableInput: As :func:`read`.
        Refused: Drawn on a canvas of another shape than ``like``, or with classes that ``labels`` does not have.
    """
    from sagittal.io._annotation import annotation

    path, part = _parts(source)
    if like is not None and like.frame == "slide":
        # Programs for slides draw in pixels of the finest level, whatever their size.
        return _on_slide(annotation(path, part, labels, Geometry.picture(like.shape), limits or Limits.default()), like)
    return annotation(path, part, labels, like, limits or Limits.default())


def write(image: Image, path: str | Path) -> None:
    """Write an image; the suffix says how: ``.png``, ``.jpg``, ``.tif``, ``.bmp``, ``.nii``, ``.nii.gz``, ``.mha``, ``.nrrd``.

    Raises:
        UsageError: A suffix that no writer knows, or values that the format cannot hold.
        StorageFailure: Disk full, read-only, not permitted.
    """
    _sniff.writer_of(Path(path)).write(image, Path(path))


def identify(path: str | Path) -> str | None:
    """The name of the format of a file by its content (``PNG``, ``text``, ``DICOM`` ...); None when not known.

    Raises:
        UnreadableInput: Not there, empty, not a regular file.
    """
    return _sniff.identify(Path(path))


def suffixes(*names: str) -> frozenset[str]:
    """The suffixes that the named readers know (lower case, with the dot); of all readers without a name.

    >>> sorted(suffixes("svg"))
    ['.svg']
    """
    shelf = _sniff.readers()
    return frozenset(s for name in names or shelf.names() for f in shelf.get(name).formats for s in f.suffixes)


def _series(path: Path, part: str, limits: Limits) -> Image:
    from sagittal.io.dicom.series import find_recent, pick

    volumes = find_recent(path, limits=limits)
    if not volumes and path.is_dir():
        raise UnreadableInput("IS_FOLDER", path, "it is a folder without DICOM images, where a file is expected", "name a file in it")
    return pick(volumes, part, path).image(allow=limits.allow)


def _on_slide(said: Annotation, slide: Geometry) -> Annotation:
    """What was drawn in pixels of a slide, in its world."""
    moved = slide.affine @ Geometry.picture(slide.shape).inverse
    if isinstance(said, Polygons):
        rings = [tuple(ring @ moved[:2, :2].T + moved[:2, 2] for ring in o.rings) for o in said.outlines]
        return replace(said, outlines=tuple(replace(o, rings=r) for o, r in zip(said.outlines, rings, strict=True)))
    if isinstance(said, LabelMap):
        own = said.image.geometry
        placed = Geometry(shape=own.shape, affine=moved @ own.affine, unit=slide.unit, frame=slide.frame)
        return replace(said, image=replace(said.image, geometry=placed, reduce=None))
    return said


def _parts(source: str | Path) -> tuple[Path, str]:
    if isinstance(source, Path):
        source = str(source)
    path, part = locator.split(source)
    if part and not Path(path).exists() and Path(source).exists():
        return Path(source), ""
    return Path(path), part
